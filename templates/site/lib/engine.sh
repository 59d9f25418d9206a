# shellcheck shell=sh
# The container engine and its compose tool: which, whether they will do, and how to call them.

ENGINE=
COMPOSE=

choose_engine() { # WANTED
    case $1 in
        docker | podman) ENGINE=$1 ;;
        *) if command -v docker >/dev/null; then ENGINE=docker; else ENGINE=podman; fi ;;
    esac
    command -v "$ENGINE" >/dev/null || fail 5 engine_missing
    # Where Podman stands in for Docker it answers to both names.
    if [ "$ENGINE" = docker ]; then
        case $(docker --version 2>/dev/null) in
            *[Pp]odman*) ENGINE=podman ;;
        esac
    fi
}

# One fact of the engine, asked in its own words: version, architecture, folder.
engine_fact() { # FACT
    case $ENGINE:$1 in
        docker:version) docker version --format '{{.Server.Version}}' ;;
        docker:architecture) docker version --format '{{.Server.Arch}}' ;;
        docker:folder) docker info --format '{{.DockerRootDir}}' ;;
        podman:version) podman info --format '{{.Version.Version}}' ;;
        podman:architecture) podman info --format '{{.Host.Arch}}' ;;
        podman:folder) podman info --format '{{.Store.GraphRoot}}' ;;
    esac
}

# Whether a version such as 20.10.24+dfsg1 is at least MAJOR.MINOR.
at_least() { # VERSION MAJOR MINOR
    version=${1#v}
    major=${version%%.*}
    rest=${version#*.}
    minor=${rest%%[!0-9]*}
    case $major in '' | *[!0-9]*) return 1 ;; esac
    [ "$major" -gt "$2" ] || { [ "$major" -eq "$2" ] && [ "${minor:-0}" -ge "$3" ]; }
}

check_engine() { # BUNDLE-PLATFORM EMULATION
    if ! version=$(engine_fact version 2>&1) || [ -z "$version" ]; then
        fail 5 engine_silent "$ENGINE" "$version"
    fi
    case $ENGINE in
        docker) at_least "$version" 18 9 || fail 5 engine_old Docker "$version" 18.09 ;;
        podman) at_least "$version" 3 4 || fail 5 engine_old Podman "$version" 3.4 ;;
    esac
    architecture=$(engine_fact architecture) || architecture='?'
    say engine_found "$ENGINE" "$version" "$architecture"
    wanted=${1#*/}
    if [ "$architecture" != "${wanted%%/*}" ]; then
        [ "$2" = yes ] || fail 4 wrong_engine_architecture "$1" "$ENGINE" "$architecture"
    fi
}

choose_compose() {
    if [ "$ENGINE" = docker ]; then
        for COMPOSE in 'docker compose' docker-compose; do
            version=$(compose_version) || continue
            at_least "$version" 1 28 || fail 5 compose_old "$COMPOSE" "$version"
            say compose_found "$COMPOSE" "$version"
            return 0
        done
        fail 5 compose_missing
    fi
    for COMPOSE in podman-compose 'podman compose'; do
        compose version >/dev/null 2>&1 || continue
        say compose_found "$COMPOSE" "$(compose version 2>/dev/null | head -n 1)"
        return 0
    done
    fail 5 podman_compose_missing
}

compose_version() {
    compose version --short 2>/dev/null
}

# Becomes the compose tool. Only .env decides: a variable of the caller's that bears a setting's
# name would go before it, and one of compose's own would lead it to other files.
become_compose() { # ARG...
    case $COMPOSE in
        *' compose') set -- "${COMPOSE% compose}" compose "$@" ;;
        *) set -- "$COMPOSE" "$@" ;;
    esac
    unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_ENV_FILES COMPOSE_PATH_SEPARATOR \
        DOCKER_DEFAULT_PLATFORM
    while IFS=$TAB read -r name _; do
        case $name in '#'*) ;; *) unset "$name" ;; esac
    done <"$TABLES/settings.tsv"
    exec "$@"
}

compose() ( # ARG...
    become_compose "$@" </dev/null
)

# The same on this bundle's project.
become_project() { # ARG...
    cd "$RELEASE_DIR" || exit 1
    become_compose -p "$PROJECT" -f "$(compose_file)" "$@"
}

project() ( # ARG...
    become_project "$@" </dev/null
)

run_checks() {
    choose_engine "$WANTED_ENGINE"
    choose_compose >/dev/null
}
need_engine() { run_checks; }
