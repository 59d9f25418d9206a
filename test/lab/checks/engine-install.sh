# shellcheck shell=bash
# A bundle that carries an engine, on a host that has none: a machine of its own as far as mounts,
# processes and network go, with this machine's programs, in which install.sh puts Debian's Docker as if
# it were Docker's static one. Needs engines.sh, images.sh, build-sources.sh, cli.sh.

ENGINE_TOP=lab-1.0.0-linux-amd64

engine_install_checks() {
  ENGINE_HOST=$LAB/engine-host
  mkdir -p "$ENGINE_HOST"
  check "create carries an engine that is published with its checksum" create_engine_bundle
  [ -s "$ENGINE_HOST/lab.tar" ] || return 0
  open_engine_host
  check "engine: the host has no engine, and loopback alone" host_is_bare
  check "engine: install.sh says that an engine is missing" engine_is_missing
  check "engine: --dry-run lists every file, and writes none" engine_dry_run
  check "engine: install.sh engine installs Docker and Compose as a service" engine_installs
  check "engine: a second run changes nothing" engine_again
  check "engine: install.sh brings the application up on it" engine_runs_bundle
  check "engine: the daemon comes back with its service, and the containers with it" engine_restarts
  check "engine: what is killed half-way is finished by the next run" engine_killed
  check "engine: --remove leaves the data and nothing else" engine_removes
  close_engine_host
}

# pack_engine: Debian's programs in the layout of Docker's archive, where the web server finds them.
# Docker 26 borrows Debian 12's runc, as in engines.sh.
pack_engine() {
  local old=$LAB/tools/bookworm new=$LAB/tools/trixie tree=$ENGINE_HOST/tree
  mkdir -p "$tree/docker"
  cp "$new/usr/sbin/dockerd" "$new/usr/bin/docker" "$new/usr/bin/containerd" \
    "$new/usr/bin/containerd-shim-runc-v2" "$new/usr/bin/ctr" "$old/usr/sbin/runc" "$tree/docker/"
  find "$new/usr" -name docker-proxy -type f -exec cp {} "$tree/docker/" \;
  cp "$old/usr/bin/tini" "$tree/docker/docker-init"
  tar -C "$tree" -czf "$LAB/sources/docker.tgz" docker
  cp "$LAB/docker/cli-plugins/docker-compose" "$LAB/sources/docker-compose"
  (cd "$LAB/sources" && sha256sum docker-compose >docker-compose.sha256)
}

create_engine_bundle() {
  local definition=$ENGINE_HOST/definition
  pack_engine
  cp -r "$lab_source/bundle" "$definition"
  cat >>"$definition/components.yaml" <<YAML
extras:
  docker:
    version: "26.1"
    linux/amd64:
      url: $WEB/docker.tgz
      sha256: $(sha256sum <"$LAB/sources/docker.tgz" | cut -c 1-64)
  compose:
    version: "2.26"
    linux/amd64: { url: "$WEB/docker-compose", checksumUrl: "$WEB/docker-compose.sha256" }
YAML
  bundler create "$definition" --platform linux/amd64 --with-engine -o "$ENGINE_HOST/lab.tar" "${SOURCE[@]}"
  bundler verify "$ENGINE_HOST/lab.tar"
  expect "what is carried" "docker compose" \
    "$(bundler inspect "$ENGINE_HOST/lab.tar" --json | jq -r '[.extras[].name] | join(" ")')"
}

