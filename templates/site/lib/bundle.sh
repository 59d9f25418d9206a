# shellcheck shell=sh
# What the bundle says of itself, and whether its files are whole.

# A value of the table `bundle`.
bundle_value() { # KEY
    awk -F "$TAB" -v key="$1" '$1 == key { print $2 }' "$TABLES/bundle.tsv"
}

title() {
    printf '%s %s\n' "$(bundle_value "title.$(language)")" "$(bundle_value version)"
}

# The records of a table, without its first line. Older bundles may lack a table.
records() { # NAME
    [ -f "$TABLES/$1.tsv" ] || return 0
    grep -v '^#' "$TABLES/$1.tsv" || :
}

# What the makers of the bundle have to tell the people here, in their language if it is there.
notes() {
    for name in "$(in_language NOTES.md NOTES.zh-CN.md)" NOTES.md NOTES.zh-CN.md; do
        file=$RELEASE_DIR/files/$name
        if [ -f "$file" ]; then printf '%s\n' "$file"; return 0; fi
    done
}

say_notes() {
    file=$(notes)
    [ -z "$file" ] || say read_notes "$file"
}

human_size() { # BYTES
    awk -v bytes="$1" 'BEGIN {
        split("B KiB MiB GiB TiB", unit, " ")
        for (i = 1; bytes >= 1024 && i < 5; i++) bytes /= 1024
        printf i == 1 ? "%d %s\n" : "%.1f %s\n", bytes, unit[i]
    }'
}

# Every file against SHA256SUMS, and no file beside those. A release has no images.
check_files() {
    sums=$ROOT/SHA256SUMS
    [ -s "$sums" ] || fail 3 sums_missing
    command -v sha256sum >/dev/null || fail 5 tool_missing sha256sum
    [ "$JSON" = yes ] || say checking_files
    total=$(grep -c . "$sums")
    number=0
    damaged=0
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        check_file "$line" "$number" "$total" || damaged=$((damaged + 1))
    done <"$sums"
    unlisted=$(unlisted_files)
    if [ -n "$unlisted" ]; then
        say unlisted_files "$unlisted" >&2
        damaged=$((damaged + 1))
    fi
    [ "$damaged" -eq 0 ] || fail 3 bundle_damaged
}

check_file() { # LINE NUMBER TOTAL
    sum=${1%%  *}
    path=${1#*  }
    case $sum in *[!0-9a-f]*) sum= ;; esac
    case /$path/ in */../* | *//* | */./*) sum= ;; esac
    if [ "${#sum}" -ne 64 ]; then
        say sums_malformed "$2" >&2
        return 1
    fi
    case $path in
        images/* | extras/*) [ ! -f "$ROOT/.release" ] || return 0 ;;
    esac
    if [ ! -f "$ROOT/$path" ] || [ -L "$ROOT/$path" ]; then
        say file_missing "$path" >&2
        return 1
    fi
    case $JSON:$path in
        no:images/*) say checking_file "$2" "$3" "$path" "$(human_size "$(tarball_size "$path")")" ;;
    esac
    found=$(sha256sum <"$ROOT/$path") || found=
    if [ "${found%% *}" != "$sum" ]; then
        say file_changed "$path" "$sum" "${found%% *}" >&2
        return 1
    fi
}

tarball_size() { # PATH
    awk -F "$TAB" -v path="$1" '$2 == path { print $7 }' "$TABLES/images.tsv"
}

# What lies in the folder and is not in SHA256SUMS: a program there might be taken for ours. The data may
# have been put into the bundle's folder, and a release has files of its own.
unlisted_files() {
    data=$(setting_value DATA_DIR)
    case $data in
        "$ROOT"/*) data=.${data#"$ROOT"} ;;
        *) data=./.release ;;
    esac
    own=.
    if [ -f "$ROOT/.release" ]; then own='./.[er]*'; fi
    (
        cd "$ROOT" || exit 1
        find . -path "${data%/}" -prune -o ! -type d ! -path ./SHA256SUMS ! -path "$own" -print |
            awk 'NR == FNR { listed["./" substr($0, 67)]; next } !($0 in listed)' SHA256SUMS -
    )
}
