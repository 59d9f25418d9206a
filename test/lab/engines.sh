# shellcheck shell=bash
# Docker 20.10, Docker 26 with each of its image stores, and Podman, side by side: each with folders
# and a socket of its own and without any network device. Needs debian.sh.

ENGINES=(docker-20.10 docker-26-overlay2 docker-26-containerd podman)

# unpack_engines: the programs, from two releases of Debian. Docker 26 borrows Debian 12's runc,
# since Debian 13's wants a newer libc than this machine's.
unpack_engines() {
  unpack_debs amd64 "$LAB/tools/bookworm" docker.io containerd runc tini
  unpack_debs trixie "$LAB/tools/trixie" docker.io docker-cli docker-buildx docker-compose containerd
  mkdir -p "$LAB/docker/cli-plugins"
  cp "$LAB/tools/trixie/usr/libexec/docker/cli-plugins/"* "$LAB/docker/cli-plugins/"
}

# engine_path NAME: the PATH with which the programs of an engine find each other.
engine_path() {
  local old=$LAB/tools/bookworm new=$LAB/tools/trixie
  case $1 in
  *docker-20.10) printf '%s\n' "$old/usr/sbin:$old/usr/bin:$PATH" ;;
  *) printf '%s\n' "$new/usr/sbin:$new/usr/bin:$old/usr/sbin:$old/usr/bin:$PATH" ;;
  esac
}

# start_docker NAME [COMMAND PREFIX…]: a daemon in $LAB/NAME, with the daemon.json that lies there, if
# one does. Without a prefix it has no bridge and leaves the machine's packet filter alone; with one it
# runs in the namespace that the prefix enters.
start_docker() {
  local name=$1 dir=$LAB/$1 network=(--bridge=none --iptables=false --ip6tables=false)
  shift
  [ "$#" -eq 0 ] || network=()
  mkdir -p "$dir"
  [ -e "$dir/daemon.json" ] || case $name in
  *docker-20.10) printf '{}\n' ;;
  *-overlay2) printf '{"features":{"containerd-snapshotter":false}}\n' ;;
  *) printf '{"features":{"containerd-snapshotter":true}}\n' ;;
  esac >"$dir/daemon.json"
  PATH=$(engine_path "$name") "$@" dockerd --config-file "$dir/daemon.json" \
    --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" -H "unix://$dir/sock" \
    "${network[@]}" >"$dir/log" 2>&1 </dev/null &
  local attempt daemon=$!
  # Whoever kills it knows.
  disown "$daemon"
  for attempt in $(seq 100); do
    ! docker_on "$name" version >/dev/null 2>&1 || return 0
    [ "$attempt" -lt 5 ] || kill -0 "$daemon" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 20 "$dir/log"
  return 1
}

# docker_on NAME ARG…: the docker client of that engine, talking to it, without any credentials.
docker_on() {
  local name=$1
  shift
  env PATH="$(engine_path "$name")" DOCKER_CONFIG="$LAB/docker" DOCKER_HOST="unix://$LAB/$name/sock" \
    docker "$@"
}

# stop_docker NAME: containers first, so that nothing keeps a mount, then the daemon with its containerd.
stop_docker() {
  local dir=$LAB/$1 pid containers
  [ -s "$dir/pid" ] || return 0
  pid=$(cat "$dir/pid")
  mapfile -t containers < <(docker_on "$1" ps -aq 2>/dev/null || true)
  [ "${#containers[@]}" -eq 0 ] || docker_on "$1" rm -f "${containers[@]}" >/dev/null 2>&1 || true
  kill "$pid" 2>/dev/null || return 0
  local attempt
  for attempt in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || return 0
    [ "$attempt" -ne 80 ] || kill -9 "$pid" 2>/dev/null || true
    sleep 0.2
  done
}

# podman_on NAME ARG…
podman_on() {
  local name=$1
  shift
  "$LAB/$name/bin/podman" "$@"
}

