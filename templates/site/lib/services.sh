# shellcheck shell=sh
# Starting the services and waiting until they do their work.

# How often to look at the services.
POLL_SECONDS=${POLL_SECONDS:-5}

# One line a service, as it was when somebody looked last.
states=

# Starts the services of the release at hand and waits until each is healthy, or running where it has no
# health check. Fails, having said why, where one ends, compose gives up, or the time is over.
bring_up() {
    say starting_services
    expected=$(expected_services)
    set -- up -d --remove-orphans
    # Sealed services never pull; where compose knows the option it is told so once more.
    if [ "$(compose_file)" = compose.yaml ] && project up --help 2>/dev/null | grep -q -e '--pull string'; then
        set -- "$@" --pull never
    fi
    begin=$(seconds)
    before=
    told=
    started=no
    states=
    if [ "$COMPOSE" = podman-compose ] && ! clear_outdated; then
        not_ready compose_failed
        return 1
    fi
    settle_containers
    note_volumes
    # podman-compose shows whole command lines, passwords too.
    SECRETS=$(all_secrets)
    (umask 077 && : >"$HOME_DIR/up.log")
    chmod 600 "$HOME_DIR/up.log"
    start "$HOME_DIR/up.log" become_project "$@"
    while :; do
        if [ "$started" = no ] && start_ended; then
            started=yes
            start_outcome || started=failed
            without_secrets <"$HOME_DIR/up.log" >>"$LOG"
        fi
        run_health_checks
        states=$(service_states "$expected")
        open=$(printf '%s\n' "$states" | grep -v '^ready' || :)
        if [ "$started" = failed ]; then
            not_ready compose_failed
            if grep -q 'port is already allocated' "$HOME_DIR/up.log"; then say port_allocated "$ENGINE" >&2; fi
            return 1
        fi
        # Until compose has done its part, what has ended may be a container of an earlier run.
        case $started$open in
            yes*"failed$TAB"*)
                not_ready service_failed
                return 1 ;;
            # podman-compose says that all is well when it could not make a container.
            yes*"$TAB-$TAB"*)
                not_ready compose_failed
                return 1 ;;
            yes)
                # Twice the same: a service that keeps falling over looks well in between.
                if [ "$states" = "$before" ]; then
                    rm -f "$HOME_DIR/up.log"
                    return 0
                fi ;;
        esac
        before=$states
        passed=$(($(seconds) - begin))
        if [ "$passed" -ge "$TIMEOUT" ]; then
            not_ready too_slow "$TIMEOUT"
            return 1
        fi
        say_progress "$passed" "$states"
        nap "$POLL_SECONDS"
    done
}

# Compose replaces a container by way of a second name, an id and _ before the first: the new container
# bears it until the old one is gone (v1: the old one, until the new one is there). Killed in between,
# compose leaves one that its next run stumbles over. It gets its name where nobody has that, and goes
# where somebody does; the volumes stay.
settle_containers() {
    "$ENGINE" ps -a --no-trunc --filter "label=com.docker.compose.project=$PROJECT" \
        --format '{{.ID}} {{.Names}}' 2>/dev/null </dev/null |
        while read -r id name; do
            case $name in "$PROJECT"[_-]*) continue ;; esac
            proper=$(printf '%s\n' "$name" | sed -n 's/^[0-9a-f]\{12\}_//p')
            [ -n "$proper" ] || continue
            # The engine takes the beginning of an id for a name as well.
            holder=$("$ENGINE" inspect --type container \
                --format '{{.Name}} {{index .Config.Labels "com.docker.compose.project"}}' "$proper" \
                2>/dev/null </dev/null) || holder=
            case ${holder#/} in
                "$proper $PROJECT") attend "$ENGINE" rm -f "$id" || : ;;
                "$proper "*) ;;
                *) attend "$ENGINE" rename "$id" "$proper" || : ;;
            esac
        done
}

# podman-compose leaves a container as it is, whatever has changed in its service: those that were made for
# another release, or with other settings, go before it makes new ones.
clear_outdated() {
    made_for=$(cat "$RELEASE_DIR/$(compose_file)" "$ENV_FILE" "$TABLES/images.tsv" | sha256sum)
    made_for=${made_for%% *}
    [ "$(state_value containers)" != "$made_for" ] || return 0
    remove_project || return 1
    write_state "containers=$made_for"
}

