# shellcheck shell=sh
# The command line.

COMMAND=
WORDS=
HELP=no
YES=no
DRY_RUN=no
JSON=no
EMULATION=no
WANTED_ENGINE=
WANTED_HOME=
WANTED_PROJECT=
SETTINGS_FILE=
DEFAULT_TIMEOUT=600
TIMEOUT=$DEFAULT_TIMEOUT
ONLY=
REGISTRY=
TAIL=200
FOLLOW=no
PURGE=no
CONFIRMED=
REMOVE=no
ENGINE_DATA=

COMMANDS='install check load configure up status logs down upgrade rollback verify prune uninstall engine support'

# The value of an option: `--name VALUE` or `--name=VALUE`.
option_value() { # OPTION COUNT NEXT
    case $1 in
        --*=*) printf '%s\n' "${1#*=}" ;;
        *) [ "$2" -ge 2 ] || fail 2 option_without_value "$1"
           printf '%s\n' "$3" ;;
    esac
}

parse_arguments() {
    while [ $# -gt 0 ]; do
        value=
        taken=1
        case $1 in
            --lang | --data-dir | --host-address | --set | --settings | --timeout | --engine | --home | --project | \
                --only | --registry | --tail | --confirm | --engine-data) taken=2 ;;
        esac
        case $taken:$1 in
            2:* | 1:--*=*) value=$(option_value "$1" "$#" "${2-}") || exit $? ;;
        esac
        case $1 in
            -h | --help) HELP=yes ;;
            -y | --yes) YES=yes ;;
            --dry-run) DRY_RUN=yes ;;
            --json)
                JSON=yes
                exec 3>&1
                ;;
            --allow-emulation) EMULATION=yes ;;
            --follow | -f) FOLLOW=yes ;;
            --purge) PURGE=yes ;;
            --remove) REMOVE=yes ;;
            --lang | --lang=*) use_language "$value" ;;
            --set | --set=*) choose_setting "$value" ;;
            --host-address | --host-address=*) choose_setting "HOST_ADDRESS=$value" ;;
            --data-dir | --data-dir=*) choose_setting "DATA_DIR=$(from_here "$value")" ;;
            --settings | --settings=*) SETTINGS_FILE=$(from_here "$value") ;;
            --engine | --engine=*) WANTED_ENGINE=$value ;;
            --engine-data | --engine-data=*) ENGINE_DATA=$(from_here "$value") ;;
            --timeout | --timeout=*) TIMEOUT=$value ;;
            --home | --home=*) WANTED_HOME=$(from_here "$value") ;;
            --project | --project=*) WANTED_PROJECT=$value ;;
            --only | --only=*) ONLY=$ONLY,$value ;;
            --registry | --registry=*) REGISTRY=$value ;;
            --tail | --tail=*) TAIL=$value ;;
            --confirm | --confirm=*) CONFIRMED=$value ;;
            -*) fail 2 unknown_option "$1" ;;
            *) take_word "$1" ;;
        esac
        shift "$taken"
    done
}

# The first word is the command; what follows are the services of `logs` or the file of `support`.
take_word() { # WORD
    if [ -n "$COMMAND" ]; then
        case $COMMAND in
            logs | support) WORDS=$WORDS$1$NEWLINE ;;
            help)
                known_command "$1"
                COMMAND=$1
                ;;
            *) fail 2 unexpected_word "$1" "$COMMAND" ;;
        esac
        return 0
    fi
    known_command "$1"
    COMMAND=$1
    if [ "$1" = help ]; then HELP=yes; fi
}

known_command() { # WORD
    case " $COMMANDS help " in
        *" $1 "*) ;;
        *) fail 2 unknown_command "$1" ;;
    esac
}

# A path as the caller means it, whatever folder we work in.
from_here() { # PATH
    case $1 in
        /*) printf '%s\n' "$1" ;;
        *) printf '%s\n' "$CALLED_FROM/${1#./}" ;;
    esac
}

check_options() {
    COMMAND=${COMMAND:-install}
    case $WANTED_ENGINE in
        '' | docker | podman) ;;
        *) fail 2 unknown_engine "$WANTED_ENGINE" ;;
    esac
    case $TIMEOUT in
        '' | *[!0-9]* | ??????*) fail 2 bad_timeout "$TIMEOUT" ;;
    esac
    case $TAIL in
        '' | *[!0-9]* | ????????*) fail 2 bad_tail "$TAIL" ;;
    esac
    # compose-spec, "name"; and a part of an image's name, where separators do not mix (distribution-spec)
    case $WANTED_PROJECT in
        [!a-z0-9]* | *[!a-z0-9_-]* | *[_-] | *_-* | *-_* | *___*) fail 2 bad_project "$WANTED_PROJECT" ;;
    esac
    case $REGISTRY in
        '' | [A-Za-z0-9]*) ;;
        *) fail 2 bad_registry "$REGISTRY" ;;
    esac
    case $REGISTRY in
        *[!A-Za-z0-9./:_-]* | */ | *//* | *://*) fail 2 bad_registry "$REGISTRY" ;;
    esac
    option_fits json "$JSON" no check status verify
    option_fits only "$ONLY" '' load
    option_fits registry "$REGISTRY" '' load
    option_fits purge "$PURGE" no uninstall
    option_fits confirm "$CONFIRMED" '' uninstall
    option_fits remove "$REMOVE" no engine
    option_fits engine-data "$ENGINE_DATA" '' engine
    option_fits follow "$FOLLOW" no logs
    ONLY=${ONLY#,}
}

# An option that means nothing to a command is a slip that must not pass silently.
option_fits() { # NAME VALUE UNSET COMMAND...
    [ "$2" != "$3" ] || return 0
    name=$1
    shift 3
    case " $* " in
        *" $COMMAND "*) ;;
        *) fail 2 option_of_others "$name" "$COMMAND" "$*" ;;
    esac
}

# Help of the command if there is one, else of all.
help() {
    case $COMMAND in
        '' | help) message help ;;
        *) message "help_$COMMAND"; message help_options ;;
    esac
}
