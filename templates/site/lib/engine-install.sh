# shellcheck shell=sh
# The engine that the bundle carries: Docker's static programs and the compose plugin, for a host
# that has no engine. What is written here is in engine-files.sh, the service in engine-service.sh.

# Stands in for / in tests: everything is read and written below it, and root is not needed.
ENGINE_ROOT=${ENGINE_ROOT:-}
ENGINE_BIN=/usr/local/bin
ENGINE_PLUGINS=/usr/local/lib/docker/cli-plugins
# How long the daemon may take until it answers.
ENGINE_SECONDS=${ENGINE_SECONDS:-60}
# What is to be installed: docker, compose or both.
PARTS=
# The names of the programs in Docker's archive. Reading it takes seconds, so it is read once.
PROGRAMS=

# `install.sh engine`, with or without --remove.
engine_only() {
    if [ "$REMOVE" = yes ]; then remove_engine; else install_engine "$ENGINE_DATA"; fi
}

install_engine() { # DATA-FOLDER-OF-THE-ENGINE
    if own_engine_whole; then
        keep_own_engine
        return 0
    fi
    choose_parts
    [ -n "$PARTS" ] || return 0
    check_engine_data "$1"
    for part in $PARTS; do check_extra "$part"; done
    check_machines
    check_engine_kernel
    check_engine_space
    check_foreign_files
    if [ "$DRY_RUN" = yes ]; then
        planned_files | while IFS= read -r path; do say engine.would_write "$path"; done
        say engine.nothing_changed
        return 0
    fi
    need_root
    ask_yes engine.ask "$(parts_in_words)" "$ENGINE_BIN"
    open_engine_home
    take_back || fail 5 engine.not_stopped
    put_engine "$1"
}

remove_engine() {
    if [ ! -f "$(engine_manifest)" ]; then
        say engine.not_ours
        return 0
    fi
    if [ "$DRY_RUN" = yes ]; then
        own_paths | while IFS= read -r path; do say engine.would_remove "$path"; done
        say engine.nothing_changed
        return 0
    fi
    need_root
    ask_yes engine.ask_remove "$(running_containers)"
    open_engine_home
    data=$(own_value data)
    take_back || fail 5 engine.not_stopped
    if [ -n "$data" ] && [ -d "$ENGINE_ROOT$data" ]; then say engine.data_left "$data"; fi
    say engine.removed
    LOG=/dev/null
    release_lock
    rm -f "$ENGINE_ROOT$ENGINE_HOME/install.log"
    rmdir "$ENGINE_ROOT$ENGINE_HOME" "$ENGINE_ROOT${ENGINE_HOME%/*}" 2>/dev/null || :
}

# Where an engine of ours is not in PATH (sudo often leaves /usr/local/bin out), it is after this.
find_own_engine() {
    case :$PATH: in *":$ENGINE_ROOT$ENGINE_BIN:"*) return 0 ;; esac
    if [ -f "$(engine_manifest)" ]; then PATH=$PATH:$ENGINE_ROOT$ENGINE_BIN; fi
}

need_root() {
    [ -n "$ENGINE_ROOT" ] || [ "$(id -u)" -eq 0 ] || fail 10 engine.need_root
}

# One field of what the bundle carries: 2 file, 3 sha256, 4 bytes, 5 version.
extra() { # docker|compose FIELD
    records extras |
        awk -F "$TAB" -v name="$1" -v field="$2" '$1 == name { print $field; exit }'
}

# Says what there is already, and sets PARTS to what is missing of what the bundle has.
choose_parts() {
    PARTS=
    if foreign_program docker || foreign_program dockerd; then
        here=$(docker --version 2>/dev/null) || here=docker
        case $here in *[Pp]odman*) say engine.there "$here"; return 0 ;; esac
        docker version --format '{{.Server.Version}}' >/dev/null 2>&1 </dev/null || fail 5 engine.there_silent "$here"
        if docker compose version >/dev/null 2>&1 || docker-compose version >/dev/null 2>&1; then
            say engine.there "$here"
        elif [ -n "$(extra compose 2)" ]; then
            say engine.compose_lacks "$here"
            PARTS=compose
        else
            say engine.there "$here"
            say engine.no_compose
        fi
        return 0
    fi
    if command -v podman >/dev/null; then
        say engine.there "$(podman --version 2>/dev/null || echo podman)"
        return 0
    fi
    [ -n "$(extra docker 2)" ] || fail 5 engine.none_carried
    PARTS=docker
    if [ -n "$(extra compose 2)" ]; then PARTS='docker compose'; else say engine.no_compose; fi
}

