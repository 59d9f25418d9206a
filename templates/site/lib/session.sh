# shellcheck shell=sh
# What one run needs: messages to the terminal and the log, questions, interruption, long commands.

NEWLINE='
'
TAB=$(printf '\t')
LOG=/dev/null
LOCK=
CHILD=
STARTER=
stamped=

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
    json_error "$code" "$text"
    exit "$code"
}

# Whether the one document that --json promises is out already.
JSON_SAID=no

# What went wrong, for the program that asked. Descriptor 3 is its own, wherever output goes by now.
json_error() { # EXIT-CODE TEXT
    if [ "$JSON" = no ] || [ "$JSON_SAID" = yes ]; then return 0; fi
    JSON_SAID=yes
    printf '{\n  "error": { "exitCode": %s, "message": %s }\n}\n' "$1" "$(json_string "$2")" >&3
}

# A disk that is full must not keep a run from going back, nor take its exit code. One look at the clock does
# for all lines of a second.
log_text() { # TEXT
    [ "$LOG" != /dev/null ] || return 0
    IFS=. read -r second _ </proc/uptime
    if [ "$second" != "$stamped" ]; then
        stamped=$second
        stamp=$(date '+%Y-%m-%d %H:%M:%S')
    fi
    printf '%s %s\n' "$stamp" "$1" 2>/dev/null >>"$LOG" || :
}

# Asks before something that cannot simply be done again. Without a terminal --yes has to answer.
ask_yes() { # KEY ARG...
    [ "$YES" = no ] || return 0
    [ -t 0 ] || fail 2 nobody_to_ask "$COMMAND"
    message "$@"
    printf '%s ' "$(message yes_or_no)"
    read -r answer || answer=
    log_text "$(message "$@") $answer"
    case $answer in
        [yY] | [yY][eE][sS] | 是) return 0 ;;
    esac
    fail 2 not_confirmed
}

handle_signals() {
    trap 'interrupted' INT TERM HUP
    trap 'leave $?' EXIT
}

interrupted() {
    trap '' INT TERM HUP
    for process in $CHILD $STARTER; do kill "$process" 2>/dev/null || :; done
    fail 130 interrupted "$ROOT/install.sh $COMMAND"
}

leave() { # EXIT-CODE
    trap - EXIT
    release_lock
    if [ "$1" -eq 1 ]; then say unexpected "$LOG" >&2; fi
    exit "$1"
}

# Runs a command beside this one, its output in a file.
start() { # FILE COMMAND ARG...
    output=$1
    shift
    "$@" >"$output" 2>&1 </dev/null &
    STARTER=$!
    note_child "$STARTER"
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
    note_child "$CHILD"
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
