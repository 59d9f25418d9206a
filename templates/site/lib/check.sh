# shellcheck shell=sh
# Everything that is looked at before this host is changed.

# Whether there is an engine that can be asked.
ENGINE_USABLE=no

# Does every check, says what it found, and ends the run when something failed. The bundle's files
# are checked before. Leaves ENGINE and COMPOSE set.
run_checks() {
    no_findings
    all_rules
    if [ "$JSON" = yes ]; then
        JSON_SAID=yes
        findings_json
        [ "$(findings_code)" -eq 0 ] || exit "$(findings_code)"
        return 0
    fi
    report_findings pass warn fail
    stop_on_failures
    say check.passed "$(findings_of pass)" "$(findings_of warn)"
}

# For what needs no more than an engine: finds one and its compose tool, or ends the run.
need_engine() {
    no_findings
    find_engine
    report_findings fail >&2
    if [ "$(findings_of fail)" -gt 0 ]; then json_error "$(findings_code)" "$(findings_text fail)"; fi
    stop_on_failures
}

stop_on_failures() {
    failures=$(findings_of fail)
    [ "$failures" -eq 0 ] || fail "$(findings_code)" check.failed "$failures"
}

find_engine() {
    ENGINE_USABLE=no
    wanted=$WANTED_ENGINE
    [ -n "$wanted" ] || wanted=$(state_value engine)
    if check_engine "$wanted"; then
        ENGINE_USABLE=yes
        check_compose
    fi
}

# None of them stops the others; what asks the engine is left out where there is none.
all_rules() {
    platform=$(bundle_value platform)
    finding pass files - 0 files_whole "$(count_files)"
    check_system
    check_architecture "$platform" "$EMULATION"
    check_clock
    check_user
    find_engine
    if [ "$ENGINE_USABLE" = yes ]; then
        check_engine_host "$platform" "$EMULATION"
        check_storage
        check_foreign_project
        check_image_names
    fi
    check_installation
    check_data_folder
    check_space
    check_requirements
    check_ports
    check_selinux
    check_firewalld
}
