# shellcheck shell=sh
# The site's settings: .env beside the release's compose.yaml. What an installation had stays, what is
# missing is added.

CHOSEN=

# Keeps a NAME=VALUE from the command line; the last one for a name counts.
choose_setting() { # NAME=VALUE
    case ${1%%=*} in
        "$1" | '' | [0-9]* | *[!A-Za-z0-9_]*) fail 2 bad_set "${1%%=*}" ;;
    esac
    case $1 in *"$NEWLINE"*) fail 2 bad_set "${1%%=*}" ;; esac
    CHOSEN=$CHOSEN$1$NEWLINE
}

# The lines of --settings FILE; those of --set go before them, wherever they stand.
read_settings_file() {
    [ -n "$SETTINGS_FILE" ] || return 0
    if [ ! -r "$SETTINGS_FILE" ] || [ -d "$SETTINGS_FILE" ]; then fail 8 settings_unreadable "$SETTINGS_FILE"; fi
    given=$CHOSEN
    CHOSEN=
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
            '' | '#'*) ;;
            *) choose_setting "$line" ;;
        esac
    done <"$SETTINGS_FILE"
    CHOSEN=$CHOSEN$given
    SETTINGS_FILE=
}

# Where the settings of an earlier run stand, in `origin`: of this release, of the installed one, of one
# that never came up, or those that `uninstall` kept for the data. Empty where there are none.
find_origin() {
    origin=$ENV_FILE
    [ ! -f "$origin" ] || return 0
    if [ -f "$HOME_DIR/state" ]; then
        for origin in "$(state_value release)" "$(state_value target)"; do
            origin=$HOME_DIR/releases/$origin/.env
            [ ! -f "$origin" ] || return 0
        done
    fi
    origin=$HOME_DIR/settings.env
    [ -f "$origin" ] || origin=
}

# The value of the last NAME=VALUE line for a name; fails where there is none. This is asked for every
# setting again and again, so it starts no process; and shells cut a long text slowly.
value_in() { # NAME LINES
    found=
    set -f
    IFS=$NEWLINE
    for pair in $2; do
        case $pair in "$1="*) found=$pair ;; esac
    done
    unset IFS
    set +f
    [ -n "$found" ] && printf '%s\n' "${found#*=}"
}

chosen_value() { # NAME
    value_in "$1" "$CHOSEN"
}

kept_value() { # NAME
    find_origin
    [ -n "$origin" ] && value_in "$1" "$(cat "$origin")"
}

default_value() { # NAME
    awk -F '\t' -v name="$1" '
        $1 == name && $3 != "-" { print substr($3, 2); found = 1 }
        END { exit !found }' "$TABLES/settings.tsv"
}

# The default in the column of the table, which has = before it, and - where there is none.
preset_value() { # COLUMN
    [ "$1" != - ] && printf '%s\n' "${1#=}"
}

# What a setting is, as far as it is known without making anything up.
setting_value() { # NAME
    chosen_value "$1" || kept_value "$1" || default_value "$1" || :
}

# Letters and digits only: nothing in a shell, YAML, a URL or a connection string takes them for
# something else.
new_secret() { # LENGTH
    secret=$(head -c $(($1 * 16 + 256)) /dev/urandom | tr -dc 'A-Za-z0-9' | head -c "$1")
    [ "${#secret}" -eq "$1" ] || return 1
    printf '%s\n' "$secret"
}

