# shellcheck shell=sh
# The installation's home: which release is installed, what was going on when a run ended, and the
# releases themselves, each a copy of a bundle without its images.
#
# The file `state` decides. It is replaced in one step after everything that it tells of is on the disk,
# so whatever moment a run ends at, the next one finds out where things stand.

HOME_DIR=
PROJECT=
# The release at hand: its name, its folder, its tables and its settings.
RELEASE=
RELEASE_DIR=
TABLES=
ENV_FILE=

find_home() {
    TABLES=$ROOT/site
    [ -f "$TABLES/bundle.tsv" ] || fail 3 no_bundle "$ROOT"
    if [ -f "$ROOT/.release" ]; then
        HOME_DIR=${ROOT%/releases/*}
        PROJECT=$(state_value project)
        [ -n "$PROJECT" ] || PROJECT=$(bundle_value project)
        for given in "$WANTED_HOME" "$WANTED_PROJECT"; do
            case $given in '' | "$HOME_DIR" | "$PROJECT") ;; *) fail 2 home_is_fixed "$HOME_DIR" ;; esac
        done
    else
        PROJECT=${WANTED_PROJECT:-$(bundle_value project)}
        HOME_DIR=${WANTED_HOME:-/var/lib/openim-bundler/$PROJECT}
        earlier=$(state_value project)
        case $earlier in '' | "$PROJECT") ;; *) fail 2 home_of_another "$HOME_DIR" "$earlier" ;; esac
    fi
    [ ! -w "$HOME_DIR/install.log" ] || LOG=$HOME_DIR/install.log
}

# --- state -------------------------------------------------------------------------------------------

state_value() { # KEY
    [ -f "$HOME_DIR/state" ] || return 0
    while IFS= read -r pair; do
        case $pair in "$1="*) printf '%s\n' "${pair#*=}" ;; esac
    done <"$HOME_DIR/state"
}

# Sets some keys and keeps the others; an empty value takes its key away.
write_state() { # KEY=VALUE...
    {
        printf '%s\n' "$@"
        if [ -f "$HOME_DIR/state" ]; then cat "$HOME_DIR/state"; fi
        # Whatever else is written, this line is there, and tells that all of it is.
        printf 'project=%s\n' "$PROJECT"
    } | awk '
        { key = substr($0, 1, index($0, "=")) }
        key == "" || key in seen { next }
        { seen[key]; if ($0 != key) print }' >"$HOME_DIR/state.new"
    grep -q '^project=' "$HOME_DIR/state.new" || fail 10 folder_not_writable "$HOME_DIR"
    flush "$HOME_DIR/state.new"
    mv -f "$HOME_DIR/state.new" "$HOME_DIR/state"
    flush "$HOME_DIR"
}

# Older systems cannot flush a single file.
flush() { # PATH
    sync "$1" 2>/dev/null || sync
}

# --- releases ----------------------------------------------------------------------------------------

# The sums name every file, so two bundles that differ in anything are two releases.
release_of() { # BUNDLE-FOLDER
    sum=$(sha256sum <"$1/SHA256SUMS")
    version=$(
        TABLES=$1/site
        bundle_value version
    )
    printf '%s-%.12s\n' "$version" "$sum"
}

use_release() { # RELEASE
    RELEASE=$1
    RELEASE_DIR=$HOME_DIR/releases/$1
    TABLES=$RELEASE_DIR/site
    ENV_FILE=$RELEASE_DIR/.env
}

release_there() { # RELEASE
    [ -n "$1" ] && [ -f "$HOME_DIR/releases/$1/.release" ]
}

# `OpenIM 2.3.9` of a release, or its name where it is gone.
release_title() { # RELEASE
    release_there "$1" || { printf '%s\n' "$1"; return 0; }
    (
        TABLES=$HOME_DIR/releases/$1/site
        title
    )
}

# From here on this run may change things.
open_home() {
    (umask 022 && mkdir -p -- "$HOME_DIR/releases") 2>/dev/null || fail 10 folder_not_writable "$HOME_DIR"
    take_lock
    (umask 077 && : >>"$HOME_DIR/install.log") 2>/dev/null || fail 10 folder_not_writable "$HOME_DIR"
    LOG=$HOME_DIR/install.log
    printf '\n' 2>/dev/null >>"$LOG" || :
    log_text "$ROOT/install.sh $COMMAND"
    rm -rf "$HOME_DIR/releases/.new" "$HOME_DIR/releases/.gone" "$HOME_DIR/state.new"
    link_current
}

# Copies the bundle, images and engine apart, and makes the copy the release at hand. What is copied
# belongs to whoever installs, whoever extracted the bundle. It begins with the settings of the release
# before, also where it was here once and has older ones: passwords that data was made with are never left
# behind.
stage_release() {
    ENV_FILE=
    find_origin
    use_release "$(release_of "$ROOT")"
    if release_there "$RELEASE"; then
        case $origin in '' | "$ENV_FILE") return 0 ;; esac
        inherit_settings "$origin" "$ENV_FILE" || fail 10 release_not_copied "$HOME_DIR"
        return 0
    fi
    (
        umask 022
        new=$HOME_DIR/releases/.new
        mkdir "$new" || exit 1
        for part in SHA256SUMS $(bundle_parts); do cp -R -- "$ROOT/$part" "$new/" || exit 1; done
        # The bundle's own modes, whatever a medium or the umask of who extracted it made of them: services read
        # files of ours, and not as root.
        chmod -R u+rwX,go+rX "$new" && chmod 755 "$new/install.sh" || exit 1
        if [ -n "$origin" ]; then inherit_settings "$origin" "$new/.env" || exit 1; fi
        printf '%s\n' "$RELEASE" >"$new/.release" || exit 1
        sync
        mv "$new" "$RELEASE_DIR"
    ) || fail 10 release_not_copied "$HOME_DIR"
}

# Takes a release away in one step: the half that a killed run left would be taken for the whole.
remove_release() { # RELEASE
    rm -rf "$HOME_DIR/releases/.gone"
    mv "$HOME_DIR/releases/${1:?}" "$HOME_DIR/releases/.gone"
    rm -rf "$HOME_DIR/releases/.gone"
}

# What lies in the bundle's folder and belongs to it, images and engine apart. No name of ours has a space.
bundle_parts() {
    sum_lines small | sed 's/^[^ ]*  //; s,/.*,,' | sort -u
}

# The release at hand is the installed one from now on.
commit_release() {
    before=$(state_value release)
    if [ "$before" = "$RELEASE" ]; then before=$(state_value previous); fi
    write_state "release=$RELEASE" "previous=${1-$before}" operation= target= step= "engine=$ENGINE"
    link_current
}

# For people; the state decides.
link_current() {
    installed=$(state_value release)
    if release_there "$installed" && [ "$(readlink "$HOME_DIR/current" 2>/dev/null)" != "releases/$installed" ]; then
        rm -f "$HOME_DIR/current"
        ln -s "releases/$installed" "$HOME_DIR/current"
    fi
}

# What the commands that look after an installation work on.
use_installed() {
    installed=$(state_value release)
    if ! release_there "$installed"; then
        installed=$(state_value target)
        release_there "$installed" || fail 10 not_installed_here "$HOME_DIR"
    fi
    use_release "$installed"
}
