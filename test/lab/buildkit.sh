# shellcheck shell=bash
# BuildKit by itself, for the builders that are not part of an engine: compiled once by the machine's own
# Go, as an image for the docker-container driver and as a process for the remote driver. No release of
# Debian has it. Needs debian.sh, engines.sh, registry.sh, images.sh, build-host.sh.

BUILDKIT_VERSION=v0.13.2
BUILDKIT_IMAGE=moby/buildkit:buildx-stable-1

# start_compiling_buildkit: in the background and behind everything else, unless the cache has it. Sets
# BUILDKIT_REASON to why there will be none.
start_compiling_buildkit() {
  local bin=$LAB_CACHE/go-bin
  BUILDKIT_REASON=
  [ ! -x "$bin/buildkitd" ] || [ ! -x "$bin/buildctl" ] || return 0
  if ! command -v go >/dev/null; then
    BUILDKIT_REASON="this machine has no Go to compile BuildKit with"
  elif ! go_proxy_answers; then
    BUILDKIT_REASON="no Go module proxy answers"
  else
    compile_buildkit "$bin" >"$LAB/buildkit.log" 2>&1 </dev/null &
    buildkit_compiler=$!
  fi
}

# compile_buildkit FOLDER
compile_buildkit() {
  local unfinished=$LAB/go-bin
  mkdir -p "$LAB/go-tmp"
  cd "$LAB"
  GOBIN=$unfinished GOTMPDIR=$LAB/go-tmp CGO_ENABLED=0 nice -n 19 go install \
    -ldflags "-s -w -X github.com/moby/buildkit/version.Version=$BUILDKIT_VERSION" \
    "github.com/moby/buildkit/cmd/buildkitd@$BUILDKIT_VERSION" \
    "github.com/moby/buildkit/cmd/buildctl@$BUILDKIT_VERSION"
  mkdir -p "$1"
  mv "$unfinished"/* "$1/"
}

stop_compiling_buildkit() {
  [ -n "${buildkit_compiler:-}" ] || return 0
  pkill -P "$buildkit_compiler" || true
  wait "$buildkit_compiler" 2>/dev/null || true
  buildkit_compiler=
}

# provide_buildkit: waits for the compiler, and puts the image where the build host's mirror finds it.
provide_buildkit() {
  local root=$LAB/rootfs/buildkit/amd64
  if [ -n "${buildkit_compiler:-}" ] && ! wait "$buildkit_compiler"; then
    tail -n 5 "$LAB/buildkit.log"
    BUILDKIT_REASON="BuildKit did not compile"
  fi
  buildkit_compiler=
  if [ -n "$BUILDKIT_REASON" ]; then return 0; fi
  unpack_debs amd64 "$root" libseccomp2
  rm -rf "$root/usr/share"
  mkdir -p "$root/usr/bin"
  cp "$LAB_CACHE/go-bin/buildkitd" "$LAB_CACHE/go-bin/buildctl" \
    "$LAB/tools/bookworm/usr/sbin/runc" "$root/usr/bin/"
  push_base buildkit linux/amd64 "$BUILDKIT_IMAGE"
}

buildkitd_pids=()

# start_buildkitd NAME: a BuildKit of its own on loopback, as another machine of a team would run it;
# sets BUILDKITD to its address.
start_buildkitd() {
  local dir=$LAB/buildkitd-$1 port
  mkdir -p "$dir/root"
  port=$(free_port)
  BUILDKITD=tcp://127.0.0.1:$port
  cat >"$dir/buildkitd.toml" <<END
root = "$dir/root"
[grpc]
  address = ["$BUILDKITD"]
[worker.containerd]
  enabled = false
[worker.oci]
  networkMode = "host"
  gc = false
[registry."docker.io"]
  mirrors = ["127.0.0.1:$MIRROR_PORT"]
[registry."127.0.0.1:$MIRROR_PORT"]
  http = true
END
  PATH=$(engine_path buildkitd) "$LAB_CACHE/go-bin/buildkitd" --config "$dir/buildkitd.toml" \
    >"$dir/log" 2>&1 </dev/null &
  buildkitd_pids+=("$!")
  wait_for "buildkitd" "$dir/log" buildctl_on "$BUILDKITD" debug workers
}

# buildctl_on ADDRESS ARG…
buildctl_on() {
  local address=$1
  shift
  "$LAB_CACHE/go-bin/buildctl" --addr "$address" "$@"
}

stop_buildkitds() {
  local pid
  for pid in "${buildkitd_pids[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  buildkitd_pids=()
}