# Whether a value is of its type; .env is read differently by every tool, so quotes, backslashes,
# `#` and `$` are in none.
value_fits() { # TYPE VALUE
    case $2 in
        *[[:cntrl:]]* | *[\"\'\`\\\$#]* | ' '* | *' ') return 1 ;;
    esac
    case $1 in
        port)
            case $2 in '' | *[!0-9]* | ??????*) return 1 ;; esac
            [ "$2" -ge 1 ] && [ "$2" -le 65535 ] ;;
        integer)
            case ${2#-} in '' | *[!0-9]* | ????????????????*) return 1 ;; esac ;;
        boolean) [ "$2" = true ] || [ "$2" = false ] ;;
        path)
            case $2 in *[!A-Za-z0-9._/@+-]* | */../* | */..) return 1 ;; /*) ;; *) return 1 ;; esac ;;
        host)
            case $2 in '' | -* | *[!A-Za-z0-9.:-]*) return 1 ;; esac ;;
        secret)
            case $2 in '' | *' '*) return 1 ;; esac ;;
    esac
}

# A value that nobody gave: a secret, or this host's address; fails where only the customer knows.
found_value() { # NAME TYPE LENGTH
    case $2:$1 in
        secret:*) new_secret "$3" ;;
        *:HOST_ADDRESS) host_address | grep . ;;
        *) return 1 ;;
    esac
}

# Refuses what cannot become settings, before anything is written.
check_settings() {
    read_settings_file
    printf '%s' "$CHOSEN" | while IFS='=' read -r name _; do
        type=$(awk -F '\t' -v name="$name" '$1 == name { print $2 }' "$TABLES/settings.tsv")
        [ -n "$type" ] || fail 8 unknown_setting "$name" "$(setting_names)"
        if [ "$type" = secret ] && kept=$(kept_value "$name") && [ "$kept" != "$(chosen_value "$name")" ]; then
            fail 8 secret_kept "$name"
        fi
    done || exit $?
    check_env_lines
    while IFS=$TAB read -r name type preset length description_en description_zh; do
        case $name in '#'*) continue ;; esac
        if value=$(chosen_value "$name" || kept_value "$name" || preset_value "$preset"); then
            value_fits "$type" "$value" || fail 8 bad_value "$name" "$type" "$(shown "$type" "$value")"
        elif [ "$type" != secret ] && ! found_value "$name" "$type" "$length" >/dev/null; then
            fail 8 value_needed "$name" "$(in_language "$description_en" "$description_zh")"
        fi
    done <"$TABLES/settings.tsv"
    check_data_place
}

# A release goes one day, with all that lies in it; and a path by way of current/ leads to another then.
check_data_place() {
    data=$(setting_value DATA_DIR)
    [ -n "$data" ] && [ -d "$HOME_DIR/releases" ] || return 0
    place=$(real_folder "$(existing_folder "$data")") || return 0
    case $place/ in
        "$(real_folder "$HOME_DIR/releases")"/*) fail 8 data_in_release "$data" "$HOME_DIR/releases" ;;
    esac
}

setting_names() {
    records settings | cut -f 1 | tr '\n' ' '
}

# A value for a message; secrets never are in one.
shown() { # TYPE VALUE
    if [ "$1" = secret ]; then echo '***'; else printf '%s\n' "$2"; fi
}

# A line that compose might read and we did not would bring forth a second value.
check_env_lines() {
    find_origin
    [ -n "$origin" ] || return 0
    line=$(awk '!/^[A-Za-z_][A-Za-z0-9_]*=/ && !/^[ \t]*(#|$)/ { print NR; exit }' "$origin")
    [ -z "$line" ] || fail 8 bad_env_line "$line" "$origin"
}

# New passwords do not open data that was made with older ones.
check_earlier_data() {
    find_origin
    [ -z "$origin" ] || return 0
    awk -F '\t' '$2 == "secret" { print $1 }' "$TABLES/settings.tsv" |
        while IFS= read -r name; do chosen_value "$name" >/dev/null || echo "$name"; done |
        grep -q . || return 0
    data=$(setting_value DATA_DIR)
    # The folder may be a symbolic link, which find does not follow by itself.
    if [ -d "$data" ] && find "$data/." ! -path "$data/." ! -name lost+found 2>/dev/null | grep -q .; then
        fail 8 data_without_settings "$data" "$HOME_DIR/settings.env"
    fi
    label=com.docker.compose.project=$PROJECT
    volumes=$("$ENGINE" volume ls -q --filter "label=$label" 2>/dev/null | tr '\n' ' ')
    [ -z "$volumes" ] || fail 8 data_without_settings "$volumes" "$HOME_DIR/settings.env"
}

# --- questions ---------------------------------------------------------------------------------------

# Asks on a terminal for settings: all of them, or with `open` those that have no default and are not
# known from an earlier run. Passwords are not asked for: they are made here.
ask_settings() { # all|open
    read_settings_file
    [ "$YES" = no ] && [ -t 0 ] || return 0
    for name in $(awk -F '\t' '!/^#/ && $2 != "secret" { print $1 }' "$TABLES/settings.tsv"); do
        chosen_value "$name" >/dev/null && continue
        if [ "$1" = open ]; then
            kept_value "$name" >/dev/null && continue
            default_value "$name" >/dev/null && continue
        fi
        ask_setting "$name"
    done
}

ask_setting() { # NAME
    record=$(awk -F '\t' -v name="$1" '$1 == name' "$TABLES/settings.tsv")
    type=$(printf '%s\n' "$record" | cut -f 2)
    known=$(kept_value "$1" || default_value "$1" || found_value "$1" "$type" 0 || :)
    message setting_question "$1" "$(printf '%s\n' "$record" | cut -f "$(in_language 5 6)")"
    while :; do
        printf '[%s] ' "$known"
        read -r answer || fail 2 nobody_to_ask "$COMMAND"
        answer=${answer:-$known}
        if [ -n "$answer" ] && value_fits "$type" "$answer"; then break; fi
        message bad_value "$1" "$type" "$answer"
    done
    choose_setting "$1=$answer"
}

# --- writing -----------------------------------------------------------------------------------------

# Writes the settings of the release at hand.
write_settings() {
    find_origin
    (
        umask 077
        settings_lines >"$ENV_FILE.new" || exit $?
        if [ -n "$origin" ] && [ -s "$ENV_FILE.new" ]; then
            # By way of the shell: some awks do not tell when the disk is full.
            merged=$(merged_env "$ENV_FILE.new" "$origin") || exit 1
            printf '%s\n' "$merged" >"$ENV_FILE.merged" || exit 1
            mv -f "$ENV_FILE.merged" "$ENV_FILE.new" || exit 1
        fi
    ) || exit $?
    if cmp -s "$ENV_FILE.new" "$ENV_FILE"; then
        rm -f "$ENV_FILE.new"
        chmod 600 "$ENV_FILE"
        say settings_kept "$ENV_FILE"
    else
        flush "$ENV_FILE.new"
        mv -f "$ENV_FILE.new" "$ENV_FILE"
        flush "$RELEASE_DIR"
        say settings_written "$ENV_FILE"
    fi
}

# Every setting with its value, after a line that says what it means.
settings_lines() {
    while IFS=$TAB read -r name type preset length description_en description_zh; do
        case $name in '#'*) continue ;; esac
        value=$(chosen_value "$name" || kept_value "$name" || preset_value "$preset" ||
            found_value "$name" "$type" "$length") || fail 8 value_not_made "$name"
        printf '# %s\n%s=%s\n' "$(in_language "$description_en" "$description_zh")" "$name" "$value"
    done <"$TABLES/settings.tsv"
}

# The lines of an earlier .env with the new values in their places, and new settings after them. A setting
# that a newer release has no more stays: it may be a password of data that is still there.
merged_env() { # NEW OLD
    awk '
        { name = substr($0, 1, index($0, "=") - 1) }
        NR == FNR && /^#/ { about = $0; next }
        NR == FNR { line[name] = $0; comment[name] = about; order[++count] = name; next }
        !(name in line) { print; next }
        !(name in done) { print line[name]; done[name] }
        END {
            for (i = 1; i <= count; i++) {
                if (!(order[i] in done)) print comment[order[i]] "\n" line[order[i]]
            }
        }
    ' "$1" "$2"
}

# Gives a release the settings of another, and after them what only a release beside that one has: one that
# was taken back may have made data with a password of its own.
inherit_settings() { # ORIGIN FILE
    joined=$(joined_env "$1") || return 1
    (umask 077 && printf '%s\n' "$joined" >"$2.new") || return 1
    flush "$2.new"
    mv -f "$2.new" "$2"
}

joined_env() ( # ORIGIN
    set -- "$1"
    for file in "$HOME_DIR"/releases/*/.env; do
        [ ! -f "$file" ] || set -- "$@" "$file"
    done
    awk '
        FNR == 1 { file++; about = "" }
        { name = substr($0, 1, index($0, "=") - 1) }
        file == 1 { print; known[name]; next }
        /^#/ { about = $0; next }
        name != "" && !(name in known) { print about (about == "" ? "" : "\n") $0; known[name] }
        { about = "" }
    ' "$@"
)

# Where the services keep their data; the engine makes the folders in it.
make_data_folder() {
    data=$(setting_value DATA_DIR)
    [ -n "$data" ] || return 0
    [ -d "$data" ] || (umask 022 && mkdir -p -- "$data") || fail 8 data_folder "$data"
}
