# shellcheck shell=sh
# The rule about ports: free, or held by this installation's own services.

check_ports() {
    containers=$(container_facts)
    published=$(published_ports)
    listeners=$(listeners)
    sockets=$(sockets)
    port_settings=$(port_settings)
    free=0
    own=0
    while IFS=$TAB read -r component port protocol _; do
        case $component in '#'*) continue ;; esac
        port=$(site_port "$port")
        outcome=0
        holder=$(port_holder "$port/$protocol") || outcome=$?
        case $outcome:$holder in
            0:) free=$((free + 1)) ;;
            1:*) own=$((own + 1)) ;;
            2:*) finding fail port "$component" 11 port_kept "$port/$protocol" "$component" "$holder" ;;
            *) finding fail port "$component" 11 port_taken "$port/$protocol" "$component" "$holder" ;;
        esac
    done <"$TABLES/ports.tsv"
    [ "$own" -eq 0 ] || finding pass port - 0 ports_own "$own"
    [ "$free" -eq 0 ] || finding pass port - 0 ports_free "$free"
}

# The settings that stand for ports, by their defaults: PORT=NAME.
port_settings() {
    awk -F "$TAB" '$2 == "port" && !seen[$3]++ { print substr($3, 2) "=" $1 }' "$TABLES/settings.tsv"
}

# The port as this site sets it, where a setting stands for it.
site_port() { # PORT
    set_to=
    if name=$(value_in "$1" "$port_settings"); then set_to=$(setting_value "$name"); fi
    printf '%s\n' "${set_to:-$1}"
}

# Who holds a port, in words; nothing where it is free; fails with 1 where it is this project itself, and
# with 2 where it is the engine, for no container that runs.
port_holder() { # PORT/PROTOCOL
    if container=$(value_in "$1" "$published"); then
        [ "${container%%|*}" != "$PROJECT" ] || return 1
        message check.holder_container "${container#*|}"
        return 0
    fi
    inode=$(value_in "$1" "$listeners") || return 0
    if ! process=$(value_in "$inode" "$sockets"); then
        message check.holder_unknown
        return 0
    fi
    ! runs_in_project "$process" || return 1
    name=$(first_line "$HOST_ROOT/proc/$process/comm") || name='?'
    message check.holder_process "$name" "$process"
    [ "$name" != docker-proxy ] || return 2
}

# What the engine publishes: PORT/PROTOCOL=PROJECT|CONTAINER.
published_ports() {
    printf '%s\n' "$containers" | awk -F '|' '
        {
            ports = $0
            sub(/^[^|]*\|[^|]*\|[^|]*\|[^|]*\|/, "", ports)
            sub("^/", "", $4)
            # {"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}],"81/tcp":null}
            while (match(ports, /"[0-9]+\/[a-z]+":|"HostPort": *"[0-9]+"/)) {
                word = substr(ports, RSTART, RLENGTH)
                ports = substr(ports, RSTART + RLENGTH)
                if (word ~ /^"HostPort/) {
                    gsub(/[^0-9]/, "", word)
                    if (!seen[word, protocol]++) print word "/" protocol "=" $3 "|" $4
                } else {
                    gsub(/[^a-z]/, "", word)
                    protocol = word
                }
            }
        }'
}

# Whether a process is of a container of this project: its first one, or one in its control group.
runs_in_project() { # PROCESS
    printf '%s\n' "$containers" | awk -F '|' -v project="$PROJECT" '$3 == project { print $1, $2 }' |
        while read -r id first; do
            if [ "$first" = "$1" ] || grep -q -e "$id" "$HOST_ROOT/proc/$1/cgroup" 2>/dev/null; then
                echo yes
            fi
        done | grep -q yes
}

# Sockets that wait for others, PORT/PROTOCOL=INODE (proc(5); in hexadecimal; 0A is LISTEN, and
# 07 is what UDP shows for one that has no peer).
listeners() {
    for table in tcp tcp6 udp udp6; do
        awk -v protocol="${table%6}" '
            function number(hex,   i, sum) {
                for (i = 1; i <= length(hex); i++) {
                    sum = sum * 16 + index("0123456789ABCDEF", toupper(substr(hex, i, 1))) - 1
                }
                return sum
            }
            $1 ~ /^[0-9]+:$/ && $4 == (protocol == "tcp" ? "0A" : "07") {
                print number(substr($2, index($2, ":") + 1)) "/" protocol "=" $10
            }' "$HOST_ROOT/proc/net/$table" 2>/dev/null || :
    done | awk -F = '!seen[$1]++'
}

# Which process has which socket, as far as this user may see: INODE=PROCESS.
sockets() {
    find "$HOST_ROOT"/proc/[0-9]*/fd -type l -exec ls -l {} + 2>/dev/null | awk '
        match($0, /socket:\[[0-9]+\]$/) {
            inode = substr($0, RSTART + 8, RLENGTH - 9)
            sub(/\/fd\/[0-9]+ -> .*/, "")
            sub(/.*\//, "")
            if (!seen[inode]++) print inode "=" $0
        }'
}
