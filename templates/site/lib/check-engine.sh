# shellcheck shell=sh
# Rules about the container engine, its compose tool, and what it holds already.

ENGINE_VERSION=

# Sets ENGINE where there is one that can be used; fails where there is none.
check_engine() { # WANTED
    if ! choose_engine "$1"; then
        if [ -n "$1" ]; then
            finding fail engine - 5 engine_wanted_missing "$(engine_title "$1")"
        elif command -v nerdctl >/dev/null || command -v ctr >/dev/null; then
            finding fail engine - 5 engine_unsupported "$(engine_medicine)"
        else
            finding fail engine - 5 engine_missing "$(engine_medicine)"
        fi
        return 1
    fi
    if ! ENGINE_VERSION=$(engine_fact version 2>&1) || [ -z "$ENGINE_VERSION" ]; then
        finding fail engine - 5 engine_silent "$(engine_title "$ENGINE")" "$ENGINE_VERSION" "$ENGINE"
        ENGINE=
        return 1
    fi
    case $ENGINE in
        docker) least=18.09 ;;
        podman) least=3.4 ;;
    esac
    if ! version_at_least "$ENGINE_VERSION" "$least"; then
        finding fail engine - 5 engine_old "$(engine_title "$ENGINE")" "$ENGINE_VERSION" "$least" "$(engine_medicine)"
        return 1
    fi
    finding pass engine - 0 engine_found "$(engine_title "$ENGINE")" "$ENGINE_VERSION"
}

# How to come by an engine: from the bundle, or from the medium of this distribution.
engine_medicine() {
    if records extras | grep -q "^docker$TAB"; then
        message check.engine_from_bundle
        return 0
    fi
    case $(os_release ID)/$(os_release ID_LIKE) in
        openEuler/* | kylin/* | */*openEuler*) message check.engine_from_medium docker-engine ;;
        debian/* | ubuntu/* | uos/* | deepin/* | */*debian*) message check.engine_from_medium docker.io ;;
        rhel/* | centos/* | */*rhel*) message check.engine_from_medium podman ;;
        *) message check.engine_from_medium docker ;;
    esac
}

compose_medicine() {
    if records extras | grep -q "^compose$TAB"; then
        message check.compose_from_bundle
    else
        message check.compose_from_medium
    fi
}

check_compose() {
    if choose_compose; then
        finding pass compose - 0 compose_found "$COMPOSE" "$COMPOSE_VERSION"
    elif refused_compose | grep -q .; then
        finding fail compose - 5 compose_old "$(refused_compose)"
    elif [ "$ENGINE" = podman ]; then
        finding fail compose - 5 compose_missing_podman
    else
        finding fail compose - 5 compose_missing_docker "$(compose_medicine)"
    fi
}

# The engine as it runs here: for which architecture, where, as whom.
check_engine_host() { # BUNDLE-PLATFORM EMULATION
    shown=$(engine_fact architecture 2>/dev/null) || shown='?'
    architecture=${1#*/}
    if [ "$shown" = "${architecture%%/*}" ]; then
        finding pass engine-architecture - 0 engine_architecture "$(engine_title "$ENGINE")" "$shown"
    elif [ "$2" = yes ]; then
        finding warn engine-architecture - 0 engine_emulates "$(engine_title "$ENGINE")" "$shown" "$1"
    else
        finding fail engine-architecture - 4 engine_architecture_wrong "$(engine_title "$ENGINE")" "$shown" "$1"
    fi
    case $ENGINE:${DOCKER_HOST:-} in
        docker:tcp:* | docker:ssh:*) finding warn engine-place - 0 engine_elsewhere "$DOCKER_HOST" ;;
    esac
    case $(engine_fact security 2>/dev/null)/$(engine_fact rootless 2>/dev/null) in
        *name=rootless* | */true) finding warn engine-place - 0 engine_rootless "$(engine_title "$ENGINE")" ;;
    esac
    check_cgroup
}

