# shellcheck shell=bash
# A build host: an engine with a bridge, so that the steps of a build have a network, in a network
# namespace of its own, so that its bridge and its packet filter are not this machine's. slirp4netns
# leads out of it without a rule or a route here. Needs debian.sh, engines.sh, registry.sh.
#
# How a builder comes by images of docker.io that lie in the lab's registry: the `docker` driver has no
# configuration of its own, it takes the engine's `registry-mirrors` (for docker.io alone; a mirror
# without TLS has to be among `insecure-registries` too). The engine gives a mirror no credentials, so
# a second registry shows the same content, read-only, to everybody. The `docker-container` and
# `remote` drivers read mirrors from buildkitd.toml and ask the client for a mirror's credentials.

BUILD_HOST=build-host
BUILD_NETWORK=openim-build-$$

# start_mirror: the registry's content without a password and without TLS; sets MIRROR_PORT.
start_mirror() {
  local dir=$LAB/mirror
  mkdir -p "$dir"
  MIRROR_PORT=$(free_port)
  cat >"$dir/config.yml" <<END
version: 0.1
log: { level: info }
storage:
  filesystem: { rootdirectory: "$LAB/registry/data" }
  maintenance: { readonly: { enabled: true } }
http: { addr: "127.0.0.1:$MIRROR_PORT" }
END
  "$LAB/tools/bookworm/usr/bin/docker-registry" serve "$dir/config.yml" >"$dir/log" 2>&1 </dev/null &
  mirror_pid=$!
  wait_for "the mirror" "$dir/log" curl -fsS --noproxy '*' -o /dev/null "http://127.0.0.1:$MIRROR_PORT/v2/"
}

stop_mirror() {
  [ -n "${mirror_pid:-}" ] || return 0
  kill "$mirror_pid" 2>/dev/null || true
  wait "$mirror_pid" 2>/dev/null || true
  mirror_pid=
}

# wait_for WORDS LOG COMMAND…: until COMMAND succeeds, for half a minute.
wait_for() {
  local words=$1 log=$2 attempt
  shift 2
  for attempt in $(seq 300); do
    ! "$@" >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  printf '%s did not come about (%d attempts)\n' "$words" "$attempt"
  tail -n 20 "$log"
  return 1
}

# open_build_host: the namespace with its way out, and the engine in it.
open_build_host() {
  local dir=$LAB/$BUILD_HOST
  mkdir -p "$dir"
  ip netns add "$BUILD_NETWORK"
  in_build_network ip link set lo up
  slirp4netns --configure --mtu=65520 --netns-type=path "/run/netns/$BUILD_NETWORK" tap0 \
    >"$dir/slirp4netns.log" 2>&1 </dev/null &
  slirp_pid=$!
  wait_for "the build host's network" "$dir/slirp4netns.log" \
    in_build_network ip route get "$GATEWAY"
  jq -n --arg mirror "$GATEWAY:$MIRROR_PORT" '{
      features: {"containerd-snapshotter": true},
      "registry-mirrors": ["http://\($mirror)"],
      "insecure-registries": [$mirror]
    }' >"$dir/daemon.json"
  start_docker "$BUILD_HOST" nsenter --net="/run/netns/$BUILD_NETWORK"
}

in_build_network() {
  nsenter --net="/run/netns/$BUILD_NETWORK" "$@"
}

close_build_host() {
  stop_docker "$BUILD_HOST"
  if [ -n "${slirp_pid:-}" ]; then
    kill "$slirp_pid" 2>/dev/null || true
    wait "$slirp_pid" 2>/dev/null || true
    slirp_pid=
  fi
  [ ! -e "/run/netns/$BUILD_NETWORK" ] || ip netns del "$BUILD_NETWORK"
}
