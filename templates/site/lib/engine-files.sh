# shellcheck shell=sh
# The files of an engine that install.sh brings, and the list of them by which they go again. The
# list knows each before it has its name, so that a run that is cut off can be taken back whole.

# One line a thing: kind, path or name, sha256 or target or `-`, separated by tabs. Kinds: file, link,
# folder, group, service (systemd, openrc or lsb), data (where the engine keeps images), whole (what
# was installed; only a run that came to its end has it).
ENGINE_HOME=/var/lib/openim-bundler/engine

engine_manifest() {
    printf '%s\n' "$ENGINE_ROOT$ENGINE_HOME/manifest"
}

# From here on this run may change things, alone, and writes a log. It stays where a run fails.
open_engine_home() {
    HOME_DIR=$ENGINE_ROOT$ENGINE_HOME
    (umask 022 && mkdir -p "$HOME_DIR") 2>/dev/null || fail 10 folder_not_writable "$HOME_DIR"
    take_lock
    (umask 077 && : >>"$HOME_DIR/install.log") 2>/dev/null || fail 10 folder_not_writable "$HOME_DIR"
    LOG=$HOME_DIR/install.log
    printf '\n' >>"$LOG"
}

record() { # KIND PATH VALUE
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$(engine_manifest)"
}

# The name that stands beside a kind that comes once: whole, data, service.
own_value() { # KIND
    [ -f "$(engine_manifest)" ] || return 0
    awk -F "$TAB" -v kind="$1" '$1 == kind { print $2; exit }' "$(engine_manifest)"
}

# Whether an engine of ours is here, of a run that came to its end, with all its files.
own_engine_whole() {
    [ -n "$(own_value whole)" ] && [ -n "$(own_value service)" ] || return 1
    missing=$(own_paths | while IFS= read -r path; do
        [ -e "$ENGINE_ROOT$path" ] || printf '%s\n' "$path"
    done)
    [ -z "$missing" ]
}

own_paths() {
    awk -F "$TAB" '$1 == "file" || $1 == "link" { print $2 }' "$(engine_manifest)"
}

file_sum() { # PATH
    sum=$(sha256sum <"$1") && printf '%s\n' "${sum%% *}"
}

# Whether what is at a path is what a run of ours put there, unchanged.
is_ours() { # PATH
    [ -f "$(engine_manifest)" ] || return 1
    known=$(awk -F "$TAB" -v path="$1" \
        '($1 == "file" || $1 == "link") && $2 == path { line = $1 FS $3 } END { print line }' \
        "$(engine_manifest)")
    case $known in
        file"$TAB"*)
            [ -f "$ENGINE_ROOT$1" ] && [ ! -L "$ENGINE_ROOT$1" ] &&
                [ "$(file_sum "$ENGINE_ROOT$1")" = "${known#*"$TAB"}" ] ;;
        link"$TAB"*)
            [ -L "$ENGINE_ROOT$1" ] && [ "$(link_target "$ENGINE_ROOT$1")" = "${known#*"$TAB"}" ] ;;
        *) return 1 ;;
    esac
}

# Where a symbolic link leads (POSIX: ls -l shows it behind an arrow).
link_target() { # PATH
    shown=$(ls -ld -- "$1")
    printf '%s\n' "${shown##* -> }"
}

# Makes a folder and those above it, remembering which were not there.
make_folder() { # PATH
    [ ! -d "$ENGINE_ROOT$1" ] || return 0
    make_folder "${1%/*}"
    record folder "$1" -
    (umask 022 && mkdir "$ENGINE_ROOT$1") || fail 10 folder_not_writable "$ENGINE_ROOT$1"
}

# Gives a file that lies beside its place its name. The disk knows the list before the name.
name_file() { # TEMPORARY PATH MODE
    if [ "$(id -u)" -eq 0 ]; then chown 0:0 "$1"; fi
    chmod "$3" "$1"
    record file "$2" "$(file_sum "$1")"
    sync
    mv -f "$1" "$ENGINE_ROOT$2"
}

