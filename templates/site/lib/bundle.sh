# shellcheck shell=sh
# What the bundle says of itself, and whether its files are whole.

TAB=$(printf '\t')

# A value of site/bundle.tsv.
bundle_value() { # KEY
    awk -F "$TAB" -v key="$1" '$1 == key { print $2 }' site/bundle.tsv
}

title() {
    printf '%s %s\n' "$(bundle_value "title.$(language)")" "$(bundle_value version)"
}

# The records of a table, without its first line.
records() { # NAME
    grep -v '^#' "site/$1.tsv" || :
}

# What the makers of the bundle have to tell the people here, in their language if it is there.
notes() {
    for file in "$(in_language files/NOTES.md files/NOTES.zh-CN.md)" files/NOTES.md files/NOTES.zh-CN.md; do
        if [ -f "$file" ]; then printf '%s\n' "$file"; return 0; fi
    done
}

say_notes() {
    file=$(notes)
    [ -z "$file" ] || say read_notes "$PWD/$file"
}

human_size() { # BYTES
    awk -v bytes="$1" 'BEGIN {
        split("B KiB MiB GiB TiB", unit, " ")
        for (i = 1; bytes >= 1024 && i < 5; i++) bytes /= 1024
        printf i == 1 ? "%d %s\n" : "%.1f %s\n", bytes, unit[i]
    }'
}

# Every file against SHA256SUMS, and no file beside those and what an installation writes.
check_files() {
    [ -s SHA256SUMS ] || fail 3 sums_missing
    command -v sha256sum >/dev/null || fail 5 tool_missing sha256sum
    total=$(grep -c . SHA256SUMS)
    number=0
    damaged=0
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        check_file "$line" "$number" "$total" || damaged=$((damaged + 1))
    done <SHA256SUMS
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
    if [ ! -f "$path" ] || [ -L "$path" ]; then
        say file_missing "$path" >&2
        return 1
    fi
    case $path in
        images/*) say checking_file "$2" "$3" "$path" "$(human_size "$(tarball_size "$path")")" ;;
    esac
    found=$(sha256sum <"$path") || found=
    if [ "${found%% *}" != "$sum" ]; then
        say file_changed "$path" "$sum" "${found%% *}" >&2
        return 1
    fi
}

tarball_size() { # PATH
    awk -F "$TAB" -v path="$1" '$2 == path { print $7 }' site/images.tsv
}

# What lies in the folder and is neither in SHA256SUMS nor made by an installation.
unlisted_files() {
    data=$(setting_value DATA_DIR)
    case $data in
        "$PWD"/*) data=.${data#"$PWD"} ;;
        *) data=./.env ;;
    esac
    find . \( -path "${data%/}" -o -path './.install.*' \) -prune -o ! -type d \
        ! -path ./SHA256SUMS ! -path ./.env ! -path ./install.log -print |
        awk 'NR == FNR { listed["./" substr($0, 67)]; next } !($0 in listed)' SHA256SUMS -
}
