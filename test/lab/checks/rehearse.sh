# shellcheck shell=bash
# rehearse: bundles that come up and one that does not, in an engine at hand and on private ones, native
# and under QEMU. Nothing of them may stay. Needs releases.sh, cli.sh, engines.sh.

REHEARSE_ENGINE=air-gap-rehearse-overlay2

rehearse_checks() {
  REHEARSE_TMP=$LAB/rehearse
  mkdir -p "$REHEARSE_TMP"
  open_air_gap "$REHEARSE_ENGINE"
  check "rehearse brings a native bundle up in the engine at hand" \
    rehearse_comes_up native 1.1.0 'redis passed,web passed'
  check "rehearse brings an arm64 bundle up under QEMU" \
    rehearse_comes_up small 1.0.0 'redis passed,etcd passed'
  check "rehearse fails for a bundle whose redis never serves" rehearse_fails
  check "rehearse fails for a page that does not say what its smoke test expects" rehearse_smoke_fails
  check "rehearse leaves images that were there, and gives names back" rehearse_leaves_images
  check "rehearse cuts services off, and takes them away when it is interrupted" rehearse_interrupted
  check "rehearse leaves out the services of OpenIM that need the host's network" rehearse_demo
  check "rehearse --throw-away runs a native installer" \
    rehearse_comes_up native 1.1.0 'redis passed,web passed' --throw-away
  check "rehearse --throw-away runs an installer under QEMU" \
    rehearse_comes_up small 1.0.0 'redis passed,etcd passed' --throw-away
  check "rehearse --throw-away fails for a bundle whose redis never serves" rehearse_fails --throw-away
  check "rehearse --throw-away takes its engine away when it is interrupted" rehearse_interrupted_throw_away
  close_air_gap "$REHEARSE_ENGINE"
}

# rehearse ARG…: in the host of the engine, whose network namespace only the engine at hand matters to.
rehearse() {
  BUNDLER_PREFIX=(
    PATH="$(engine_path "$REHEARSE_ENGINE")" DOCKER_CONFIG="$LAB/docker" TMPDIR="$REHEARSE_TMP"
    DOCKER_HOST="unix://$LAB/$REHEARSE_ENGINE/sock"
    nsenter --net="/run/netns/$(air_gap "$REHEARSE_ENGINE")"
  )
  bundler rehearse "$@"
}

# rehearse_comes_up SET VERSION SMOKE [ARG…]
rehearse_comes_up() {
  local archive result=$REHEARSE_TMP.json emulated=false smoke=$3
  archive=$(release "$1" "$2").tar
  [ "$1" = native ] || emulated=true
  shift 3
  exit_code 0 rehearse "$archive" --json "$@" >"$result"
  jq . "$result"
  expect "verdict" "up $emulated" "$(jq -r '"\(.verdict) \(.emulated)"' "$result")"
  expect "smoke tests" "$smoke" \
    "$(jq -r '[.components[] | "\(.name) \(.smoke[].outcome)"] | join(",")' "$result")"
  expect "what could not be taken away" '[]' "$(jq -c .takenAway.left "$result")"
  expect "images that are not the bundle's" "" \
    "$(jq -r '.components[] | select(.loaded.ok and .health.ready | not).name' "$result")"
  nothing_rehearsed
}

rehearse_fails() {
  local said=$REHEARSE_TMP.said
  exit_code 16 rehearse "$(release small 1.2.0).tar" --timeout 6 "$@" >"$said"
  cat "$said"
  grep -F 'redis: exit code 1' "$said"
  grep '^FAIL ' "$said"
  nothing_rehearsed
}

# The page comes up and is asked through a port of loopback, but says something else.
rehearse_smoke_fails() {
  local result=$REHEARSE_TMP.json definition=$LAB/definitions/lab-other-page archive=$LAB/other-page.tar
  cp -r "$LAB/definitions/lab-native-1.1.0" "$definition"
  sed -i '/http:/,/expect:/s/expect: .*/expect: another page/' "$definition/components.yaml"
  grep -F 'another page' "$definition/components.yaml"
  bundler create "$definition" --platform linux/amd64 --only redis,web -o "$archive" "${SOURCE[@]}"
  exit_code 16 rehearse "$archive" --json >"$result"
  jq . "$result"
  expect "smoke tests" 'redis passed,web failed' \
    "$(jq -r '[.components[] | "\(.name) \(.smoke[].outcome)"] | join(",")' "$result")"
  expect "installer" 'check 0,load 0,up 9,verify 0' \
    "$(jq -r '[.steps[] | "\(.command) \(.code)"] | join(",")' "$result")"
  jq -r '.reasons[]' "$result" | grep -F 'web fails its smoke test http://'
  nothing_rehearsed
}

