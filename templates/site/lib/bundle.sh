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

# Every file against its sums, and no file beside those: the small ones and the engine's against SHA256SUMS, the
# image tarballs blob by blob against the table `blobs`, which SHA256SUMS has the sum of. A release has no images.
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
    if [ ! -f "$ROOT/.release" ]; then check_large_files || bad=yes; fi
    unlisted=$(unlisted_files)
    if [ -n "$unlisted" ]; then
        say unlisted_files "$unlisted" >&2
        bad=yes
    fi
    [ -z "$bad" ] || fail 3 bundle_damaged
}

# How many files were looked at.
count_files() {
    {
        sum_lines small
        sum_lines large
        tarballs
    } | grep -c . || :
}

# The lines of SHA256SUMS, each after what it is: a large file, a small one, or nothing that can be hashed.
# The latter is any but "sum  path" with a path inside the folder; it comes as its number.
sum_lines() { # large|small|malformed
    awk -v wanted="$1" '
        {
            path = substr($0, 67)
            kind = path ~ /^(images|extras)\// ? "large" : "small"
            if (length($0) < 67 || substr($0, 1, 64) !~ /^[0-9a-f]+$/ || substr($0, 65, 2) != "  ") kind = "malformed"
            if (("/" path "/") ~ /\/(\.\.?)?\//) kind = "malformed"
            if (kind == wanted) print kind == "malformed" ? NR : $0
        }' "$ROOT/SHA256SUMS"
}

check_sum_lines() {
    sum_lines malformed | while IFS= read -r number; do say sums_malformed "$number"; done
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
$(sum_lines small)
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

# The image tarballs, each once, with its size.
tarballs() {
    records images | awk -F "$TAB" '!($2 in seen) { seen[$2]; print $2 "\t" $7 }'
}

check_large_files() {
    damaged=0
    while IFS= read -r line; do
        [ -z "$line" ] || check_whole_file "$line" || damaged=1
    done <<END
$(sum_lines large)
END
    if ! tables_whole; then return 1; fi
    total=$(tarballs | grep -c . || :)
    number=0
    while IFS=$TAB read -r path bytes; do
        [ -n "$path" ] || continue
        number=$((number + 1))
        if is_file "$path"; then
            [ "$JSON" = yes ] || say checking_file "$number" "$total" "$path" "$(human_size "$bytes")"
            check_tarball "$path" "$bytes" || damaged=1
        else
            damaged=1
        fi
    done <<END
$(tarballs)
END
    return "$damaged"
}

# Whether the tables that say what a tarball consists of are whole themselves: else nothing is said of tarballs.
tables_whole() (
    cd "$ROOT" || exit 1
    tables=$(grep -E '^[0-9a-f]{64}  site/(images|blobs)\.tsv$' SHA256SUMS)
    [ "$(printf '%s\n' "$tables" | grep -c .)" -eq 2 ] || exit 1
    printf '%s\n' "$tables" | sha256sum -c - >/dev/null 2>&1
)

# Says so where a file is none.
is_file() { # PATH
    if [ -f "$ROOT/$1" ] && [ ! -L "$ROOT/$1" ]; then return 0; fi
    say file_missing "$1" >&2
    return 1
}

check_whole_file() { # LINE
    path=${1#*  }
    is_file "$path" || return 1
    found=$(sha256sum <"$ROOT/$path") || found=
    if [ "${found%% *}" = "${1%%  *}" ]; then return 0; fi
    say file_changed "$path" "${1%%  *}" "${found%% *}" >&2
    return 1
}

# Every blob of a tarball where the table has it, and all other bytes of it, up to its end.
check_tarball() { # PATH BYTES
    changed=0
    steps=$(tarball_steps "$1" "$2")
    while read -r kind at mebibytes rest expected; do
        [ "$kind" = blob ] || continue
        found=$(blob_sum "$ROOT/$1" "$at" "$mebibytes" "$rest") || found=
        if [ "${found%% *}" = "$expected" ]; then continue; fi
        say blob_changed "$1" "$((at * 512))" "$expected" "${found%% *}" >&2
        changed=1
    done <<END
$steps
END
    expected=$(printf '%s\n' "$steps" | sed -n 's/^structure //p')
    found=$(printf '%s\n' "$steps" | structure_sum "$ROOT/$1") || found=
    if [ -n "$expected" ] && [ "${found%% *}" = "$expected" ]; then return "$changed"; fi
    say structure_changed "$1" "${expected:--}" "${found%% *}" >&2
    return 1
}

# What is to be read of a tarball, a line each: of a blob, which begins at a block, its first block, its whole
# mebibytes, the bytes after those and its sum; before, between and behind the blobs a gap, with how much to
# skip since the last one and how much to read, both in blocks of so many bytes; at the end the sum of all gaps.
# Blobs that overlap leave a gap that nothing can read.
tarball_steps() { # PATH BYTES
    records blobs | awk -F "$TAB" -v path="$1" -v bytes="$2" '
        $1 != path { next }
        $2 == "-" { gap(bytes); print "structure", $4; exit }
        {
            gap($2)
            printf "blob %.0f %.0f %.0f %s\n", $2 / 512, int($3 / 1048576), $3 % 1048576, $4
            end = $2 + $3
            skip = $3
        }
        function gap(until, size, block) {
            size = until - end
            block = skip % 512 || size % 512 ? 1 : 512
            printf "gap %d %.0f %.0f\n", block, skip / block, size / block
        }'
}

# Large pieces for what is large, and no byte is read that belongs to another blob.
blob_sum() { # FILE FIRST-BLOCK MEBIBYTES REST
    {
        dd bs=512 skip="$2" count=0
        if [ "$3" -gt 0 ]; then dd bs=1048576 count="$3"; fi
        head -c "$4"
    } <"$1" 2>/dev/null | sha256sum
}

# Whatever follows the last gap is hashed, too: nothing may stand there.
structure_sum() { # FILE, with the steps as input
    {
        while read -r kind block skip count _; do
            [ "$kind" != gap ] || dd bs="$block" skip="$skip" count="$count" <&3
        done
        cat <&3
    } 3<"$1" 2>/dev/null | sha256sum
}

# What lies in the folder and has no sum: a program there might be taken for ours. The data may have been put
# into the bundle's folder, and a release has files of its own.
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
        {
            sed 's,^.\{66\},./,' SHA256SUMS
            tarballs | sed 's,^,./,; s,'"$TAB"'.*,,'
            echo
            find . -path "${data%/}" -prune -o ! -type d ! -path ./SHA256SUMS ! -path "$own" -print
        } | awk '$0 == "" { found = 1; next } !found { listed[$0]; next } !($0 in listed)'
    )
}