# open_engine_host: sets HOST_PID, the first process of the host. Folders that an engine is written to
# lie over the machine's own; what names an engine in them is hidden.
open_engine_host() {
  local dir=$ENGINE_HOST
  ip netns add "openim-lab-engine-$$"
  nsenter --net="/run/netns/openim-lab-engine-$$" ip link set lo up
  mkdir -p "$dir"/layers "$dir"/data "$dir"/state
  cat >"$dir/start" <<END
#!/bin/bash
set -euo pipefail
mount --make-rprivate /
mount -t tmpfs none "$dir/layers"
for folder in /etc /usr/local; do
  mkdir -p "$dir/layers\$folder"/{upper,work}
  mount -t overlay -o "lowerdir=\$folder,upperdir=$dir/layers\$folder/upper,workdir=$dir/layers\$folder/work" \\
    none "\$folder"
done
mkdir -p /var/lib/docker /var/lib/openim-bundler
mount --bind "$dir/data" /var/lib/docker
mount --bind "$dir/state" /var/lib/openim-bundler
mount -t tmpfs none /run
for program in docker dockerd docker-compose podman podman-compose containerd; do
  # More than one folder may have it.
  for path in /usr/local/bin /usr/bin /usr/sbin /bin /sbin; do
    case \$path in
    /usr/local/*) rm -f "\$path/\$program" ;;
    *) [ ! -x "\$path/\$program" ] || mount --bind /dev/null "\$path/\$program" ;;
    esac
  done
done
touch "$dir/ready"
exec "$LAB/tools/bookworm/usr/bin/tini" -- sleep infinity
END
  chmod 755 "$dir/start"
  nsenter --net="/run/netns/openim-lab-engine-$$" \
    unshare --mount --pid --fork --mount-proc --kill-child "$dir/start" >"$dir/log" 2>&1 </dev/null &
  engine_host_parent=$!
  wait_for "the host without an engine" "$dir/log" test -e "$dir/ready"
  HOST_PID=$(pgrep -P "$engine_host_parent")
  tar -xf "$dir/lab.tar" -C "$dir"
  ENGINE_BUNDLE=$dir/$ENGINE_TOP
}

# close_engine_host: ends every process of the host with its first one.
close_engine_host() {
  [ -n "${engine_host_parent:-}" ] || return 0
  kill -9 "$HOST_PID" 2>/dev/null || true
  wait "$engine_host_parent" 2>/dev/null || true
  engine_host_parent=
  ip netns del "openim-lab-engine-$$" 2>/dev/null || true
}

# on_engine_host COMMAND ARG…
on_engine_host() {
  nsenter -t "$HOST_PID" --mount --net --pid env -i HOME=/root \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

install_on_engine_host() {
  on_engine_host sh "$ENGINE_BUNDLE/install.sh" "$@"
}

# written: the files that the host has beside the machine's own, but for those of groups and start-up.
written() {
  on_engine_host find "$ENGINE_HOST/layers" /var/lib/openim-bundler \( -type f -o -type l \) |
    sed -E "s|^$ENGINE_HOST/layers(/usr/local\|/etc)/upper|\1|" |
    grep -vE '^/etc/(g(roup|shadow)-?|\.pwd\.lock)$|/work/|^/etc/rc[0-9S]\.d/' | sort || true
}

host_is_bare() {
  expect "devices" lo "$(on_engine_host ip -o link | cut -d : -f 2 | tr -d ' ')"
  exit_code 127 on_engine_host sh -c 'command -v docker || command -v podman || exit 127'
}

engine_is_missing() {
  exit_code 5 install_on_engine_host --yes
  expect "files written" "" "$(written)"
}

engine_dry_run() {
  install_on_engine_host engine --dry-run >"$ENGINE_HOST/dry-run"
  cat "$ENGINE_HOST/dry-run"
  grep -q '/usr/local/bin/dockerd' "$ENGINE_HOST/dry-run"
  expect "files written" "" "$(written)"
}

engine_installs() {
  install_on_engine_host engine --yes
  on_engine_host docker version
  on_engine_host docker compose version
  on_engine_host docker-compose version
  expect "the files of --dry-run" "$(sed -n 's/^ *would write //p' "$ENGINE_HOST/dry-run" | sort)" \
    "$(written | grep -v '/install.log$')"
}

engine_again() {
  local before
  before=$(on_engine_host pidof dockerd)
  install_on_engine_host engine --yes
  expect "the daemon" "$before" "$(on_engine_host pidof dockerd)"
}

engine_runs_bundle() {
  install_on_engine_host --yes --timeout 240
  expect "redis" OK "$(redis_on_engine_host SET kept here)"
}

# The password is in the container's environment, where redis-cli looks for it.
redis_on_engine_host() {
  on_engine_host docker exec lab-redis-1 redis-cli "$@"
}

# redis_still_has: what was kept is there once redis runs again.
redis_still_has() {
  on_engine_host docker start lab-redis-1
  wait_for "what redis kept" "$ENGINE_HOST/log" redis_answers_here
}

redis_answers_here() {
  [ "$(redis_on_engine_host GET kept)" = here ]
}

engine_restarts() {
  on_engine_host /etc/init.d/docker restart
  on_engine_host /etc/init.d/docker status
  redis_still_has
}

# The run is killed as soon as its daemon shows, before it has come to its end.
engine_killed() {
  install_on_engine_host engine --remove --yes
  install_on_engine_host engine --yes &
  local run=$!
  wait_for "a daemon" "$ENGINE_HOST/log" on_engine_host pidof dockerd
  on_engine_host pkill -9 -f "$ENGINE_BUNDLE/install.sh" || true
  wait "$run" || true
  install_on_engine_host engine --yes
  redis_still_has
}

engine_removes() {
  install_on_engine_host engine --remove --yes
  exit_code 1 on_engine_host pidof dockerd
  expect "files of the engine" "" "$(written | grep -v '^/var/lib/openim-bundler/lab/')"
  on_engine_host test -d /var/lib/docker/image
}