# start_podman NAME: Podman has no daemon; this writes a program that calls it with storage and a
# configuration of its own: cgroupfs, because there may be no systemd to ask, and limits that a machine
# without CAP_SYS_RESOURCE can grant too. A limit that a container asks for drops those here, and brings
# one of processes that is the kernel's highest: the runtime is not told of that.
# For want of systemd no timer runs health checks either.
start_podman() {
  local dir=$LAB/$1
  mkdir -p "$dir/bin"
  cat >"$dir/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[engine.runtimes]
runc = ["$dir/bin/runc"]
[network]
network_backend = "netavark"
network_config_dir = "$dir/networks"
END
  cat >"$dir/bin/runc" <<END
#!/bin/sh
before= file=
for word in "\$@"; do
  case \$before in
  --bundle) file=\$word/config.json limits=.process.rlimits ;;
  --process) file=\$word limits=.rlimits ;;
  esac
  before=\$word
done
if [ -n "\$file" ]; then
  jq "del(\$limits[]? | select(.type == \"RLIMIT_NPROC\"))" "\$file" >"\$file.new"
  # The file stays the same one: it may be open.
  cat "\$file.new" >"\$file"
  rm "\$file.new"
fi
exec '$LAB/tools/bookworm/usr/sbin/runc' "\$@"
END
  cat >"$dir/bin/podman" <<END
#!/bin/sh
export CONTAINERS_CONF='$dir/containers.conf' DISABLE_HC_SYSTEMD=true
exec $(command -v podman) --root '$dir/root' --runroot '$dir/run' --tmpdir '$dir/tmp' \\
  --storage-driver overlay "\$@"
END
  chmod 755 "$dir/bin/runc" "$dir/bin/podman"
}

# engine NAME ARG…: the same command line for every engine of $ENGINES.
engine() {
  case $1 in
  *podman) podman_on "$@" ;;
  *) docker_on "$@" ;;
  esac
}

start_engines() {
  local name
  for name in "${ENGINES[@]}"; do
    if [ "$name" = podman ]; then start_podman "$name"; else start_docker "$name"; fi
    printf '%s: %s\n' "$name" "$(engine "$name" version --format '{{.Client.Version}}')"
  done
}

# open_air_gap NAME: a host with nothing but loopback, and an engine of that name on it. `nsenter`, not
# `ip netns exec`, because the latter hides the control groups.
open_air_gap() {
  ip netns add "$(air_gap "$1")"
  in_air_gap "$1" ip link set lo up
  case $1 in
  *podman) start_podman "$1" ;;
  *) start_docker "$1" nsenter --net="/run/netns/$(air_gap "$1")" ;;
  esac
}

# air_gap NAME: the name of its network namespace.
air_gap() {
  printf 'openim-lab-%s-%s\n' "$$" "$1"
}

# in_air_gap NAME COMMAND…
in_air_gap() {
  local name=$1
  shift
  nsenter --net="/run/netns/$(air_gap "$name")" "$@"
}

# close_air_gap NAME: the engine first, since its containers hold the namespace.
close_air_gap() {
  case $1 in
  *podman) podman_on "$1" rm -af >/dev/null 2>&1 || true ;;
  *) stop_docker "$1" ;;
  esac
  ip netns del "$(air_gap "$1")"
}

# stop_engines: every daemon that was started, whatever process of theirs is left, and what is still
# mounted under the work folder.
stop_engines() {
  local pidfile program pid namespace mounted
  for pidfile in "$LAB"/*/pid; do
    [ -e "$pidfile" ] || continue
    stop_docker "$(basename "$(dirname "$pidfile")")"
  done
  for program in "$LAB"/*/bin/podman; do
    [ ! -e "$program" ] || "$program" rm -af >/dev/null 2>&1 || true
  done
  # A daemon that had to be killed leaves its containerd and shims; the folder's name is this run's alone.
  for pid in $(pgrep -f -- "$LAB/"); do
    kill -9 "$pid" 2>/dev/null || true
  done
  for namespace in /run/netns/"$(air_gap '')"*; do
    [ ! -e "$namespace" ] || ip netns del "${namespace##*/}"
  done
  while read -r mounted; do
    umount -l "$mounted" 2>/dev/null || true
  done < <(awk -v under="$LAB/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r)
}
