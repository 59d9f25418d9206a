# shellcheck shell=sh
# Taking away what is not needed any more: older releases, or all of an installation.

# Removes the images and the folders of all releases but the installed one. There is no way back then.
prune() {
    need_engine
    installed=$(state_value release)
    release_there "$installed" || fail 10 not_installed_here "$HOME_DIR"
    use_release "$installed"
    others=$(for folder in "$HOME_DIR"/releases/*; do
        if [ -f "$folder/.release" ] && [ "${folder##*/}" != "$installed" ]; then printf '%s\n' "${folder##*/}"; fi
    done)
    if [ -z "$others" ]; then
        say nothing_to_prune
        return 0
    fi
    printf '%s\n' "$others" | while IFS= read -r other; do say prune_release "$(release_title "$other")"; done
    if [ "$DRY_RUN" = yes ]; then
        say nothing_changed
        return 0
    fi
    ask_yes confirm_prune
    open_home
    # Whoever had the lock until now may have made another release the installed one.
    [ "$(state_value release)" = "$RELEASE" ] || fail 10 changed_meanwhile
    case $(state_value operation) in '' | install) ;; *) fail 10 prune_unfinished ;; esac
    write_state previous= target= operation= step=
    if [ -f "$ENV_FILE" ]; then
        inherit_settings "$ENV_FILE" "$ENV_FILE" || fail 10 folder_not_writable "$RELEASE_DIR"
    fi
    keep=$(records images | cut -f 3,4,5; images_of_neighbours)
    printf '%s\n' "$others" | while IFS= read -r other; do
        remove_images "$other" "$keep"
        remove_release "$other"
    done
    # Their second names were for a way back from a release that is gone.
    records images | while IFS=$TAB read -r component _; do remove_name "$(kept_name "$installed" "$component")"; done
    say pruned "$(title)"
}

# The images of a release, by all their names, but for those to keep. One that a container uses stays.
remove_images() ( # RELEASE KEEP
    use_release "$1"
    records images | while IFS=$TAB read -r component _ reference manifest config _; do
        remove_name "$(kept_name "$1" "$component")"
        case $NEWLINE$2$NEWLINE in
            *"$NEWLINE$reference$TAB$manifest$TAB$config$NEWLINE"*) continue ;;
        esac
        # The name may have come to another image since.
        if image_present "$reference" "$manifest" "$config"; then remove_name "$(site_name "$reference")"; fi
        if in_registry; then
            if image_is "$reference" "$manifest" "$config"; then remove_name "$reference"; fi
            remove_nameless "$manifest" "$config"
        fi
    done
)

# What was pushed keeps its digest in the registry for a name, also when the tag has gone to a newer image.
remove_nameless() { # MANIFEST CONFIG
    for id in "$@"; do
        tags=$("$ENGINE" image inspect --format '{{len .RepoTags}}' "$id" 2>/dev/null </dev/null) || continue
        if [ "$tags" = 0 ]; then remove_name "$id"; fi
    done
}

# What other installations on this host need, whether they run or not; their homes lie beside ours.
images_of_neighbours() {
    for table in "${HOME_DIR%/*}"/*/releases/*/site/images.tsv; do
        case $table in "$HOME_DIR"/*) continue ;; esac
        if [ -f "$table" ]; then grep -v '^#' "$table" | cut -f 3,4,5; fi
    done
}

remove_name() { # NAME
    "$ENGINE" image inspect "$1" >/dev/null 2>&1 </dev/null || return 0
    if "$ENGINE" rmi "$1" >>"$LOG" 2>&1 </dev/null; then say image_removed "$1"; else say image_in_use "$1"; fi
}

# The data folder and the volumes, those that there are.
data_in_words() { # FOLDER VOLUMES
    case ${1:+folder}:${2:+volumes} in
        folder:volumes) message data_and_volumes "$1" "$2" ;;
        folder:) message data_in "$1" ;;
        :volumes) message data_volumes "$2" ;;
        *) message data_none ;;
    esac
}

uninstall() {
    need_engine
    if [ ! -d "$HOME_DIR" ]; then
        say not_installed_any_more "$HOME_DIR"
        return 0
    fi
    use_installed_or_kept
    # Only what this installation has is its data: a default may be where another one lives.
    data=$(chosen_value DATA_DIR || kept_value DATA_DIR || :)
    volumes=$(project_volumes)
    volumes=${volumes% }
    say uninstall_plan "$PROJECT" "$HOME_DIR"
    if [ "$PURGE" = yes ]; then
        check_purgeable "$data"
        say purge_plan "$(data_in_words "$data" "$volumes")"
    else
        say keep_plan "$(data_in_words "$data" "$volumes")" "$HOME_DIR/settings.env"
    fi
    if [ "$DRY_RUN" = yes ]; then
        say nothing_changed
        return 0
    fi
    if [ "$PURGE" = yes ]; then confirm_purge; else ask_yes confirm_uninstall; fi
    open_home
    if [ -n "$RELEASE" ]; then
        remove_project || fail 9 not_stopped "$LOG"
        neighbours=$(images_of_neighbours)
        for folder in "$HOME_DIR"/releases/*; do
            [ -f "$folder/.release" ] || continue
            remove_images "${folder##*/}" "$neighbours"
        done
    fi
    if [ "$PURGE" = yes ]; then
        purge_data "$data"
        forget_installation
        rm -f "$HOME_DIR/settings.env"
        release_lock
        rmdir "$HOME_DIR" 2>/dev/null || :
        say purged "$PROJECT"
    else
        keep_settings
        forget_installation
        say uninstalled "$PROJECT" "$(data_in_words "$data" "$volumes")" "$HOME_DIR/settings.env"
    fi
}

