# shellcheck shell=sh
# What one run needs: messages to the terminal and the log, the lock, interruption, long commands.

LOG=/dev/null
LOCK=
CHILD=
STARTER=

# Says a message and writes it into the log.
say() { # KEY ARG...
    text=$(message "$@")
    printf '%s\n' "$text"
    log_text "$text"
}

# Says what went wrong and ends the run.
fail() { # EXIT-CODE KEY ARG...
    code=$1
    shift
    text=$(message "$@")
    printf '%s\n' "$text" >&2
    log_text "$text"
    exit "$code"
}

log_text() { # TEXT
    [ "$LOG" != /dev/null ] || return 0
    printf '%s %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$1" >>"$LOG"
}

# From here on the run writes install.log in the bundle's folder.
begin_log() { # DRY-RUN
    [ "$1" = no ] || return 0
    (umask 077 && : >>install.log) 2>/dev/null || fail 10 folder_not_writable "$PWD"
    chmod 600 install.log
    LOG=$PWD/install.log
    printf '\n' >>"$LOG"
}

# Two installers at once would write two sets of passwords.
take_lock() {
    if ! mkdir .install.lock 2>/dev/null; then
        owner=$(cat .install.lock/pid 2>/dev/null || :)
        if [ -z "$owner" ] || [ -d "/proc/$owner" ]; then
            fail 10 already_running "${owner:-?}" "$PWD/.install.lock"
        fi
    fi
    LOCK=$PWD/.install.lock
    printf '%s\n' "$$" >"$LOCK/pid"
}

handle_signals() {
    trap 'interrupted' INT TERM HUP
    trap 'leave $?' EXIT
}

interrupted() {
    trap '' INT TERM HUP
    for process in $CHILD $STARTER; do kill "$process" 2>/dev/null || :; done
    fail 130 interrupted
}

leave() { # EXIT-CODE
    trap - EXIT
    rm -f .install.env .install.env.new .install.up
    if [ -n "$LOCK" ]; then rm -rf "$LOCK"; fi
    if [ "$1" -eq 1 ]; then say unexpected "$LOG" >&2; fi
    exit "$1"
}

# Runs a command beside this one, its output in a file.
start() { # FILE COMMAND ARG...
    output=$1
    shift
    "$@" >"$output" 2>&1 </dev/null &
    STARTER=$!
}

# Whether what was started has ended. A process that nobody waited for yet is a zombie (proc(5)).
start_ended() {
    case $(sed 's/.*) //' "/proc/$STARTER/stat" 2>/dev/null) in
        '' | Z* | X*) return 0 ;;
        *) return 1 ;;
    esac
}

start_outcome() {
    outcome=0
    wait "$STARTER" || outcome=$?
    STARTER=
    return "$outcome"
}

# Runs a command with its output in the log, and lets an interruption end it at once.
attend() { # COMMAND ARG...
    "$@" >>"$LOG" 2>&1 </dev/null &
    CHILD=$!
    outcome=0
    wait "$CHILD" || outcome=$?
    CHILD=
    return "$outcome"
}

nap() { # SECONDS
    sleep "$1" &
    CHILD=$!
    wait "$CHILD" || :
    CHILD=
}

# A clock that nobody sets.
seconds() {
    IFS=. read -r whole _ </proc/uptime
    printf '%s\n' "$whole"
}