# Whether a program is here that a run of ours did not put here.
foreign_program() { # NAME
    program=$(command -v "$1") && ! is_ours "${program#"$ENGINE_ROOT"}"
}

parts_in_words() {
    words=
    for part in $PARTS; do
        case $part in docker) title=Docker ;; *) title='Docker Compose' ;; esac
        words=$words${words:+, }$title" "$(extra "$part" 5)
    done
    printf '%s\n' "$words"
}

wants() { # docker|compose
    case " $PARTS " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

# The engine's data folder becomes JSON, and the daemon has only one file that may say it.
check_engine_data() { # FOLDER
    [ -n "$1" ] || return 0
    value_fits path "$1" || fail 8 engine.bad_data "$1"
    wants docker || fail 8 engine.data_of_other "$1"
    place_is_free /etc/docker/daemon.json || fail 8 engine.daemon_json "$1"
}

check_extra() { # docker|compose
    file=$(extra_file "$1")
    [ -f "$file" ] || fail 3 engine.extra_missing "$file"
    [ "$(file_sum "$file")" = "$(extra "$1" 3)" ] || fail 3 engine.extra_damaged "$file"
}

extra_file() { # docker|compose
    printf '%s\n' "$ROOT/$(extra "$1" 2)"
}

# What is in Docker's archive: its folder docker/, with programs, and nothing else.
read_programs() {
    listed=$(tar -tzf "$(extra_file docker)" 2>>"$LOG") || return 1
    PROGRAMS=$(printf '%s\n' "$listed" | sed -e '/^docker\/*$/d' -e 's|^docker/||')
}

# Class, byte order and machine of a program (elf(5)), as text.
program_machine() { # <FILE
    head -c 20 | tr '\000' '0' | awk '
        NR == 1 && substr($0, 2, 3) == "ELF" { text = $0; known = 1; next }
        known { text = text "\n" $0 }
        END { if (known) print substr(text, 5, 2) substr(text, 19, 2); else exit 1 }'
}

# The programs are for the machine that the shell running this is for.
check_machines() {
    here=$(program_machine </bin/sh)
    if wants docker; then
        read_programs || fail 5 engine.cannot_unpack "$(extra_file docker)"
        for needed in docker dockerd containerd runc; do
            printf '%s\n' "$PROGRAMS" | grep -qx "$needed" || fail 3 engine.program_missing "$needed"
        done
        case $PROGRAMS in *[!a-z0-9._"$NEWLINE"-]*) fail 3 engine.extra_damaged "$(extra_file docker)" ;; esac
        # tar is not told to stop early: some end badly when nobody reads on.
        found=$(tar -xzf "$(extra_file docker)" -O docker/dockerd | { program_machine; cat >/dev/null; }) || found=
        [ "$found" = "$here" ] || wrong_machine
    fi
    if wants compose; then
        found=$(program_machine <"$(extra_file compose)") || found=
        [ "$found" = "$here" ] || wrong_machine
    fi
}

wrong_machine() {
    fail 4 engine.wrong_machine "$(bundle_value platform)" "$(host_platform)"
}

# What the daemon will miss in this kernel or beside it; only a trial shows whether it matters.
check_engine_kernel() {
    wants docker || return 0
    case $(uname -r) in
        [0-2].* | 3.[0-9] | 3.[0-9].*) say engine.old_kernel "$(uname -r)" ;;
    esac
    if ! grep -qw overlay "$ENGINE_ROOT/proc/filesystems" && ! modprobe -n overlay >/dev/null 2>&1; then
        say engine.no_overlay
    fi
    awk '$3 == "cgroup" || $3 == "cgroup2" { found = 1 } END { exit !found }' \
        "$ENGINE_ROOT/proc/mounts" || say engine.no_cgroups
    if ! has_program iptables; then
        if has_program nft; then say engine.only_nft; else say engine.no_iptables; fi
    fi
}