# Docker below 20.10 cannot start a container where the host has version 2 alone.
check_cgroup() {
    cgroup=$(engine_fact cgroup 2>/dev/null) || cgroup=
    if [ -z "$cgroup" ]; then
        cgroup=1
        if [ -e "$HOST_ROOT/sys/fs/cgroup/cgroup.controllers" ]; then cgroup=2; fi
    fi
    if [ "$ENGINE:$cgroup" = docker:2 ] && ! version_at_least "$ENGINE_VERSION" 20.10; then
        finding fail engine-cgroup - 5 cgroup_too_new "$ENGINE_VERSION"
    else
        finding pass engine-cgroup - 0 cgroup_fits "$cgroup"
    fi
}

check_storage() {
    driver=$(engine_fact driver 2>/dev/null) || driver='?'
    folder=$(engine_folder) || folder='?'
    case $driver in
        vfs) finding warn engine-storage - 0 storage_vfs "$driver" "$folder" ;;
        overlay2 | overlay | overlayfs | fuse-overlayfs | btrfs | zfs)
            if engine_has_containerd_store; then driver="$driver, containerd"; fi
            finding pass engine-storage - 0 storage_fits "$driver" "$folder" ;;
        *) finding warn engine-storage - 0 storage_untested "$driver" "$folder" ;;
    esac
}

# Some images need a newer Docker; Podman's own defaults never stood in their way.
require_engine() { # COMPONENT VERSION LEVEL REASON
    if [ "$ENGINE" = podman ] || version_at_least "$ENGINE_VERSION" "$2"; then
        finding pass engine-version "$1" 0 engine_version_fits "$(needed_by "$1")" "$(engine_title "$ENGINE")" "$ENGINE_VERSION"
    else
        finding "$3" engine-version "$1" 5 engine_version_short "$(needed_by "$1")" "$2" "$ENGINE_VERSION" "$4"
    fi
}

# Images that have a name of the bundle's and are others: loading takes the name from them.
check_image_names() {
    others=0
    while IFS=$TAB read -r component _ reference manifest config platform _; do
        case $component in '#'*) continue ;; esac
        if image_present "$reference" "$manifest" "$config"; then continue; fi
        name=$(site_name "$reference")
        shown=$(image_platform "$name")
        [ "$shown" != '?' ] || continue
        others=$((others + 1))
        if platform_fits "$platform" "$shown"; then
            finding warn image-name "$component" 0 image_other_build "$name"
        else
            finding warn image-name "$component" 0 image_other_platform "$name" "$shown" "$platform"
        fi
    done <"$TABLES/images.tsv"
    [ "$others" -gt 0 ] || finding pass image-name - 0 image_names_free
}

# One line a container that runs: id|process|project|name|published ports as JSON.
container_facts() {
    [ -n "$ENGINE" ] || return 0
    format='{{.State.Pid}}|{{index .Config.Labels "com.docker.compose.project"}}|{{.Name}}'
    format="$format|{{json .NetworkSettings.Ports}}"
    "$ENGINE" ps -q --no-trunc 2>/dev/null </dev/null |
        while IFS= read -r id; do
            if facts=$("$ENGINE" inspect --format "$format" "$id" 2>/dev/null </dev/null); then
                printf '%s|%s\n' "$id" "$facts"
            fi
        done
}

# Containers of a project of this name that were started from somewhere else than the home of this
# installation are another one's, and compose would take them over.
check_foreign_project() {
    home=$(CDPATH='' cd -- "$HOME_DIR" 2>/dev/null && pwd -P) || home=$HOME_DIR
    label='{{index .Config.Labels "com.docker.compose.project.working_dir"}}'
    foreign=$("$ENGINE" ps -aq --filter "label=com.docker.compose.project=$PROJECT" \
        2>/dev/null </dev/null |
        while IFS= read -r id; do
            folder=$("$ENGINE" inspect --format "$label" "$id" 2>/dev/null </dev/null) || continue
            # podman-compose before 1.0 tells no folder.
            case $folder in
                '' | '<no value>' | "$home" | "$home"/* | "$HOME_DIR" | "$HOME_DIR"/*) ;;
                *) printf '%s\n' "$folder" ;;
            esac
        done | sort -u | head -n 1)
    if [ -n "$foreign" ]; then
        finding fail project - 11 project_foreign "$PROJECT" "$foreign"
    else
        finding pass project - 0 project_free "$PROJECT"
    fi
}
