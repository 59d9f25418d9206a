#!/bin/sh
# Installs the bundle that this file lies in, without network, and looks after what it installed.
# `./install.sh help` says how.
set -eu

CALLED_FROM=$PWD
ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)

# shellcheck source-path=SCRIPTDIR source=lib/messages.sh
. "$ROOT/lib/messages.sh"
# shellcheck source-path=SCRIPTDIR source=lib/words-main.sh
. "$ROOT/lib/words-main.sh"
# shellcheck source-path=SCRIPTDIR source=lib/words-check.sh
. "$ROOT/lib/words-check.sh"
# shellcheck source-path=SCRIPTDIR source=lib/words-upgrade.sh
. "$ROOT/lib/words-upgrade.sh"
# shellcheck source-path=SCRIPTDIR source=lib/words-engine.sh
. "$ROOT/lib/words-engine.sh"
# shellcheck source-path=SCRIPTDIR source=lib/session.sh
. "$ROOT/lib/session.sh"
# shellcheck source-path=SCRIPTDIR source=lib/lock.sh
. "$ROOT/lib/lock.sh"
# shellcheck source-path=SCRIPTDIR source=lib/json.sh
. "$ROOT/lib/json.sh"
# shellcheck source-path=SCRIPTDIR source=lib/bundle.sh
. "$ROOT/lib/bundle.sh"
# shellcheck source-path=SCRIPTDIR source=lib/home.sh
. "$ROOT/lib/home.sh"
# shellcheck source-path=SCRIPTDIR source=lib/findings.sh
. "$ROOT/lib/findings.sh"
# shellcheck source-path=SCRIPTDIR source=lib/engine.sh
. "$ROOT/lib/engine.sh"
# shellcheck source-path=SCRIPTDIR source=lib/host.sh
. "$ROOT/lib/host.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check.sh
. "$ROOT/lib/check.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check-host.sh
. "$ROOT/lib/check-host.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check-engine.sh
. "$ROOT/lib/check-engine.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check-disk.sh
. "$ROOT/lib/check-disk.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check-ports.sh
. "$ROOT/lib/check-ports.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check-resources.sh
. "$ROOT/lib/check-resources.sh"
# shellcheck source-path=SCRIPTDIR source=lib/images.sh
. "$ROOT/lib/images.sh"
# shellcheck source-path=SCRIPTDIR source=lib/registry.sh
. "$ROOT/lib/registry.sh"
# shellcheck source-path=SCRIPTDIR source=lib/settings.sh
. "$ROOT/lib/settings.sh"
# shellcheck source-path=SCRIPTDIR source=lib/services.sh
. "$ROOT/lib/services.sh"
# shellcheck source-path=SCRIPTDIR source=lib/smoke.sh
. "$ROOT/lib/smoke.sh"
# shellcheck source-path=SCRIPTDIR source=lib/install.sh
. "$ROOT/lib/install.sh"
# shellcheck source-path=SCRIPTDIR source=lib/upgrade.sh
. "$ROOT/lib/upgrade.sh"
# shellcheck source-path=SCRIPTDIR source=lib/look.sh
. "$ROOT/lib/look.sh"
# shellcheck source-path=SCRIPTDIR source=lib/remove.sh
. "$ROOT/lib/remove.sh"
# shellcheck source-path=SCRIPTDIR source=lib/support.sh
. "$ROOT/lib/support.sh"
# shellcheck source-path=SCRIPTDIR source=lib/engine-files.sh
. "$ROOT/lib/engine-files.sh"
# shellcheck source-path=SCRIPTDIR source=lib/engine-service.sh
. "$ROOT/lib/engine-service.sh"
# shellcheck source-path=SCRIPTDIR source=lib/engine-install.sh
. "$ROOT/lib/engine-install.sh"
# shellcheck source-path=SCRIPTDIR source=lib/options.sh
. "$ROOT/lib/options.sh"

main() {
    language_of_locale
    parse_arguments "$@"
    if [ "$HELP" = yes ]; then help; exit 0; fi
    check_options
    export LC_ALL=C
    handle_signals
    find_home
    find_own_engine
    case $COMMAND in
        install) install_bundle ;;
        check) check_only ;;
        load) load_only ;;
        configure) configure_only ;;
        up) up_only ;;
        status) show_status ;;
        logs) show_logs ;;
        down) take_down ;;
        upgrade) upgrade_only ;;
        rollback) roll_back_only ;;
        verify) verify_only ;;
        prune) prune ;;
        uninstall) uninstall ;;
        engine) engine_only ;;
        support) pack_support ;;
    esac
}

main "$@"
exit 0