# PATH of an ordinary user, or of sudo, may lack the folders of the administrator's programs.
has_program() { # NAME
    command -v "$1" >/dev/null && return 0
    for folder in /usr/local/sbin /usr/sbin /sbin; do
        [ ! -x "$ENGINE_ROOT$folder/$1" ] || return 0
    done
    return 1
}

# Docker's programs take three times the room of their archive.
check_engine_space() {
    need=0
    for part in $PARTS; do
        case $part in docker) factor=4 ;; *) factor=2 ;; esac
        need=$(awk -v sum="$need" -v bytes="$(extra "$part" 4)" -v factor="$factor" \
            'BEGIN { printf "%.0f\n", sum + bytes * factor }')
    done
    folder=$ENGINE_ROOT/usr
    [ ! -d "$folder/local" ] || folder=$folder/local
    free=$(df -Pk -- "$folder" 2>/dev/null | awk 'NR == 2 { printf "%.0f\n", $4 * 1024 }') || free=
    case $(awk -v need="$need" -v free="${free:-$need}" 'BEGIN { print (free < need) }') in
        1) fail 6 engine.space_short "$folder" "$(human_size "$free")" "$(human_size "$need")" ;;
    esac
}

# Every file that would be written, for --dry-run and to find what is in the way.
planned_files() {
    if wants docker; then
        printf '%s\n' "$PROGRAMS" | sed "s|^|$ENGINE_BIN/|"
        if place_is_free /etc/docker/daemon.json; then echo /etc/docker/daemon.json; fi
        service_file "$(service_kind)"
    fi
    if wants compose; then
        printf '%s\n' "$ENGINE_PLUGINS/docker-compose"
        # The old name of compose; another program that bears it stays.
        if place_is_free "$ENGINE_BIN/docker-compose"; then printf '%s\n' "$ENGINE_BIN/docker-compose"; fi
    fi
    printf '%s\n' "$ENGINE_HOME/manifest"
}

place_is_free() { # PATH
    { [ ! -e "$ENGINE_ROOT$1" ] && [ ! -L "$ENGINE_ROOT$1" ]; } || is_ours "$1"
}

check_foreign_files() {
    foreign=$(planned_files | while IFS= read -r path; do
        [ "$path" != "$ENGINE_HOME/manifest" ] || continue
        place_is_free "$path" || printf '%s\n' "$path"
    done)
    [ -z "$foreign" ] || fail 11 engine.foreign "$foreign"
}

# Puts everything in its place; what this run did is taken back when it does not come to its end.
put_engine() { # DATA-FOLDER
    trap 'undo_engine $?' EXIT
    : >>"$(engine_manifest)"
    say engine.installing "$(parts_in_words)"
    if wants docker; then
        put_programs "$(extra_file docker)"
        make_docker_group
        put_daemon_json "$1"
    fi
    if wants compose; then put_compose "$(extra_file compose)"; fi
    if wants docker; then
        record data "${1:-/var/lib/docker}" -
        put_service
        start_service "$(own_value service)" || engine_failed
        wait_for_engine || engine_failed
    fi
    sync
    record whole "$(parts_in_words)" -
    sync
    trap 'leave $?' EXIT
    if wants docker; then
        say engine.installed "$(engine_answer)" "$(parts_in_words)"
    else
        say engine.compose_installed "$(parts_in_words)"
    fi
}

undo_engine() { # EXIT-CODE
    trap - EXIT
    say engine.taking_back >&2 || :
    take_back || say engine.not_stopped >&2 || :
    leave "$1"
}

# An engine that an earlier run installed: only made to run again.
keep_own_engine() {
    if answer=$(engine_answer); then
        say engine.ours_runs "$answer" "$(own_value whole)"
        return 0
    fi
    if [ "$DRY_RUN" = yes ]; then
        say engine.ours_stopped
        say engine.nothing_changed
        return 0
    fi
    need_root
    open_engine_home
    say engine.ours_stopped
    start_service "$(own_value service)" || engine_failed
    wait_for_engine || engine_failed
    say engine.ours_runs "$(engine_answer)" "$(own_value whole)"
}

engine_failed() {
    engine_log "$(own_value service)" | sed 's/^/    /' | tee -a "$LOG" >&2
    fail 5 engine.does_not_answer "$ENGINE_SECONDS"
}
