# shellcheck shell=sh
# Smoke tests: each service does the least of its work once, as the bundle definition says.

# Seconds between two tries of a test.
SMOKE_PAUSE=${SMOKE_PAUSE:-2}

# Runs every test of the release at hand and says how each went. Fails where one failed.
smoke_tests() {
    smoke_table=$TABLES/smoke.tsv
    if [ ! -f "$smoke_table" ] || ! grep -qv '^#' "$smoke_table"; then return 0; fi
    say smoke_head
    smoke_failed=0
    while IFS=$TAB read -r component kind limit expect command; do
        case $component in '#'*) continue ;; esac
        # Emulated programs take their time.
        if [ "$EMULATION" = yes ]; then limit=$((limit * 3)); fi
        if smoke_test "$component" "$kind" "$limit" "$expect" "$command"; then
            say smoke_passed "$component" "$shown_command"
        elif [ "$outcome" = 200 ]; then
            say smoke_skipped "$component" "$shown_command"
        else
            say smoke_failed "$component" "$shown_command" "$outcome" "$(printf '%s\n' "$answer" | tail -n 3 | without_secrets)" >&2
            smoke_failed=$((smoke_failed + 1))
        fi
    done <"$smoke_table"
    if [ "$smoke_failed" -gt 0 ]; then
        say smoke_not_passed "$smoke_failed" >&2
        return 1
    fi
}

# Tries until it passes or the limit is over: a service that is healthy may need another moment.
smoke_test() { # COMPONENT KIND LIMIT EXPECT COMMAND
    smoke_end=$(($(seconds) + $3))
    shown_command=$(shown_words "$2" "$5" | cut -c 1-100)
    while :; do
        # A try that has begun gets the time to end.
        left=$((smoke_end - $(seconds)))
        if [ "$left" -lt 5 ]; then left=5; fi
        outcome=0
        case $2 in
            run) answer=$(run_inside "$1" "$left" "$5") || outcome=$? ;;
            http) answer=$(ask_http "$(with_settings "$5")" "$left") || outcome=$? ;;
            *) answer=$2 outcome=200 ;;
        esac
        if [ "$outcome" = 0 ]; then
            [ "$4" != - ] || return 0
            if printf '%s\n' "$answer" | grep -qF -e "$4"; then return 0; fi
            outcome="0, $(message smoke_expected "$4")"
        fi
        [ "$outcome" != 200 ] || return 1
        if [ "$(seconds)" -ge "$smoke_end" ]; then return 1; fi
        sleep "$SMOKE_PAUSE"
    done
}

# Takes the first word off smoke_rest, where words stand quoted for a shell as the table has them, into
# smoke_word. No shell is asked what they mean: a table is data.
next_smoke_word() {
    case $smoke_rest in
        "'"*) smoke_rest=${smoke_rest#"'"} ;;
        *) return 1 ;;
    esac
    smoke_word=
    while :; do
        case $smoke_rest in
            *"'"*) ;;
            *) return 1 ;;
        esac
        smoke_word=$smoke_word${smoke_rest%%"'"*}
        smoke_rest=${smoke_rest#*"'"}
        case $smoke_rest in
            "\\''"*)
                smoke_word=$smoke_word\'
                smoke_rest=${smoke_rest#"\\''"}
                ;;
            '' | ' '*)
                smoke_rest=${smoke_rest# }
                return 0
                ;;
            *) return 1 ;;
        esac
    done
}

shown_words() ( # KIND COMMAND
    kind=$1
    smoke_rest=$2
    if [ "$kind" = run ]; then
        set --
        while next_smoke_word; do set -- "$@" "$smoke_word"; done
    else
        set -- "$2"
    fi
    printf '%s\n' "$*"
)

# A command in the container of a service; the words come quoted for a shell.
run_inside() { # SERVICE SECONDS WORDS
    inside=$(container_of "$1")
    if [ -z "$inside" ]; then
        message no_container "$1"
        return 1
    fi
    limit=$2
    smoke_rest=$3
    set --
    while next_smoke_word; do set -- "$@" "$smoke_word"; done
    # A table that was tampered with is no command.
    [ -z "$smoke_rest" ] || return 1
    within "$limit" "$ENGINE" exec "$inside" "$@"
}

# Whatever program here can ask; 200 where none can.
ask_http() { # URL SECONDS
    if command -v curl >/dev/null; then
        curl -fsS --noproxy '*' --max-time "$2" "$1" 2>&1
    elif command -v wget >/dev/null; then
        (
            unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
            within "$2" wget -q -O - "$1"
        )
    else
        return 200
    fi
}

# Runs a command for so many seconds at the most; both its outputs come on standard output.
within() { # SECONDS COMMAND ARG...
    patience=$1
    shift
    "$@" 2>&1 </dev/null &
    runner=$!
    (
        sleep "$patience"
        kill "$runner" 2>/dev/null
    ) >/dev/null 2>&1 &
    watch=$!
    result=0
    wait "$runner" 2>/dev/null || result=$?
    kill "$watch" 2>/dev/null || :
    return "$result"
}

# A text with the settings in the places of their names.
with_settings() { # TEXT
    rest=$1
    while :; do
        case $rest in
            *'${'*'}'*) ;;
            *) break ;;
        esac
        after=${rest#*'${'}
        name=${after%%'}'*}
        rest=${rest%%'${'*}$(setting_value "$name")${after#*'}'}
    done
    printf '%s\n' "$rest"
}
