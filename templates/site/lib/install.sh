# shellcheck shell=sh
# The way of a bundle onto the host: check, load, configure, up. Each part is a command of its own too.

# The bundle's own commands work from the extracted archive, not from the copy in the home.
need_bundle() {
    [ ! -f "$ROOT/.release" ] || fail 2 needs_bundle "$COMMAND"
}

# Everything that can be known before anything changes.
check_bundle() {
    check_files
    [ "$JSON" = yes ] || say installing "$(title)" "$(bundle_value platform)"
    run_checks
}

check_only() {
    check_bundle
    [ "$JSON" = yes ] || say checks_passed
}

install_bundle() {
    need_bundle
    check_bundle
    ask_settings open
    check_settings
    check_earlier_data
    if [ "$DRY_RUN" = yes ]; then
        upgrade_preview
        say nothing_changed
        return 0
    fi
    open_home
    settle_operation "$(release_of "$ROOT")"
    installed=$(state_value release)
    if [ -n "$installed" ] && [ "$installed" != "$(release_of "$ROOT")" ]; then
        upgrade_from "$installed"
        return 0
    fi
    stage_release
    begin_install
    write_settings
    make_data_folder
    load_images
    take_receipt || fail 7 receipt_failed "$HOME_DIR/receipt.json"
    say_notes
    come_up
}

# A first installation, or the same release once more.
begin_install() {
    write_state operation=install "target=$RELEASE" step=load "engine=$ENGINE"
}

# Starts the release at hand, which is installed then.
come_up() {
    write_state step=switch
    if bring_up && smoke_tests; then
        commit_release
        report_success
        say success "$(title)" "$(printf '%s\n' "$states" | grep -c . || :)"
    else
        fail 9 not_installed "$(title)" "$LOG"
    fi
}

# The parts that work on a bundle alone refuse to touch another release that is installed.
stage_alone() {
    settle_operation "$(release_of "$ROOT")"
    installed=$(state_value release)
    case $installed in
        '' | "$(release_of "$ROOT")") ;;
        *) fail 10 another_installed "$(release_title "$installed")" "$COMMAND" ;;
    esac
    stage_release
    if [ -z "$installed" ]; then begin_install; fi
}

load_only() {
    need_bundle
    check_only_names
    check_bundle
    if [ "$DRY_RUN" = yes ]; then
        list_missing
        say nothing_changed
        return 0
    fi
    open_home
    stage_alone
    load_images
    if [ -n "$REGISTRY" ]; then push_images "$REGISTRY"; fi
    take_receipt || fail 7 receipt_failed "$HOME_DIR/receipt.json"
    say loaded "$HOME_DIR/receipt.json" "$ROOT/install.sh"
}

list_missing() {
    told=
    records images | while IFS=$TAB read -r component tarball reference manifest config _ bytes _; do
        is_wanted "$component" || continue
        if image_is "$reference" "$manifest" "$config"; then continue; fi
        case " $told " in
            *" $tarball "*) say would_come_along "$component" ;;
            *) say would_load "$component" "$(human_size "$bytes")" ;;
        esac
        told="$told $tarball"
    done
}

# Of the bundle, or of what is installed when it is called from there.
configure_only() {
    if [ -f "$ROOT/.release" ]; then use_release "${ROOT##*/}"; fi
    ask_settings all
    check_settings
    need_engine
    if [ "$DRY_RUN" = yes ]; then
        say nothing_changed
        return 0
    fi
    check_earlier_data
    open_home
    if [ -f "$ROOT/.release" ]; then
        settle_operation ''
        use_installed
    else
        stage_alone
    fi
    write_settings
    make_data_folder
    say_notes
    say configured "$ENV_FILE" "$ROOT/install.sh"
}

up_only() {
    need_engine
    if [ "$DRY_RUN" = yes ]; then
        say would_start "$(title)"
        return 0
    fi
    ask_settings open
    check_settings
    check_earlier_data
    # What was never here has no registry that it would take images from.
    if ! release_there "$(release_of "$ROOT")"; then
        all_images_present || fail 7 images_not_loaded "$ROOT/install.sh"
    fi
    open_home
    if [ -f "$ROOT/.release" ]; then
        settle_operation ''
        use_installed
    else
        stage_alone
    fi
    write_settings
    make_data_folder
    all_images_present || fail 7 images_not_loaded "$ROOT/install.sh"
    come_up
}