# After an uninstall that kept the data there is no release any more, but settings to purge by.
use_installed_or_kept() {
    for candidate in "$(state_value release)" "$(state_value target)"; do
        if release_there "$candidate"; then
            use_release "$candidate"
            return 0
        fi
    done
}

# Those of the compose file, and those without a name that images declare for themselves.
project_volumes() {
    {
        "$ENGINE" volume ls -q --filter "label=com.docker.compose.project=$PROJECT" 2>/dev/null </dev/null || :
        for volume in $(nameless_volumes); do
            if volume_there "$volume"; then printf '%s\n' "$volume"; fi
        done
    } | sort -u | tr '\n' ' '
}

# Only a container tells that a volume without a name is its own, so we remember those of containers that
# are gone.
nameless_volumes() {
    state_value volumes | tr ' ' '\n'
    "$ENGINE" ps -aq --filter "label=com.docker.compose.project=$PROJECT" 2>/dev/null </dev/null |
        while IFS= read -r id; do
            "$ENGINE" inspect --format '{{range .Mounts}}{{if eq .Type "volume"}}{{println .Name}}{{end}}{{end}}' \
                "$id" 2>/dev/null </dev/null | grep -xE '[0-9a-f]{64}' || :
        done
}

# Before containers go.
note_volumes() {
    known=$(nameless_volumes | sort -u | tr '\n' ' ')
    known=${known# }
    [ "${known% }" = "$(state_value volumes)" ] || write_state "volumes=${known% }"
}

volume_there() { # VOLUME
    "$ENGINE" volume inspect "$1" >/dev/null 2>&1 </dev/null
}

# The name of the project is typed: nothing else brings the data back.
confirm_purge() {
    typed=$CONFIRMED
    if [ -z "$typed" ]; then
        [ -t 0 ] || fail 2 purge_needs_name "$PROJECT"
        message type_name "$PROJECT"
        read -r typed || typed=
    fi
    [ "$typed" = "$PROJECT" ] || fail 2 not_confirmed
}

keep_settings() {
    find_origin
    case $origin in '' | "$HOME_DIR/settings.env") return 0 ;; esac
    inherit_settings "$origin" "$HOME_DIR/settings.env" || fail 10 folder_not_writable "$HOME_DIR"
}

# The state goes first: what is left of a run that ends here is found by nobody, and removed by the next.
forget_installation() {
    rm -f "$HOME_DIR/state" "$HOME_DIR/current"
    for folder in "$HOME_DIR"/releases/*; do
        [ ! -d "$folder" ] || remove_release "${folder##*/}"
    done
    rm -rf "$HOME_DIR/releases"
    LOG=/dev/null
    rm -f "$HOME_DIR/install.log" "$HOME_DIR/receipt.json" "$HOME_DIR/up.log"
    # What killed runs left.
    rm -rf "$HOME_DIR/receipt.json.new" "$HOME_DIR/settings.env.new" "$HOME_DIR"/lock.stale.*
}

purge_data() { # DATA_DIR
    for volume in $volumes; do
        # A volume may have gone with its container.
        if ! "$ENGINE" volume rm "$volume" >>"$LOG" 2>&1 </dev/null && volume_there "$volume"; then
            fail 9 volume_in_use "$volume" "$LOG"
        fi
    done
    [ -n "$1" ] && [ -d "$1" ] || return 0
    folder=$(real_folder "$1")
    # A disk may be mounted there: its folder stays then, and is empty.
    if ! rm -rf -- "$folder" 2>>"$LOG" && find "$folder/." ! -type d | grep -q .; then
        fail 9 data_left "$1" "$LOG"
    fi
    [ ! -L "${1%/}" ] || rm -f -- "${1%/}"
}

real_folder() { # FOLDER
    (CDPATH='' cd -P -- "$1" && pwd -P)
}

# Never a folder that the system itself lives in, whatever a setting says.
check_purgeable() { # DATA_DIR
    [ -n "$1" ] && [ -d "$1" ] || return 0
    real=$(real_folder "$1") || fail 8 data_not_purged "$1"
    case $ROOT/ in "$real"/*) fail 8 data_around_bundle "$1" "$ROOT" ;; esac
    case $real in
        /usr/local/*/* | /home/*/*) return 0 ;;
        / | /usr/* | /home/* | /bin | /boot | /dev | /etc | /home | /lib | /lib64 | /media | /mnt | /opt | /proc | \
            /root | /run | /sbin | /srv | /sys | /tmp | /usr | /var | /var/lib | /var/lib/openim-bundler | /var/log | /var/tmp) ;;
        "$HOME_DIR" | /boot/* | /dev/* | /etc/* | /proc/* | /sys/* | /bin/* | /sbin/* | /lib/* | /lib64/*) ;;
        *) return 0 ;;
    esac
    fail 8 data_not_purged "$1"
}
