# shellcheck shell=sh
# What the bundle says of itself, and whether its files are whole.

# A value of the table `bundle`.
bundle_value() { # KEY
    while IFS=$TAB read -r key words; do
        [ "$key" != "$1" ] || printf '%s\n' "$words"
    done <"$TABLES/bundle.tsv"
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
    damage=$(
        check_sum_lines
        check_small_files
    )
    [ -z "$damage" ] || printf '%s\n' "$damage" >&2
    bad=$damage
    total=$(image_lines | grep -c . || :)
    number=0
    while IFS= read -r line; do
        number=$((number + 1))
        check_image_file "$line" "$number" "$total" || bad=yes
    done <<END
$(image_lines)
END
    unlisted=$(unlisted_files)
    if [ -n "$unlisted" ]; then
        say unlisted_files "$unlisted" >&2
        bad=yes
    fi
    [ -z "$bad" ] || fail 3 bundle_damaged
}

# The lines of SHA256SUMS, each after what it is: an image, another file, or nothing that can be hashed.
# The latter is any but "sum  path" with a path inside the folder; it comes as its number.
sum_lines() { # image|file|malformed
    awk -v wanted="$1" '
        {
            path = substr($0, 67)
            kind = path ~ /^(images|extras)\// ? "image" : "file"
            if (length($0) < 67 || substr($0, 1, 64) !~ /^[0-9a-f]+$/ || substr($0, 65, 2) != "  ") kind = "malformed"
            if (("/" path "/") ~ /\/(\.\.?)?\//) kind = "malformed"
            if (kind == wanted) print kind == "malformed" ? NR : $0
        }' "$ROOT/SHA256SUMS"
}

check_sum_lines() {
    sum_lines malformed | while IFS= read -r number; do say sums_malformed "$number"; done
}

image_lines() {
    if [ ! -f "$ROOT/.release" ]; then sum_lines image; fi
}

# All small files in one go.
check_small_files() (
    cd "$ROOT" || exit 1
    set --
    while IFS= read -r line; do
        path=${line#*  }
        if [ ! -f "$path" ] || [ -L "$path" ]; then
            [ -z "$line" ] || say file_missing "$path"
        else
            set -- "$@" "$path"
        fi
    done <<END
$(sum_lines file)
END
    [ $# -gt 0 ] || exit 0
    # A file that cannot be read to its end has no sum, and is damaged too.
    { printf 'asked %s\n' "$@"; sha256sum -- "$@" 2>/dev/null || :; } | awk '
        NR == FNR && /^asked / { found[substr($0, 7)] = "-"; next }
        NR == FNR { found[substr($0, 67)] = substr($0, 1, 64); next }
        { path = substr($0, 67) }
        (path in found) && found[path] != substr($0, 1, 64) { print path "\t" substr($0, 1, 64) "\t" found[path] }
    ' - SHA256SUMS | while IFS=$TAB read -r path expected found; do say file_changed "$path" "$expected" "$found"; done
)

check_image_file() { # LINE NUMBER TOTAL
    [ -n "$1" ] || return 0
    path=${1#*  }
    if [ ! -f "$ROOT/$path" ] || [ -L "$ROOT/$path" ]; then
        say file_missing "$path" >&2
        return 1
    fi
    case $JSON:$path in
        no:images/*) say checking_file "$2" "$3" "$path" "$(human_size "$(tarball_size "$path")")" ;;
    esac
    found=$(sha256sum <"$ROOT/$path") || found=
    if [ "${found%% *}" != "${1%%  *}" ]; then
        say file_changed "$path" "${1%%  *}" "${found%% *}" >&2
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