# Stops the services and removes their containers and networks. podman-compose does so only for what the
# file at hand names, keeps the networks, and gives a database one second to end.
remove_project() {
    note_volumes
    if [ "$COMPOSE" != podman-compose ]; then
        attend become_project down --remove-orphans
        return
    fi
    set --
    for id in $("$ENGINE" ps -aq --filter "label=com.docker.compose.project=$PROJECT" </dev/null); do
        set -- "$@" "$id"
    done
    if [ $# -gt 0 ]; then
        attend "$ENGINE" stop -t 30 "$@" || :
        attend "$ENGINE" rm -f "$@" || return 1
    fi
    for id in $("$ENGINE" network ls -q --filter "label=com.docker.compose.project=$PROJECT" </dev/null); do
        attend "$ENGINE" network rm "$id" || return 1
    done
}

# The services that come up: those of the compose file without a profile.
expected_services() {
    project config --services 2>/dev/null || records images | cut -f 1
}

# One line a service: ready, waiting or failed; name; what the engine says; container; restarts.
service_states() { # EXPECTED
    {
        printf '%s\n' "$1"
        containers
    } | awk -F '|' -v OFS='\t' -v absent="$(message not_created)" '
        BEGIN { name[0] = "ready"; name[1] = "waiting"; name[2] = "failed" }
        NF == 1 { if ($1 != "") { order[++count] = $1; wanted[$1] } next }
        $7 == "True" || !($1 in wanted) { next }
        {
            word = $2
            rank = 1
            if ($2 == "running" && ($3 == "healthy" || $3 == "" || $3 == "none")) rank = 0
            else if ($2 == "exited" && $4 == 0 && $6 !~ /always|unless-stopped/) rank = 0
            else if ($2 == "dead" || ($2 == "exited" && $6 ~ /^(no)?$/)) rank = 2
            else if ($2 == "running") word = $3
            if ($2 == "exited") word = word " (" $4 ")"
            # Of several containers of one service, the worst counts.
            if (($1 in worst) && worst[$1] >= rank) next
            worst[$1] = rank
            line[$1] = name[rank] OFS $1 OFS word OFS $8 OFS $5
        }
        END {
            for (i = 1; i <= count; i++) {
                if (order[i] in line) print line[order[i]]
                else print "waiting", order[i], absent, "-", 0
            }
        }'
}

# One line a container of the project:
# service|state|health|exit code|restarts|restart policy|one-off|id
containers() {
    case $ENGINE in
        docker) health='{{if .State.Health}}{{.State.Health.Status}}{{end}}' ;;
        podman) health='{{.State.Healthcheck.Status}}' ;;
    esac
    format='{{index .Config.Labels "com.docker.compose.service"}}|{{.State.Status}}|'$health
    format=$format'|{{.State.ExitCode}}|{{.RestartCount}}|{{.HostConfig.RestartPolicy.Name}}'
    format=$format'|{{index .Config.Labels "com.docker.compose.oneoff"}}'
    # With {{.Id}} in the format Docker falls back to the bare JSON (its field is ID), and there the
    # health of a container without a health check is an error. A container that goes between the
    # two commands is missing in the answer, and no more.
    "$ENGINE" ps -aq --no-trunc --filter "label=com.docker.compose.project=$PROJECT" |
        while IFS= read -r id; do
            if facts=$("$ENGINE" inspect --format "$format" "$id" 2>/dev/null </dev/null); then
                printf '%s|%s\n' "$facts" "$id"
            fi
        done
}

# What the last health check of a container said.
last_probe() { # CONTAINER
    probe='exit code {{.ExitCode}} {{.Output}}{{println}}{{end}}'
    case $ENGINE in
        docker) probes="{{if .State.Health}}{{range .State.Health.Log}}$probe{{end}}" ;;
        podman) probes="{{range .State.Healthcheck.Log}}$probe" ;;
    esac
    "$ENGINE" inspect --format "$probes" "$1" 2>/dev/null | grep . | tail -n 1 || :
}

