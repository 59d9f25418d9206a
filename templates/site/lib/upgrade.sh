# shellcheck shell=sh
# From one release to another and back.
#
# An upgrade has two steps. While it loads, the services of the old release run on, and dropping it
# changes nothing. From the step `switch` on, the services are changing hands: whoever comes next goes on
# to the new release, or back to the old one, whose images, compose file and settings are all kept.

# What another release would change, before anything does.
upgrade_preview() {
    installed=$(state_value release)
    if [ -z "$installed" ] || [ "$installed" = "$(release_of "$ROOT")" ]; then return 0; fi
    show_changes "$installed"
    refuse_jumps "$installed"
}

upgrade_only() {
    need_bundle
    installed=$(state_value release)
    if ! release_there "$installed"; then fail 10 upgrade.nothing_installed "$HOME_DIR"; fi
    if [ "$installed" = "$(release_of "$ROOT")" ] && [ -z "$(state_value operation)" ]; then
        need_engine
        # In a shell of its own: where services are down, all begins anew.
        if (use_release "$installed" && all_ready); then
            say upgrade.same_release "$(title)"
            return 0
        fi
    fi
    install_bundle
}

# The release at hand is still the bundle's, in its own folder.
upgrade_from() { # RELEASE
    old=$1
    show_changes "$old"
    refuse_jumps "$old"
    ask_yes upgrade.confirm "$(release_title "$old")" "$(title)"
    stage_release
    write_state operation=upgrade "target=$RELEASE" step=load "engine=$ENGINE"
    write_settings
    make_data_folder
    keep_images "$old"
    load_images
    # Where the site has its images in a registry, those of the newer release go there too.
    if [ -f "$HOME_DIR/releases/$old/.registry" ]; then push_images "$(cat "$HOME_DIR/releases/$old/.registry")"; fi
    take_receipt || fail 7 receipt_failed "$HOME_DIR/receipt.json"
    say_notes
    switch_release "$old"
}

# Starts the release at hand in the place of the old one, and takes it back where it does not come up.
switch_release() { # OLD
    write_state step=switch
    if bring_up && smoke_tests; then
        commit_release
        report_success
        say upgrade.upgraded "$(title)" "$(release_title "$1")"
        return 0
    fi
    failed=$(title)
    say upgrade.failed "$failed" "$(release_title "$1")" >&2
    # A limit that was too short for the new release must not keep the old one from coming back.
    if [ "$TIMEOUT" -lt "$DEFAULT_TIMEOUT" ]; then TIMEOUT=$DEFAULT_TIMEOUT; fi
    if go_back "$1"; then fail 12 upgrade.rolled_back "$failed" "$(title)" "$LOG"; fi
    fail 13 upgrade.rollback_failed "$failed" "$(title)" "$LOG"
}

# Makes a release that ran before the one that runs. Its settings are its own of then.
go_back() { # RELEASE
    use_release "$1"
    write_state operation=rollback "target=$1" step=switch
    give_back_images || return 1
    if ! bring_up || ! smoke_tests; then return 1; fi
    kept=$(state_value previous)
    if [ "$kept" = "$1" ]; then kept=; fi
    commit_release "$kept"
}

roll_back_only() {
    need_engine
    if [ "$DRY_RUN" = yes ]; then
        previous=$(state_value previous)
        [ -z "$previous" ] || show_changes_between "$(state_value release)" "$previous"
        say nothing_changed
        return 0
    fi
    [ -f "$HOME_DIR/state" ] || fail 10 upgrade.nothing_before "$HOME_DIR"
    open_home
    installed=$(state_value release)
    case $(state_value operation):$(state_value step) in
        upgrade:load)
            drop_operation
            say upgrade.dropped "$(release_title "$installed")"
            return 0 ;;
        upgrade:switch) previous=$installed ;;
        rollback:*) previous=$(state_value target) ;;
        *) previous=$(state_value previous) ;;
    esac
    release_there "$previous" || fail 10 upgrade.nothing_before "$HOME_DIR"
    if [ -z "$(state_value operation)" ]; then
        show_changes_between "$installed" "$previous"
        ask_yes upgrade.confirm_rollback "$(release_title "$installed")" "$(release_title "$previous")"
    fi
    go_back "$previous" || fail 13 upgrade.rollback_failed "$(release_title "$installed")" "$(title)" "$LOG"
    report_success
    say upgrade.rolled_back_by_hand "$(title)"
}

# --- what a run that ended early has left ------------------------------------------------------------