# Redis of the bundle is there before; the name of the page's image belongs to another one.
rehearse_leaves_images() {
  local folder redis page other
  folder=$(release native 1.1.0)
  redis=$(jq -r '.components[] | select(.name == "redis").image.reference' "$folder/bundle.json")
  page=$(jq -r '.components[] | select(.name == "web").image.reference' "$folder/bundle.json")
  docker_on "$REHEARSE_ENGINE" load -q -i "$folder/$(image_tarball "$folder" redis)"
  # It may have come along.
  docker_on "$REHEARSE_ENGINE" image rm "$page" || true
  docker_on "$REHEARSE_ENGINE" tag "$redis" "$page"
  other=$(docker_on "$REHEARSE_ENGINE" image inspect -f '{{.Id}}' "$page")
  rehearse "$folder.tar"
  expect "the page's name" "$other" "$(docker_on "$REHEARSE_ENGINE" image inspect -f '{{.Id}}' "$page")"
  expect "names in the engine" 2 "$(docker_on "$REHEARSE_ENGINE" images -a --format '{{.ID}}' | wc -l)"
  docker_on "$REHEARSE_ENGINE" image rm "$redis" "$page"
  nothing_rehearsed
}

# Interrupted while it waits for a redis that never serves.
rehearse_interrupted() {
  local said=$REHEARSE_TMP.said pid status=0 container=
  rehearse "$(release small 1.2.0).tar" >"$said" 2>&1 &
  pid=$!
  until [ -n "$container" ]; do
    sleep 0.5
    container=$(docker_on "$REHEARSE_ENGINE" ps -q --filter label=com.docker.compose.service=redis)
  done
  expect "routes to elsewhere" "" "$(docker_on "$REHEARSE_ENGINE" exec "$container" ip route | grep default || true)"
  expect "published ports" "" "$(docker_on "$REHEARSE_ENGINE" ps -q | xargs -n 1 env \
    PATH="$(engine_path "$REHEARSE_ENGINE")" DOCKER_HOST="unix://$LAB/$REHEARSE_ENGINE/sock" docker port)"
  interrupt_rehearsal "$pid" "$said"
  nothing_rehearsed
}

# interrupt_rehearsal PID FILE: the node process is the last of those that a subshell became or started.
interrupt_rehearsal() {
  local status=0
  pkill -INT -P "$1" node || kill -INT "$1"
  wait "$1" || status=$?
  cat "$2"
  expect "exit code" 130 "$status"
  grep -F 'Nothing else is left.' "$2"
}

rehearse_interrupted_throw_away() {
  local said=$REHEARSE_TMP.said pid
  rehearse "$(release small 1.0.0).tar" --throw-away >"$said" 2>&1 &
  pid=$!
  until compgen -G "$REHEARSE_TMP/*/home/install.log" >/dev/null; do sleep 0.5; done
  interrupt_rehearsal "$pid" "$said"
  nothing_rehearsed
}

rehearse_demo() {
  local result=$REHEARSE_TMP.json
  bundler demo --platform linux/amd64 -o "$LAB/rehearse-demo"
  exit_code 0 rehearse "$LAB/rehearse-demo/openim-2.3.9-linux-amd64.tar" --json >"$result"
  expect "left out" "open_im_server,open_im_enterprise,prometheus,grafana" \
    "$(jq -r '[.components[] | select(.skipped).name] | join(",")' "$result")"
  expect "not ready" "" \
    "$(jq -r '.components[] | select(.skipped or .health.ready | not).name' "$result")"
  nothing_rehearsed
}

# Neither in the engine nor beside it: containers, images, folders, mounts, control groups, processes.
nothing_rehearsed() {
  local list
  for list in 'ps -aq' 'images -aq' 'volume ls -q' 'network ls -q --filter type=custom'; do
    # shellcheck disable=SC2086 # words of a command
    expect "left of: docker $list" "" "$(docker_on "$REHEARSE_ENGINE" $list)"
  done
  expect "folders" "" "$(ls "$REHEARSE_TMP")"
  expect "mounts" "" "$(grep -F "$REHEARSE_TMP/" /proc/mounts || true)"
  expect "processes" "" "$(pgrep -f -- "$REHEARSE_TMP/" || true)"
  expect "control groups" "" "$(find /sys/fs/cgroup -maxdepth 2 -name 'rehearse-lab-*')"
}
