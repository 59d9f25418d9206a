#!/bin/sh
# Installs the bundle that this file lies in, without network. `./install.sh --help` says how.
set -eu

CALLED_FROM=$PWD
ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)

# shellcheck source-path=SCRIPTDIR source=lib/messages.sh
. "$ROOT/lib/messages.sh"
# shellcheck source-path=SCRIPTDIR source=lib/session.sh
. "$ROOT/lib/session.sh"
# shellcheck source-path=SCRIPTDIR source=lib/bundle.sh
. "$ROOT/lib/bundle.sh"
# shellcheck source-path=SCRIPTDIR source=lib/host.sh
. "$ROOT/lib/host.sh"
# shellcheck source-path=SCRIPTDIR source=lib/engine.sh
. "$ROOT/lib/engine.sh"
# shellcheck source-path=SCRIPTDIR source=lib/images.sh
. "$ROOT/lib/images.sh"
# shellcheck source-path=SCRIPTDIR source=lib/settings.sh
. "$ROOT/lib/settings.sh"
# shellcheck source-path=SCRIPTDIR source=lib/services.sh
. "$ROOT/lib/services.sh"

WANTED_ENGINE=
EMULATION=no
DRY_RUN=no
SETTINGS_ONLY=no
HELP=no
TIMEOUT=600

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
            --lang | --data-dir | --host-address | --set | --timeout | --engine) taken=2 ;;
        esac
        case $1 in
            --lang | --data-dir | --host-address | --set | --timeout | --engine | --*=*)
                value=$(option_value "$1" "$#" "${2-}") || exit $? ;;
        esac
        case $1 in
            -h | --help) HELP=yes ;;
            --lang | --lang=*) use_language "$value" ;;
            --set | --set=*) choose_setting "$value" ;;
            --host-address | --host-address=*) choose_setting "HOST_ADDRESS=$value" ;;
            --data-dir | --data-dir=*)
                case $value in
                    /*) choose_setting "DATA_DIR=$value" ;;
                    *) choose_setting "DATA_DIR=$CALLED_FROM/${value#./}" ;;
                esac ;;
            --engine | --engine=*) WANTED_ENGINE=$value ;;
            --timeout | --timeout=*) TIMEOUT=$value ;;
            --allow-emulation) EMULATION=yes ;;
            --dry-run) DRY_RUN=yes ;;
            --settings-only) SETTINGS_ONLY=yes ;;
            *) fail 2 unknown_option "$1" ;;
        esac
        shift "$taken"
    done
    # In the language that was asked for, wherever --lang stands.
    if [ "$HELP" = yes ]; then message help; exit 0; fi
    case $WANTED_ENGINE in
        '' | docker | podman) ;;
        *) fail 2 unknown_engine "$WANTED_ENGINE" ;;
    esac
    case $TIMEOUT in
        '' | *[!0-9]* | ??????*) fail 2 bad_timeout "$TIMEOUT" ;;
    esac
}

main() {
    language_of_locale
    parse_arguments "$@"
    export LC_ALL=C
    cd "$ROOT"
    handle_signals

    say checking_files
    check_files
    begin_log "$DRY_RUN"
    say installing "$(title)" "$(bundle_value platform)"

    check_settings
    check_host "$(bundle_value platform)" "$EMULATION"
    choose_engine "$WANTED_ENGINE"
    check_engine "$(bundle_value platform)" "$EMULATION"
    choose_compose
    check_space
    check_earlier_data
    if [ "$DRY_RUN" = yes ]; then
        say nothing_changed
        return 0
    fi

    take_lock
    write_settings
    make_data_folder
    if [ "$SETTINGS_ONLY" = yes ]; then
        say_notes
        say settings_only
        return 0
    fi
    load_images
    say_notes
    start_services "$TIMEOUT"
    report_success
}

main "$@"
