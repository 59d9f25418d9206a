# shellcheck shell=sh
# The rule about disk space: for the images where the engine keeps them, for data where data goes.

# Room that loading takes, in bytes: what it surely needs, and what is comfortable. The engine
# unpacks one tarball at a time beside its layers; containerd's store keeps the packed layers.
# Where a table does not say what the layers unpack to, they grow to between two and four times.
space_for_images() {
    kept=no
    if engine_has_containerd_store; then kept=yes; fi
    missing_image_sizes | awk -v kept="$kept" '
        {
            if (!($1 in seen)) packed += $2
            seen[$1]
            if ($2 > largest) largest = $2
            known = $3 ~ /^[0-9]+$/
            least += known ? $3 : $2
            ample += known ? $3 : 3 * $2
        }
        END {
            beside = kept == "yes" ? packed : largest
            # A tenth for folders, journals and the blocks that no file fills.
            printf "%.0f %.0f\n", least + beside, (ample + beside) * 1.1
        }'
}

# For each image that is missing: its tarball, which others may be in, the size of that, and what the image's
# layers add.
missing_image_sizes() {
    records images |
        while IFS=$TAB read -r component tarball reference manifest config _ bytes adds; do
            is_wanted "$component" || continue
            # An old table has no last column.
            image_present "$reference" "$manifest" "$config" || printf '%s %s %s\n' "$tarball" "$bytes" "${adds:--}"
        done
}

# Room that data takes, in bytes: the whole, or the sum of the components where that is more; once
# with the rows that must be met, once with all.
space_for_data() {
    records requires | awk -F "$TAB" '
        $2 != "disk" { next }
        $1 == "-" {
            if ($3 > whole[$4] + 0) whole[$4] = $3
            if ($3 > whole["all"] + 0) whole["all"] = $3
            next
        }
        { sum[$4] += $3; sum["all"] += $3 }
        function larger(a, b) { return a + 0 > b + 0 ? a + 0 : b + 0 }
        END { printf "%.0f %.0f\n", larger(whole["fail"], sum["fail"]), larger(whole["all"], sum["all"]) }'
}

check_space() {
    images='0 0'
    store=
    if [ "$ENGINE_USABLE" = yes ]; then
        images=$(space_for_images)
        store=$(engine_folder) || store=
        [ -z "$store" ] || store=$(existing_folder "$store")
    fi
    data=$(space_for_data)
    # Data that is there already takes its place and needs it no more.
    if installed_here; then data="0 ${data#* }"; fi
    folder=$(setting_value DATA_DIR)
    if [ -n "$folder" ]; then folder=$(existing_folder "$folder"); else data='0 0'; fi
    if [ -n "$store" ] && [ -n "$folder" ] && same_filesystem "$store" "$folder"; then
        judge_space disk "$store" "$((${images% *} + ${data% *}))" "$((${images#* } + ${data#* }))"
    else
        judge_space disk-images "$store" "${images% *}" "${images#* }"
        judge_space disk-data "$folder" "${data% *}" "${data#* }"
    fi
}

same_filesystem() { # FOLDER FOLDER
    one=$(free_space "$1") && other=$(free_space "$2") && [ "${one#* }" = "${other#* }" ]
}

judge_space() { # ID FOLDER LEAST AMPLE
    [ "$4" -gt 0 ] || return 0
    if [ -z "$2" ] || ! free=$(free_space "$2"); then
        finding warn "$1" - 0 disk_unknown "$(human_size "$4")"
        return 0
    fi
    free=${free%% *}
    if [ "$free" -lt "$3" ]; then
        finding fail "$1" - 6 disk_short "$2" "$(human_size "$free")" "$(human_size "$4")"
    elif [ "$free" -lt "$4" ]; then
        finding warn "$1" - 0 disk_tight "$2" "$(human_size "$free")" "$(human_size "$4")"
    else
        finding pass "$1" - 0 disk_enough "$2" "$(human_size "$free")" "$(human_size "$4")"
    fi
}