# Writes what it reads.
put_text() { # PATH MODE <TEXT
    make_folder "${1%/*}"
    waiting=$ENGINE_ROOT${1%/*}/.openim-bundler.new
    (umask 022 && cat >"$waiting") || fail 6 engine.cannot_write "$ENGINE_ROOT$1"
    name_file "$waiting" "$1" "$2"
}

# The programs of Docker's archive, by way of a folder beside their places: a name there is whole.
put_programs() { # ARCHIVE
    make_folder "$ENGINE_BIN"
    unpacked=$ENGINE_ROOT$ENGINE_BIN/.openim-bundler.new
    rm -rf "$unpacked"
    mkdir "$unpacked" || fail 10 folder_not_writable "$ENGINE_ROOT$ENGINE_BIN"
    attend tar -xzf "$1" -C "$unpacked" || fail 6 engine.cannot_write "$unpacked"
    for program in $PROGRAMS; do
        if [ ! -f "$unpacked/docker/$program" ] || [ -L "$unpacked/docker/$program" ]; then
            fail 3 engine.extra_damaged "$1"
        fi
        name_file "$unpacked/docker/$program" "$ENGINE_BIN/$program" 755
    done
    rm -rf "$unpacked"
}

put_compose() { # PROGRAM
    put_text "$ENGINE_PLUGINS/docker-compose" 755 <"$1"
    place_is_free "$ENGINE_BIN/docker-compose" || return 0
    make_folder "$ENGINE_BIN"
    target=../lib/docker/cli-plugins/docker-compose
    record link "$ENGINE_BIN/docker-compose" "$target"
    ln -s "$target" "$ENGINE_ROOT$ENGINE_BIN/docker-compose"
}

# A group whose members may use the engine without being root; it goes on without.
make_docker_group() {
    ! grep -q '^docker:' "$ENGINE_ROOT/etc/group" || return 0
    record group docker -
    for program in groupadd addgroup; do
        command -v "$program" >/dev/null || continue
        case $program in
            groupadd) attend groupadd -r docker || continue ;;
            addgroup) attend addgroup -S docker || continue ;;
        esac
        return 0
    done
    say engine.no_group
}

# Logs of containers grow without end unless somebody says how far.
put_daemon_json() { # DATA-FOLDER
    place_is_free /etc/docker/daemon.json || { say engine.daemon_json_kept; return 0; }
    {
        printf '{\n'
        [ -z "$1" ] || printf '  "data-root": "%s",\n' "$1"
        printf '  "log-driver": "json-file",\n  "log-opts": { "max-size": "50m", "max-file": "3" }\n}\n'
    } | put_text /etc/docker/daemon.json 644 || exit $?
}

# Takes away what the list names and nobody changed since, last things first, and then the list.
take_back() {
    [ -f "$(engine_manifest)" ] || return 0
    service=$(own_value service)
    if [ -n "$service" ]; then stop_service "$service" || return 1; fi
    rm -rf "$ENGINE_ROOT$ENGINE_BIN/.openim-bundler.new"
    folders=
    lines=$(awk '{ line[NR] = $0 } END { for (i = NR; i > 0; i--) print line[i] }' "$(engine_manifest)")
    while IFS=$TAB read -r kind path _; do
        case $kind in
            file | link) remove_own "$path" ;;
            group) remove_docker_group ;;
            folder) folders="$folders $path" ;;
        esac
    done <<LINES
$lines
LINES
    rm -f "$(engine_manifest)"
    [ "$service" != systemd ] || attend systemctl daemon-reload || :
    for path in $folders; do
        rm -f "$ENGINE_ROOT$path/.openim-bundler.new"
        rmdir "$ENGINE_ROOT$path" 2>/dev/null || :
    done
}

remove_own() { # PATH
    rm -f "$ENGINE_ROOT${1%/*}/.openim-bundler.new"
    if is_ours "$1"; then
        rm -f "$ENGINE_ROOT$1"
    elif [ -e "$ENGINE_ROOT$1" ]; then
        say engine.changed_stays "$1"
    fi
}

# The group goes unless somebody was put into it.
remove_docker_group() {
    members=$(awk -F : '$1 == "docker" { print $4; found = 1 } END { exit !found }' \
        "$ENGINE_ROOT/etc/group") || return 0
    if [ -n "$members" ]; then
        say engine.group_stays "$members"
    elif command -v groupdel >/dev/null; then
        attend groupdel docker || :
    elif command -v delgroup >/dev/null; then
        attend delgroup docker || :
    fi
}