# Says where things stand when that has changed, and every half minute.
say_progress() { # SECONDS STATES
    progress=$(printf '%s\n' "$2" | awk -F '\t' '
        $1 == "ready" { ready++; next }
        $1 != "" { names = names (waiting++ ? ", " : "") $2 " (" $3 ")" }
        END { print ready + 0 "\t" ready + waiting "\t" names }')
    [ "$progress $(($1 / 30))" != "$told" ] || return 0
    told="$progress $(($1 / 30))"
    ready=${progress%%"$TAB"*}
    progress=${progress#*"$TAB"}
    all=${progress%%"$TAB"*}
    names=${progress#*"$TAB"}
    if [ -n "$names" ]; then say waiting "$1" "$ready" "$all" "$names"; else say settling "$1" "$all"; fi
}

# Says which services are not ready, shows their last words, and why nobody waits any longer.
not_ready() { # KEY ARG...
    if [ -n "$STARTER" ]; then
        kill "$STARTER" 2>/dev/null || :
        # A shell may want to tell that it was killed.
        start_outcome 2>/dev/null || :
    fi
    if [ -s "$HOME_DIR/up.log" ]; then
        tail -n 20 "$HOME_DIR/up.log" | without_secrets | tee -a "$LOG" >&2
    fi
    printf '%s\n' "$states" | awk -F '\t' '$1 != "ready"' |
        while IFS=$TAB read -r _ name word id restarts; do
            [ -n "$name" ] || continue
            say service_not_ready "$name" "$word" "$restarts" >&2
            [ "$id" != - ] || continue
            probe=$(last_probe "$id")
            [ -z "$probe" ] || say health_check_said "$probe" >&2
            "$ENGINE" logs --tail 20 "$id" 2>&1 </dev/null | without_secrets | sed 's/^/    /' | tee -a "$LOG" >&2
        done
    say "$@" >&2
}

# Podman leaves its health checks to systemd. Where that does not run nobody does them but we, and what
# the engine says is as old as the last one.
run_health_checks() {
    [ "$ENGINE" = podman ] && [ ! -d "$HOST_ROOT/run/systemd/system" ] || return 0
    containers | while IFS='|' read -r _ state health _ _ _ _ id; do
        case $state:$health in
            *: | *:none | *:'<no value>') ;;
            running:*) "$ENGINE" healthcheck run "$id" >/dev/null 2>&1 </dev/null || : ;;
        esac
    done
}

# Whether all services are ready now, without waiting. Leaves their states in `states`.
all_ready() {
    run_health_checks
    states=$(service_states "$(expected_services)")
    case $states in
        '' | *"waiting$TAB"* | *"failed$TAB"*) return 1 ;;
    esac
}

container_of() { # SERVICE
    containers | awk -F '|' -v name="$1" '$1 == name && $7 != "True" && $2 == "running" { print $8; exit }'
}

report_success() {
    report_addresses
    data=$(setting_value DATA_DIR)
    say settings_hint "$ENV_FILE"
    [ -z "$data" ] || say data_hint "$data"
    say status_hint "$HOME_DIR/current/install.sh"
}

report_addresses() {
    printf '%s\n' "$states" | while IFS=$TAB read -r _ name _ id _; do
        [ -n "$name" ] && [ "$id" != - ] || continue
        title=$(component_title "$name")
        addresses "$name" "$id" | while IFS= read -r address; do
            say address "$name" "$address" "$title"
        done
    done
}

# Where a service listens: what the engine publishes or, on the host's own network, what the
# component table says.
addresses() { # SERVICE CONTAINER
    published=$("$ENGINE" port "$2" 2>/dev/null | sed -n 's/.* -> \([0-9]\)/\1/p' | sort -u) || published=
    if [ -n "$published" ]; then
        printf '%s\n' "$published"
    else
        records ports | awk -F "$TAB" -v name="$1" '$1 == name { print ":" $2 }'
    fi
}

component_title() { # COMPONENT
    records ports | awk -F "$TAB" -v name="$1" -v column="$(in_language 4 5)" \
        '$1 == name { print $column; exit }'
}
