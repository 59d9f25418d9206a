# shellcheck shell=bash
# A run of install.sh that is killed at any moment, or whose engine is, leaves nothing that the next run
# cannot go on from, or back. Needs checks/site.sh.

KILLS=20

kill_checks() {
  local seed=${LAB_SEED:-$((RANDOM * 32768 + RANDOM))}
  printf 'LAB_SEED=%d draws the moments of the kills\n' "$seed"
  mapfile -t KILL_MOMENTS < <(awk -v seed="$seed" -v count="$KILLS" \
    'BEGIN { srand(seed); for (i = 0; i < count; i++) print int(rand() * 1000) }')
  check "$SITE_NAME: install, and runs that nobody kills, to know how long they take" kill_prepare
  check "$SITE_NAME: load killed at 6 moments: load goes on, up serves the key" kill_each 0 6 kill_load
  check "$SITE_NAME: up killed at 6 moments, once with its engine: up goes on" kill_each 6 12 kill_up
  check "$SITE_NAME: upgrade killed at 8 moments, once with its engine: on or back" kill_each 12 20 kill_upgrade
  check "$SITE_NAME: containers that compose left half replaced do not stop up" half_replaced
  check "$SITE_NAME: uninstall --purge leaves nothing of all that" kill_finish
}

# timed NAME COMMAND…: writes down how many milliseconds it takes.
timed() {
  local name=$1 started
  shift
  started=$(date +%s%N)
  "$@"
  printf '%d\n' $((($(date +%s%N) - started) / 1000000)) >"$SITE_DIR/takes-$name"
}

kill_prepare() {
  timed load installer 1.0.0 load
  timed up installer 1.0.0 up
  service redis redis-cli set lab kept
  timed upgrade installer 1.1.0 upgrade
  back_to_first
}

# The first release again, and nothing of the second one in the engine.
back_to_first() {
  installed rollback
  installed prune
  kill_good 1.0.0
}

# kill_good VERSION: everything as it should be, without a trace of what has happened.
kill_good() {
  expect_running "$1"
  expect_state "$1" ""
  expect "value in redis" kept "$(service redis redis-cli get lab)"
  expect "locks" "" "$(find "$SITE_HOME" -maxdepth 1 -name 'lock*')"
  expect "containers" "$(sed -n '/^#/!s/\t.*//p' "$SITE_HOME/current/site/images.tsv" | sed 's/.*/lab-&-1/' | sort)" \
    "$(engine "$SITE_ENGINE" ps -a --format '{{.Names}}' | sort)"
  [ -e "$SITE_HOME/current/install.sh" ]
}

# kill_each FROM TO TRIAL: the trial at each of those moments.
kill_each() {
  local number moment
  for ((number = $1; number < $2; number++)); do
    moment=${KILL_MOMENTS[number]}
    printf '\n--- kill %d, at %d thousandths\n' "$number" "$moment"
    "$3" "$number" "$moment"
  done
}

# killed NAME THOUSANDTHS VERSION COMMAND: runs install.sh and kills it, with everything that it started,
# when so much of the time is over that it takes. With KILL_ENGINE=yes the engine dies in its stead.
killed() {
  local takes milliseconds group folder
  takes=$(cat "$SITE_DIR/takes-$1")
  milliseconds=$((takes * $2 / 1000))
  folder=$(release "$SITE_SET" "$3")
  rm -f "$SITE_DIR/group"
  # shellcheck disable=SC2016 # for the inner shell
  on_site setsid sh -c 'printf "%d\n" $$ >"$0.new" && mv "$0.new" "$0" && exec "$@"' "$SITE_DIR/group" \
    "${SITE_SHELL[@]}" "$folder/install.sh" "$4" "${SITE_FLAGS[@]}" --home "$SITE_HOME" \
    --data-dir "$SITE_DATA" --timeout 60 >"$SITE_SAID" 2>&1 </dev/null &
  local run=$!
  until [ -e "$SITE_DIR/group" ]; do sleep 0.01; done
  group=$(cat "$SITE_DIR/group")
  sleep "$(printf '%d.%03d' $((milliseconds / 1000)) $((milliseconds % 1000)))"
  if [ "${KILL_ENGINE:-}" = yes ]; then
    kill -9 "$(cat "$SITE_DIR/pid")"
    wait "$run" || true
    rm -f "$SITE_DIR/pid"
    start_docker "$SITE_ENGINE" nsenter --net="/run/netns/$(air_gap "$SITE_ENGINE")"
  else
    kill -9 -- "-$group" 2>/dev/null || printf '(it had come to its end)\n'
    wait "$run" || true
  fi
  printf '%d ms into %s; it had said:\n' "$milliseconds" "$4"
  tail -n 3 "$SITE_SAID"
  state_is_whole
}

