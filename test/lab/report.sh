# shellcheck shell=bash
# Says what is being done, counts checks and keeps their output for the one that fails.

passed=0
failed=0
phase_started=$SECONDS

# phase WORDS…: announces a part of the run and how long the one before it took.
phase() {
  if [ -n "${phase_name:-}" ]; then
    printf '   %s: %d s\n' "$phase_name" "$((SECONDS - phase_started))"
  fi
  phase_name=$*
  phase_started=$SECONDS
  printf '\n== %s\n' "$phase_name"
}

# check WORDS COMMAND [ARG…]: runs COMMAND in a subshell where the first failing line fails the
# check. Never call it in a condition: bash would then ignore `set -e` inside COMMAND.
check() {
  local words=$1 status started log=$LAB/check-$BASHPID.log
  shift
  started=$(date +%s%N)
  set +e
  (
    set -euo pipefail
    "$@"
  ) >"$log" 2>&1 </dev/null
  status=$?
  set -e
  local milliseconds=$((($(date +%s%N) - started) / 1000000))
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
    printf 'ok   %s (%d.%d s)\n' "$words" "$((milliseconds / 1000))" "$((milliseconds % 1000 / 100))"
  else
    failed=$((failed + 1))
    # In one piece, as others may be talking.
    printf 'FAIL %s (exit %d)\n%s\n' "$words" "$status" "$(tail -n "${LAB_LINES:-40}" "$log" | sed 's/^/     | /')"
  fi
}

# at_once GROUP…: runs functions that do checks beside each other.
at_once() {
  local group pid ok bad pids=()
  for group in "$@"; do
    # The counts tell that a group came to its end; it counts as one failed check until then.
    (
      passed=0 failed=0
      "$group"
      printf '%d %d\n' "$passed" "$failed" >"$LAB/$group.counts"
    ) </dev/null &
    pids+=("$!")
  done
  for pid in "${pids[@]}"; do
    wait "$pid" || true
  done
  for group in "$@"; do
    ok=0 bad=1
    if [ -s "$LAB/$group.counts" ]; then
      read -r ok bad <"$LAB/$group.counts"
    else
      printf 'FAIL %s broke off\n' "$group"
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
  done
}

# expect WHAT EXPECTED FOUND: fails, saying so, when the two differ.
expect() {
  [ "$2" = "$3" ] && return 0
  printf '%s: expected %s, found %s\n' "$1" "$2" "$3"
  return 1
}

# summary: prints the closing line; fails when any check failed or none ran.
summary() {
  phase "result"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
