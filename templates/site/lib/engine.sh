# shellcheck shell=sh
# The container engine and its compose tool: which they are, and how to call them.

ENGINE=
COMPOSE=
COMPOSE_VERSION=
# A compose tool that was found and is too old, with its version.
COMPOSE_REFUSED=

# Finds the engine's program; fails where there is none. Docker that is there and does not answer is
# not passed over for Podman: the services would start a second time, without their data.
choose_engine() { # WANTED
    case $1 in
        docker | podman) ENGINE=$1 ;;
        *) if command -v docker >/dev/null; then ENGINE=docker; else ENGINE=podman; fi ;;
    esac
    if ! command -v "$ENGINE" >/dev/null; then
        ENGINE=
        return 1
    fi
    # Where Podman stands in for Docker it answers to both names.
    if [ "$ENGINE" = docker ]; then
        case $(docker --version 2>/dev/null) in
            *[Pp]odman*) ENGINE=podman ;;
        esac
    fi
}

# The engine's name as people write it.
engine_title() { # ENGINE
    case $1 in
        docker) echo Docker ;;
        *) echo Podman ;;
    esac
}

# One fact of the engine, in its own words; fails where this engine does not know it. Docker 18.09
# knows no cgroup version, and no newer one names the address of containerd before 27.
engine_fact() { # FACT
    case $ENGINE:$1 in
        docker:version) docker version --format '{{.Server.Version}}' ;;
        docker:architecture) docker version --format '{{.Server.Arch}}' ;;
        docker:folder) docker info --format '{{.DockerRootDir}}' ;;
        docker:driver) docker info --format '{{.Driver}}' ;;
        docker:driver-status) docker info --format '{{.DriverStatus}}' ;;
        docker:security) docker info --format '{{.SecurityOptions}}' ;;
        docker:cgroup) docker info --format '{{.CgroupVersion}}' ;;
        docker:containerd) docker info --format '{{.Containerd.Address}}' ;;
        podman:version) podman info --format '{{.Version.Version}}' ;;
        podman:architecture) podman info --format '{{.Host.Arch}}' ;;
        podman:folder) podman info --format '{{.Store.GraphRoot}}' ;;
        podman:driver) podman info --format '{{.Store.GraphDriverName}}' ;;
        podman:rootless) podman info --format '{{.Host.Security.Rootless}}' ;;
        *) return 1 ;;
    esac </dev/null
}

# Which image store Docker has: with containerd's it keeps the packed layers beside the unpacked.
engine_has_containerd_store() {
    [ "$ENGINE" = docker ] || return 1
    case $(engine_fact driver-status 2>/dev/null) in
        *io.containerd.snapshotter*) return 0 ;;
        *) return 1 ;;
    esac
}

# Where the engine keeps its images. Docker with containerd's store leaves them to the system's
# containerd where that runs, and else to one of its own, inside its folder.
engine_folder() {
    folder=$(engine_fact folder 2>/dev/null) && [ -n "$folder" ] || return 1
    if engine_has_containerd_store; then
        address=$(engine_fact containerd 2>/dev/null) || address=
        # One of its own lies inside its folder, whatever else runs here.
        if [ -z "$address" ] && [ ! -d "$folder/containerd/daemon" ] &&
            [ -e "$HOST_ROOT/run/containerd/containerd.sock" ]; then
            address=/run/containerd/containerd.sock
        fi
        case $address in
            /run/containerd/* | /var/run/containerd/*)
                root=$(sed -n "s/^root *= *[\"']\(.*\)[\"']/\1/p" \
                    "$HOST_ROOT/etc/containerd/config.toml" 2>/dev/null | head -n 1)
                folder=${root:-/var/lib/containerd} ;;
        esac
    fi
    printf '%s\n' "$folder"
}

# Whether a version such as 20.10.24+dfsg1 is at least another; numbers that are not there are 0.
version_at_least() { # VERSION LEAST
    awk -v version="${1#v}" -v least="$2" 'BEGIN {
        if (version !~ /^[0-9]/) exit 1
        split(version, have, /[^0-9]+/)
        split(least, need, /[^0-9]+/)
        # 20.10.24-3 is 20.10.24, packaged for the third time.
        for (i = 1; i <= 3; i++) {
            if (have[i] + 0 != need[i] + 0) exit have[i] + 0 < need[i] + 0
        }
    }'
}

# Finds a compose tool that will do and sets COMPOSE and COMPOSE_VERSION; fails where there is none.
choose_compose() {
    COMPOSE_REFUSED=
    case $ENGINE in
        docker) try_compose 'docker compose' 1.28 || try_compose docker-compose 1.28 ;;
        podman)
            try_compose podman-compose 1.0 ||
                { [ -e "$(podman_socket)" ] && try_compose docker-compose 1.28; } ||
                try_compose 'podman compose' 1.0 ;;
    esac || {
        COMPOSE=
        return 1
    }
}

try_compose() { # COMMAND LEAST-VERSION
    COMPOSE=$1
    COMPOSE_VERSION=$(compose_version) || return 1
    version_at_least "$COMPOSE_VERSION" "$2" && return 0
    COMPOSE_REFUSED="$COMPOSE $COMPOSE_VERSION"
    return 1
}

refused_compose() {
    printf '%s\n' "$COMPOSE_REFUSED"
}

# The number in what the tool says of itself. podman-compose tells Podman's version as well, and
# knows the short form only since 1.0.4.
compose_version() {
    case $COMPOSE in
        podman-compose) words=$(compose version 2>/dev/null) || return 1
            words=$(printf '%s\n' "$words" | grep podman-compose) || return 1 ;;
        *) words=$(compose version --short 2>/dev/null) || return 1 ;;
    esac
    printf '%s\n' "$words" | sed -n 's/^[^0-9]*\([0-9][^ ,]*\).*/\1/p' | head -n 1 | grep .
}

podman_socket() {
    printf '%s/run/podman/podman.sock\n' "$HOST_ROOT"
}

# Becomes the compose tool. Only .env decides: a variable of the caller's that bears a setting's
# name would go before it, and one of compose's own would lead it to other files.
become_compose() { # ARG...
    # Docker's tool does Podman's work when it speaks to Podman's socket.
    if [ "$ENGINE/$COMPOSE" = podman/docker-compose ]; then
        unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH
        DOCKER_HOST=unix://$(podman_socket)
        export DOCKER_HOST
    fi
    case $COMPOSE in
        *' compose') set -- "${COMPOSE% compose}" compose "$@" ;;
        *) set -- "$COMPOSE" "$@" ;;
    esac
    unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_ENV_FILES COMPOSE_PATH_SEPARATOR \
        COMPOSE_PROFILES DOCKER_DEFAULT_PLATFORM
    while IFS=$TAB read -r name _; do
        case $name in '#'*) ;; *) unset "$name" ;; esac
    done <"$TABLES/settings.tsv"
    exec "$@"
}

compose() ( # ARG...
    become_compose "$@" </dev/null
)

# The same on the project of the release at hand, in its folder, where its .env is.
become_project() { # ARG...
    cd "$RELEASE_DIR" || exit 10
    become_compose -p "$PROJECT" -f "$(compose_file)" "$@"
}

project() ( # ARG...
    become_project "$@" </dev/null
)
