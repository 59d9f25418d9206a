# shellcheck shell=sh
# One run at a time changes an installation. A run that was killed leaves its lock, and perhaps an engine
# command that still works: the next run ends that, and takes the lock over.

# A process as nothing that comes later is: its number and when it started (proc(5), field 22).
process_mark() { # PID
    # The second field is the program's name in parentheses, whatever that is.
    printf '%s %s\n' "$1" "$(awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null)"
}

mark_lives() { # MARK
    [ -n "${1%% *}" ] && [ -d "/proc/${1%% *}" ] && [ "$(process_mark "${1%% *}")" = "$1" ]
}

take_lock() {
    lock=$HOME_DIR/lock
    # Known before the lock is there: one that nobody has put a name into for a second is taken for stale.
    own=$(process_mark "$$")
    until mkdir "$lock" 2>/dev/null; do
        [ -d "$lock" ] || fail 10 folder_not_writable "$HOME_DIR"
        owner=$(cat "$lock/pid" 2>/dev/null) || owner=
        # It may just be writing who it is.
        if [ -z "$owner" ]; then
            sleep 1
            owner=$(cat "$lock/pid" 2>/dev/null) || owner=
        fi
        if mark_lives "$owner"; then fail 10 already_running "${owner%% *}"; fi
        end_orphan "$(cat "$lock/child" 2>/dev/null || :)"
        remove_stale "$lock" "$owner"
    done
    LOCK=$lock
    printf '%s\n' "$own" >"$LOCK/pid"
}

# Two runs may find the same stale lock. Renaming it shows which of them it was; a lock that someone
# has taken meanwhile is put back.
remove_stale() { # LOCK OWNER
    stale=$1.stale.$$
    mv "$1" "$stale" 2>/dev/null || return 0
    if [ "$(cat "$stale/pid" 2>/dev/null || :)" = "$2" ]; then
        rm -rf "$stale"
    else
        mv "$stale" "$1" 2>/dev/null || :
    fi
}

# What a killed run had started goes on without it, and would work against us.
end_orphan() { # MARK
    mark_lives "$1" || return 0
    pid=${1%% *}
    kill "$pid" 2>/dev/null || :
    patience=10
    while [ "$patience" -gt 0 ] && mark_lives "$1"; do
        sleep 1
        patience=$((patience - 1))
    done
    if mark_lives "$1"; then kill -9 "$pid" 2>/dev/null || :; fi
}

note_child() { # PID
    [ -z "$LOCK" ] || process_mark "$1" >"$LOCK/child"
}

release_lock() {
    [ -z "$LOCK" ] || rm -rf "$LOCK"
    LOCK=
}