# Goes on with it, or drops it where that changes nothing. Whoever calls this has the lock.
settle_operation() { # RELEASE-OF-THE-BUNDLE, or nothing
    target=$(state_value target)
    case $(state_value operation):$(state_value step) in
        upgrade:load)
            [ "$target" = "$1" ] || drop_operation ;;
        upgrade:switch)
            release_there "$target" || fail 10 upgrade.target_gone "$target"
            case $1 in
                '' | "$target") ;;
                *) fail 10 upgrade.unfinished "$(release_title "$target")" "$HOME_DIR/releases/$target/install.sh" ;;
            esac
            use_release "$target"
            say upgrade.going_on "$(title)"
            switch_release "$(state_value release)"
            exit 0 ;;
        rollback:*)
            use_release "$target"
            say upgrade.going_back "$(title)"
            go_back "$target" || fail 13 upgrade.rollback_failed "$(release_title "$target")" "$(title)" "$LOG"
            # What was called for comes next; the bundle is at hand again.
            RELEASE=
            RELEASE_DIR=
            ENV_FILE=
            TABLES=$ROOT/site ;;
    esac
}

# No service knows of it yet.
drop_operation() {
    write_state operation= target= step=
}

# --- what changes ------------------------------------------------------------------------------------

# The bundle against the installed release.
show_changes() { # OLD
    say upgrade.changes_head "$(release_title "$1")" "$(title)"
    compare_tables "$HOME_DIR/releases/$1/site" "$TABLES"
}

show_changes_between() { # FROM TO
    say upgrade.changes_head "$(release_title "$1")" "$(release_title "$2")"
    compare_tables "$HOME_DIR/releases/$1/site" "$HOME_DIR/releases/$2/site"
}

compare_tables() { # OLD-FOLDER NEW-FOLDER
    changes=$(compare_images "$1" "$2"; compare_settings "$1" "$2")
    [ -n "$changes" ] || say upgrade.no_changes
    printf '%s\n' "$changes" | while IFS=$TAB read -r kind name from to; do
        case $kind in
            image) say upgrade.image_changes "$name" "$from" "$to" ;;
            rebuilt) say upgrade.image_rebuilt "$name" "$from" ;;
            new) say upgrade.component_new "$name" "$from" ;;
            gone) say upgrade.component_gone "$name" "$from" ;;
            setting_new) say upgrade.setting_new "$name" ;;
            setting_gone) say upgrade.setting_gone "$name" ;;
            setting_default) say upgrade.setting_default "$name" "$from" "$to" ;;
        esac
    done
}

compare_images() { # OLD-FOLDER NEW-FOLDER
    awk -F '\t' -v OFS='\t' '
        /^#/ { next }
        NR == FNR { reference[$1] = $3; config[$1] = $5; next }
        !($1 in reference) { print "new", $1, $3; next }
        { seen[$1] }
        reference[$1] != $3 { print "image", $1, reference[$1], $3; next }
        config[$1] != $5 { print "rebuilt", $1, $3 }
        END { for (name in reference) if (!(name in seen)) print "gone", name, reference[name] }
    ' "$1/images.tsv" "$2/images.tsv"
}

compare_settings() { # OLD-FOLDER NEW-FOLDER
    awk -F '\t' -v OFS='\t' '
        /^#/ { next }
        NR == FNR { preset[$1] = $3; next }
        !($1 in preset) { print "setting_new", $1; next }
        { seen[$1] }
        preset[$1] != $3 { print "setting_default", $1, substr(preset[$1], 2), substr($3, 2) }
        END { for (name in preset) if (!(name in seen)) print "setting_gone", name }
    ' "$1/settings.tsv" "$2/settings.tsv"
}

# Refuses a jump that the data of a component does not survive, as the bundle definition has it.
refuse_jumps() { # OLD
    before=$HOME_DIR/releases/$1/site/upgrade.tsv
    if [ ! -f "$before" ] || [ ! -f "$TABLES/upgrade.tsv" ]; then return 0; fi
    jumps=$(awk -F '\t' -v OFS='\t' '
        function part(version, number, numbers) { split(version, numbers, "."); return numbers[number] + 0 }
        function later(one, other, at) {
            for (at = 1; at <= 3; at++) {
                if (part(one, at) != part(other, at)) return part(one, at) > part(other, at)
            }
            return 0
        }
        /^#/ { next }
        NR == FNR { repository[$1] = $2; version[$1] = $3; next }
        !($1 in repository) || $4 == "any" { next }
        {
            deep = $4 == "patch" ? 3 : $4 == "minor" ? 2 : 1
            bad = repository[$1] != $2 || later(version[$1], $3)
            for (at = 1; at <= deep; at++) if (part(version[$1], at) != part($3, at)) bad = 1
            if (bad) print $1, repository[$1] " " version[$1], $2 " " $3, $5, $6
        }
    ' "$before" "$TABLES/upgrade.tsv")
    [ -n "$jumps" ] || return 0
    printf '%s\n' "$jumps" | while IFS=$TAB read -r name from to en zh; do
        say upgrade.jump_refused "$name" "$from" "$to" "$(in_language "$en" "$zh")" >&2
    done
    fail 11 upgrade.refused
}
