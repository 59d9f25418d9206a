# shellcheck shell=bash
# install.sh on hosts that have no network at all, with each engine: from the first check to the last file
# that it takes away. Needs releases.sh, engines.sh.
#
# Every group has a host of its own (SITE_ENGINE names its engine), and installs from bundles that all
# groups share, so that nobody may write in them.

site_checks() {
  at_once docker_26_containerd docker_20_10 podman_site native_site
  check "no bundle was written to" bundles_untouched
}

# All five services, and what goes wrong before anything is installed.
docker_26_containerd() {
  open_site docker-26-containerd full sh
  site_refusal_checks
  flow_checks
  close_site
}

docker_20_10() {
  open_site docker-20.10 small busybox sh
  flow_checks
  registry_checks
  close_site
}

podman_site() {
  open_site podman small bash
  flow_checks
  close_site
}

# This machine's own architecture needs no emulation, so that many runs are affordable.
native_site() {
  open_site docker-26-overlay2 native sh
  kill_checks
  demo_checks
  close_site
}

# open_site ENGINE SET SHELL…: a host with that engine, for the bundles of that set, and the shell that
# install.sh runs under there.
open_site() {
  SITE_NAME=$1
  SITE_ENGINE=air-gap-$1
  SITE_SET=$2
  SITE_SHELL=("${@:3}")
  SITE_DIR=$LAB/$SITE_ENGINE
  SITE_HOME=$SITE_DIR/home
  SITE_DATA=$SITE_DIR/data-of-services
  SITE_FLAGS=(--lang en --yes --allow-emulation --timeout 150)
  SITE_SAID=$SITE_DIR/said
  SITE_ENVIRONMENT=(PATH="$(engine_path "$SITE_ENGINE")" DOCKER_CONFIG="$LAB/docker" DOCKER_HOST="unix://$SITE_DIR/sock")
  if [ "$1" = podman ]; then
    # There may be a docker on this machine, which is nothing to the host.
    SITE_FLAGS+=(--engine podman)
    SITE_ENVIRONMENT=(-u XDG_RUNTIME_DIR -u DOCKER_CONFIG -u DOCKER_HOST PATH="$SITE_DIR/bin:$PATH")
  fi
  mkdir -p "$SITE_DIR"
  open_air_gap "$SITE_ENGINE"
  check "$SITE_NAME: the host has loopback alone" only_loopback
}

close_site() {
  close_air_gap "$SITE_ENGINE"
}

# on_site COMMAND…: in the air-gapped host, with its engine and nothing of the registry's. Looks at the
# services every second.
on_site() {
  in_air_gap "$SITE_ENGINE" env "${SITE_ENVIRONMENT[@]}" HOME="$LAB/home" POLL_SECONDS=1 SMOKE_PAUSE=1 "$@"
}

# installer VERSION COMMAND ARG…: install.sh of an unpacked bundle, under the shell of this host, with the
# options that every run here has. What it says is in $SITE_SAID too.
installer() {
  local folder
  folder=$(release "$SITE_SET" "$1")
  shift
  run_installer "$folder" "$@"
}

# installed COMMAND ARG…: the copy of install.sh that the installation keeps.
installed() {
  run_installer "$SITE_HOME/current" "$@"
}

run_installer() {
  local folder=$1 command=$2 status=0 options=()
  shift 2
  case $folder in
  */current) ;;
  *) options=(--home "$SITE_HOME" --data-dir "$SITE_DATA") ;;
  esac
  on_site "${SITE_SHELL[@]}" "$folder/install.sh" "$command" "${SITE_FLAGS[@]}" "${options[@]}" "$@" \
    >"$SITE_SAID" 2>&1 || status=$?
  cat "$SITE_SAID"
  return "$status"
}

# said WORD…: what install.sh said has each of them.
said() {
  local word
  for word in "$@"; do
    grep -qF -e "$word" "$SITE_SAID" || {
      printf 'install.sh did not say: %s\n' "$word"
      return 1
    }
  done
}

# service NAME COMMAND…: inside the running container of a service.
service() {
  local name=$1 id
  shift
  id=$(service_container "$name")
  [ -n "$id" ] || {
    printf 'no container of %s runs\n' "$name"
    return 1
  }
  engine "$SITE_ENGINE" exec "$id" "$@"
}

service_container() {
  engine "$SITE_ENGINE" ps -q --filter label=com.docker.compose.project=lab \
    --filter "label=com.docker.compose.service=$1"
}

# running: "service image-reference" of everything that runs here, sorted.
running() {
  engine "$SITE_ENGINE" ps --format '{{.Names}} {{.Image}}' |
    sed -E 's/^lab[-_]([a-z-]+)[-_]1 /\1 /; s# docker\.io/# #; s# library/# #' | LC_ALL=C sort
}

# expect_running VERSION: the services of that release, each from its own image and healthy.
expect_running() {
  local folder
  folder=$(release "$SITE_SET" "$1")
  expect "what runs" "$(jq -r '.components[] | select(.image) | "\(.name) \(.image.reference)"' \
    "$folder/bundle.json" | sed 's# docker\.io/# #; s# library/# #' | LC_ALL=C sort)" "$(running)"
  installed verify >/dev/null
  installed status --json >/dev/null
  expect "what status says" "lab $1 true" "$(jq -r '"\(.bundle) \(.ready)"' "$SITE_SAID")"
}

# expect_state RELEASE-VERSION OPERATION: what the installation's own record says.
expect_state() {
  expect "release in state" "$1" "$(sed -n 's/^release=\(.*\)-[0-9a-f]\{12\}$/\1/p' "$SITE_HOME/state")"
  expect "operation in state" "$2" "$(sed -n 's/^operation=//p' "$SITE_HOME/state")"
}

only_loopback() {
  expect "devices beside the engine's own bridge" lo \
    "$(in_air_gap "$SITE_ENGINE" ip -o link | awk -F ': ' '$2 !~ /^docker0/ { print $2 }')"
  exit_code 1 in_air_gap "$SITE_ENGINE" bash -c ': </dev/tcp/192.0.2.1/80'
}

# Compared with the archives that they came from.
bundles_untouched() {
  local archive
  for archive in "$LAB"/releases/*/*.tar; do
    tar -df "$archive" -C "$(dirname "$archive")"
    expect "files of $archive" "$(tar -tf "$archive" | sed 's#/$##' | LC_ALL=C sort)" \
      "$(cd "$(dirname "$archive")" && find "$(basename "$archive" .tar)" | LC_ALL=C sort)"
  done
}
