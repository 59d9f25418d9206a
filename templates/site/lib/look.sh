# shellcheck shell=sh
# Looking after an installation: its state, its logs, its images, and stopping it.

show_status() {
    need_engine
    use_installed
    ready=yes
    all_ready || ready=no
    if [ "$JSON" = yes ]; then
        JSON_SAID=yes
        status_json
        [ "$ready" = yes ] || exit 9
        return 0
    fi
    say status_head "$(title)" "$RELEASE" "$HOME_DIR"
    printf '%s\n' "$states" | while IFS=$TAB read -r state name word id restarts; do
        [ -n "$name" ] || continue
        say status_line "$name" "$(message "state_$state")" "$word" "$restarts"
    done
    say_unfinished
    if [ "$ready" = no ]; then fail 9 status_not_ready "$ROOT/install.sh"; fi
    report_addresses
    say status_ready "$(title)"
}

say_unfinished() {
    case $(state_value operation):$(state_value step) in
        upgrade:switch | rollback:*) say upgrade.status_unfinished "$(release_title "$(state_value target)")" ;;
        install:*) [ -n "$(state_value release)" ] || say status_never_up ;;
    esac
}

status_json() {
    printf '{\n  "project": %s,\n  "release": %s,\n  "bundle": %s,\n  "operation": %s,\n  "ready": %s,\n  "services": [' \
        "$(json_string "$PROJECT")" "$(json_string "$RELEASE")" \
        "$(json_string "$(bundle_value name) $(bundle_value version)")" \
        "$(json_string "$(state_value operation)")" "$(if [ "$ready" = yes ]; then echo true; else echo false; fi)"
    comma=
    printf '%s\n' "$states" | while IFS=$TAB read -r state name word id restarts; do
        [ -n "$name" ] || continue
        printf '%s\n    { "service": %s, "state": %s, "engine": %s, "restarts": %s }' "$comma" \
            "$(json_string "$name")" "$(json_string "$state")" "$(json_string "$word")" "${restarts:-0}"
        comma=,
    done
    printf '\n  ]\n}\n'
}

show_logs() {
    need_engine
    use_installed
    set -- --tail "$TAIL"
    if [ "$FOLLOW" = yes ]; then set -- "$@" -f; fi
    known=$(expected_services)
    while IFS= read -r service; do
        [ -n "$service" ] || continue
        printf '%s\n' "$known" | grep -qxF -e "$service" ||
            fail 2 unknown_component "$service" "$(printf '%s\n' "$known" | tr '\n' ' ')"
        set -- "$@" "$service"
    done <<END
$WORDS
END
    if [ "$FOLLOW" = yes ]; then
        trap - INT TERM HUP EXIT
        become_project logs "$@"
    fi
    project logs "$@"
}

take_down() {
    need_engine
    if [ "$DRY_RUN" = yes ]; then
        say would_stop "$PROJECT"
        return 0
    fi
    use_installed
    open_home
    # It may have become another one before the lock was ours.
    use_installed
    say stopping_services
    remove_project || fail 9 not_stopped "$LOG"
    say stopped "$(title)" "$HOME_DIR/current/install.sh"
}

verify_only() {
    need_engine
    use_installed
    if [ -f "$ROOT/.release" ]; then check_files; fi
    take_receipt || fail 7 receipt_failed "$HOME_DIR/receipt.json"
    if running_others; then fail 7 runs_others; fi
    [ "$JSON" = yes ] || say verified "$(title)" "$HOME_DIR/receipt.json"
}

# Whether a container of ours runs another image than the release has: it was started before that, or by
# somebody else.
running_others() {
    others=$(containers | while IFS='|' read -r service _ _ _ _ _ _ id; do
        runs=$("$ENGINE" inspect --format '{{.Image}}' "$id" 2>/dev/null </dev/null) || continue
        records images | awk -F "$TAB" -v name="$service" -v runs="${runs#sha256:}" '
            $1 == name && $4 != "sha256:" runs && $5 != "sha256:" runs { print name }'
    done)
    [ -n "$others" ] || return 1
    say other_image "$(printf '%s\n' "$others" | tr '\n' ' ')" >&2
}