# Not there yet, or with its last line, which ends.
state_is_whole() {
  [ -e "$SITE_HOME/state" ] || return 0
  expect "lines of state that are none" "" "$(grep -vE '^[a-z]+=[^=]+$' "$SITE_HOME/state" || true)"
  grep -x 'project=lab' "$SITE_HOME/state"
  expect "end of state" 0a "$(tail -c 1 "$SITE_HOME/state" | od -An -tx1 | tr -d ' ')"
}

# after_kill installer|installed ARG…: the next run. Docker that was killed while it started a container may
# keep that container's port until it is started once more (26.1 does); the run says so, and stops.
after_kill() {
  local status=0
  "$@" || status=$?
  [ "$status" -ne 0 ] || return 0
  [ "$KILL_ENGINE" = yes ] && grep -i 'restart \(docker\|the engine\)' "$SITE_SAID" || return "$status"
  kill "$(cat "$SITE_DIR/pid")"
  while [ -e "$SITE_DIR/pid" ]; do sleep 0.2; done
  start_docker "$SITE_ENGINE" nsenter --net="/run/netns/$(air_gap "$SITE_ENGINE")"
  "$@"
}

kill_load() {
  installed down >/dev/null
  forget_images
  killed load "$2" 1.0.0 load
  installer 1.0.0 load
  installer 1.0.0 up
  kill_good 1.0.0
}

forget_images() {
  local images
  mapfile -t images < <(engine "$SITE_ENGINE" images -q | sort -u)
  [ "${#images[@]}" -eq 0 ] || engine "$SITE_ENGINE" rmi -f "${images[@]}" >/dev/null
}

kill_up() {
  local KILL_ENGINE=no
  [ "$1" -ne 8 ] || KILL_ENGINE=yes
  installed down >/dev/null
  killed up "$2" 1.0.0 up
  after_kill installer 1.0.0 up
  kill_good 1.0.0
}

# The next call is another one each time.
kill_upgrade() {
  local KILL_ENGINE=no
  [ "$1" -ne 15 ] || KILL_ENGINE=yes
  killed upgrade "$2" 1.1.0 upgrade
  case $(($1 % 3)) in
  0) after_kill installer 1.1.0 upgrade ;;
  1) installed up ;;
  # Where it had not begun, or the one before was pruned, there is nothing to go back to.
  2) installed rollback || expect "exit code of rollback" 10 "$?" ;;
  esac
  kill_good "$(sed -n 's/^release=\(.*\)-[0-9a-f]\{12\}$/\1/p' "$SITE_HOME/state")"
  # In the end it is an upgrade all the same.
  installer 1.1.0 upgrade
  kill_good 1.1.0
  back_to_first
}

# As the engine was found when compose had died between two of its steps: the new container is there beside
# the old one, or has not got its name yet.
half_replaced() {
  local image
  image=$(engine "$SITE_ENGINE" inspect --format '{{.Config.Image}}' lab-redis-1)
  engine "$SITE_ENGINE" create --name c2b3b49a6b2a_lab-redis-1 --label com.docker.compose.project=lab \
    --label com.docker.compose.service=redis --label com.docker.compose.container-number=1 \
    --label com.docker.compose.config-hash=0 \
    --label com.docker.compose.oneoff=False \
    -v lab_redis-data:/data "$image"
  engine "$SITE_ENGINE" rename lab-node-exporter-1 0123456789ab_lab-node-exporter-1
  installed up
  kill_good 1.0.0
}

# A volume of a compose file goes by the project's name; one that an image declares has no name of its own.
kill_finish() {
  engine "$SITE_ENGINE" create --label com.docker.compose.project=lab --label com.docker.compose.service=redis \
    --label com.docker.compose.container-number=2 --label com.docker.compose.oneoff=False \
    --label com.docker.compose.config-hash=0 -v /anonymous \
    "$(engine "$SITE_ENGINE" inspect --format '{{.Config.Image}}' lab-redis-1)"
  installed uninstall --purge --confirm lab
  expect "what is left" "" "$(left_over)"
}
