# shellcheck shell=sh
# `support`: what somebody elsewhere needs to help, in one file, and no password in it.

pack_support() {
    file=$(printf '%s' "$WORDS" | head -n 1)
    if [ -n "$file" ]; then
        file=$(from_here "$file")
    else
        file=$(support_folder)/$PROJECT-support-$(date '+%Y%m%d-%H%M%S').tar
    fi
    { [ ! -e "$file" ] && [ ! -L "$file" ]; } || fail 10 file_exists "$file"
    if [ "$DRY_RUN" = yes ]; then
        say support_would "$file"
        return 0
    fi
    # Others may write in that folder, too, and root must not follow the links that they leave there: all
    # is made in a folder of our own, and gets its name without taking one away.
    work=$(dirname -- "$file")/.openim-support.$$
    (umask 077 && mkdir -- "$work") 2>/dev/null || fail 10 folder_not_writable "$(dirname -- "$file")"
    name=$PROJECT-support
    (umask 077 && mkdir "$work/$name")
    SECRETS=$(all_secrets)
    collect_support "$work/$name"
    if ! (umask 077 && tar -C "$work" -cf "$work/packed.tar" "$name") 2>/dev/null; then
        rm -rf "$work"
        fail 10 folder_not_writable "$(dirname -- "$file")"
    fi
    # A file system without hard links, as on a USB stick, has no symbolic ones to follow either.
    if ln -n -- "$work/packed.tar" "$file" 2>/dev/null ||
        { [ ! -e "$file" ] && [ ! -L "$file" ] && mv -- "$work/packed.tar" "$file"; }; then
        rm -rf "$work"
        say support_packed "$file"
    else
        rm -rf "$work"
        fail 10 file_exists "$file"
    fi
}

# Where the caller is, unless that is the bundle or the installation, which have their files and no others.
support_folder() {
    case $CALLED_FROM/ in
        "$HOME_DIR"/*) printf '%s\n' "${TMPDIR:-/tmp}" ;;
        "$ROOT"/*)
            beside=$(dirname -- "$ROOT")
            [ -w "$beside" ] || beside=${TMPDIR:-/tmp}
            printf '%s\n' "$beside"
            ;;
        *) printf '%s\n' "$CALLED_FROM" ;;
    esac
}

collect_support() { # FOLDER
    say support_head
    collect "$1/host.txt" about_host
    collect "$1/engine.txt" about_engine
    collect "$1/check.json" about_check
    collect "$1/status.txt" about_services
    for path in install.log state receipt.json up.log; do
        [ ! -f "$HOME_DIR/$path" ] || collect "$1/$path" cat "$HOME_DIR/$path"
    done
    folder=$ROOT
    release_there "$(state_value release)" && folder=$HOME_DIR/releases/$(state_value release)
    for path in bundle.json compose.yaml site/bundle.tsv site/images.tsv; do
        [ ! -f "$folder/$path" ] || collect "$1/$(printf '%s' "$path" | tr / -)" cat "$folder/$path"
    done
    # What found the engine above did so in a shell of its own.
    if choose_engine "${WANTED_ENGINE:-$(state_value engine)}"; then
        containers 2>/dev/null | while IFS='|' read -r service _ _ _ _ _ _ id; do
            collect "$1/log-$(printf '%s' "$service" | tr -c 'A-Za-z0-9_.-' _).txt" "$ENGINE" logs --tail 500 "$id"
        done
    fi
}

# What a command says, with a mark in the place of every secret.
collect() { # FILE COMMAND ARG...
    target=$1
    shift
    { "$@" 2>&1 </dev/null || printf '(%s)\n' "$?"; } | without_secrets >"$target"
}

SECRETS=

# The values of all secrets of all releases here, longest first so that none hides in another.
all_secrets() {
    for file in "$HOME_DIR"/releases/*/.env "$HOME_DIR/settings.env"; do
        [ -f "$file" ] || continue
        tables=${file%/.env}/site
        [ -d "$tables" ] || tables=$TABLES
        awk -F '\t' '
            NR == FNR { if ($2 == "secret") secret[$1]; next }
            { name = substr($0, 1, index($0, "=") - 1) }
            # A setting that no table knows any more may have been a secret.
            (name in secret) || (name ~ /(PASS|SECRET|KEY|TOKEN)/) { print substr($0, length(name) + 2) }
        ' "$tables/settings.tsv" "$file"
    done | awk 'length($0) > 3 { print length($0) "\t" $0 }' | sort -rn | cut -f 2- | uniq
}

# What comes in, with a mark in the place of every secret. The list comes before it, up to an empty line,
# and so is in no command line that others may see.
without_secrets() {
    {
        [ -z "$SECRETS" ] || printf '%s\n' "$SECRETS"
        echo
        cat
    } | awk '
        listed == 0 && $0 != "" { secret[++count] = $0; next }
        listed == 0 { listed = 1; next }
        {
            for (i = 1; i <= count; i++) {
                while ((at = index($0, secret[i])) > 0) {
                    $0 = substr($0, 1, at - 1) "***" substr($0, at + length(secret[i]))
                }
            }
            print
        }'
}

about_host() {
    date
    uname -a
    for path in /etc/os-release /etc/kylin-release /etc/openEuler-release /etc/UnionTech-release; do
        [ ! -f "$path" ] || cat "$path"
    done
    head -n 5 /proc/meminfo
    df -Pk
    mount
    command -v ip >/dev/null && ip addr
    getconf PAGESIZE
}

about_engine() {
    need_engine
    "$ENGINE" version
    "$ENGINE" info
    compose version
    "$ENGINE" images
    "$ENGINE" ps -a
}

about_check() (
    JSON=yes
    exec 3>&1
    run_checks
)

about_services() {
    need_engine
    use_installed
    show_status
}
