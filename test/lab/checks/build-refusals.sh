# shellcheck shell=bash
# What goes wrong with a build is said before it starts where that can be known, with its own exit code,
# the place and the way out; and nothing is left behind.

build_refusal_checks() {
  check "without docker it says what is missing, and pulls still work" no_docker
  check "an engine that is not there is named with its address" no_engine
  check "a builder that cannot write images to a file leads to builder setup" no_export
  check "a source with another checksum is refused with both" wrong_checksum
  check "a zip of another commit is refused with both" wrong_commit
  check "a base image without the platform is named before anything is built" no_base
  check "a step that fails is quoted, with the log's file" failing_step
  check "a program for another machine is named with its layer" wrong_machine
  check "cross is refused where the target runs a step, with its line" no_cross
  check "Java under emulation is refused, with its line" no_java
  check "native is refused without a node of the platform" no_native
  check "a secret that is not set is named" no_secret
  check "Ctrl-C ends a build with its processes, and leaves nothing" interrupted_build
}

# fails EXIT-CODE COMMAND…: what it says stays in $LAB/out/said.
fails() {
  local expected=$1 found=0
  shift
  "$@" >"$LAB/out/said" 2>&1 || found=$?
  cat "$LAB/out/said"
  expect "exit code" "$expected" "$found"
}

# says WORDS…: each is somewhere in what was said; line breaks count as spaces.
says() {
  local words
  for words in "$@"; do
    tr -s '\n ' ' ' <"$LAB/out/said" | grep -qF -e "$words" || {
      printf 'it does not say: %s\n' "$words"
      return 1
    }
  done
}

# refused EXIT-CODE COMPONENT ARG…: a create on the build host that must leave no archive and nothing
# half-written.
refused() {
  local expected=$1 component=$2
  shift 2
  fails "$expected" refused_by "$BUILD_HOST" "$component" "$@"
  nothing_left
}

# refused_by ENGINE COMPONENT ARG…: with a store that remembers no build.
refused_by() {
  local engine=$1 component=$2
  shift 2
  rm -rf "$LAB"/out/refused* "$LAB/store-empty"
  building_on "$engine" create "$BUILDS" --only "$component" --platform linux/arm64 \
    --store "$LAB/store-empty" -o "$LAB/out/refused.tar" "${SOURCE[@]}" "$@"
}

nothing_left() {
  expect "archives" "" "$(find "$LAB/out" -name 'refused*')"
  expect "unfinished files in the store" "" \
    "$(find "$LAB/store-empty" -type f ! -path '*/blobs/*' ! -name '*.log' ! -name 'CACHEDIR.TAG' 2>/dev/null || true)"
}

no_docker() {
  local bin=$LAB/only-node BUNDLER_PREFIX=(PATH="$LAB/only-node")
  mkdir -p "$bin"
  ln -sf "$(command -v node)" "$bin/node"
  fails 15 bundler create "$BUILDS" --only plain --platform linux/arm/v7 -o "$LAB/out/refused.tar" "${SOURCE[@]}"
  says docker
  nothing_left
  bundler create "$lab_source/bundle" --only redis --platform linux/arm64 --force -o "$LAB/out/pulled.tar" "${SOURCE[@]}"
}

no_engine() {
  mkdir -p "$LAB/nobody"
  fails 15 refused_by nobody plain
  says "$LAB/nobody/sock"
  nothing_left
}

no_export() {
  fails 15 refused_by docker-26-overlay2 plain
  says "openim-bundler builder setup"
  nothing_left
}

wrong_checksum() {
  local wrong=$LAB/out/other.tar.gz
  cp "$LAB/sources/zookeeper.tar.gz" "$wrong"
  fails 4 refused_by "$BUILD_HOST" sourced --source "page=$wrong"
  says "$(sum_of 256 page.tar.gz)" "$(sha256sum "$wrong" | cut -d ' ' -f 1)" page
  # The same from the web server.
  mv "$LAB/sources/page.tar.gz" "$LAB/out/right.tar.gz"
  mv "$wrong" "$LAB/sources/page.tar.gz"
  fails 7 refused_by "$BUILD_HOST" sourced
  says "$(sha256sum "$LAB/out/right.tar.gz" | cut -d ' ' -f 1)" "$(sum_of 256 page.tar.gz)" "$WEB/page.tar.gz"
  mv "$LAB/out/right.tar.gz" "$LAB/sources/page.tar.gz"
  nothing_left
}

wrong_commit() {
  local right wrong
  right=$(zip_comment "$LAB/sources/tree.zip")
  wrong=$(zip_comment "$LAB/sources/open-im-server.zip")
  fails 4 refused_by "$BUILD_HOST" from-zip --source "tree=$LAB/sources/open-im-server.zip"
  says "$right" "$wrong" tree
  nothing_left
}

# zip_comment FILE: the last 40 bytes of a zip that git made.
zip_comment() {
  tail -c 40 "$1"
}

no_base() {
  fails 4 refused_by "$BUILD_HOST" half-based
  says lab/base-for-amd64:1.0.0 linux/arm64 linux/amd64 builds/half-based/Dockerfile:1
  nothing_left
  expect "logs of builds" "" "$(find "$LAB/store-empty" -name '*.log')"
}

failing_step() {
  local log
  refused 14 failing
  says failing "the compiler says no" 'echo "the compiler says no"' "exit code: 7"
  log=$(grep -oE "$LAB/store-empty/logs/[^ ]+\.log" "$LAB/out/said" | head -n 1)
  grep -F "before it goes wrong" "$log"
  grep -F "the compiler says no" "$log"
}

wrong_machine() {
  refused 13 mixed-up
  says /opt/tool x86-64 linux/arm64
  grep -E 'layer.*sha256:[0-9a-f]{12}' "$LAB/out/said"
}

no_cross() {
  refused 4 emulated --strategy emulated=cross
  says "builds/emulated/Dockerfile:2" "--strategy emulated=cross"
}

no_java() {
  refused 15 java
  says "builds/java/Dockerfile:2" "java -version" "--emulate-java java"
}

no_native() {
  refused 4 plain --strategy plain=native
  says linux/arm64 "--strategy plain=native" "builder setup"
}

no_secret() {
  refused 2 secretive
  says LAB_TOKEN
}

# As a terminal does it: to the whole group of processes. bash starts what is in the background with the
# signal ignored, which env undoes.
interrupted_build() {
  local run status=0 group
  local BUNDLER_PREFIX=(env --default-signal=INT setsid sh -c 'echo $$ >"$0"; exec "$@"' "$LAB/out/group")
  refused_by "$BUILD_HOST" slow >"$LAB/out/said" 2>&1 &
  run=$!
  wait_for "the slow step" "$LAB/out/said" pgrep -f "^$SLOW_STEP\$"
  group=$(cat "$LAB/out/group")
  kill -INT -- "-$group"
  wait "$run" || status=$?
  cat "$LAB/out/said"
  expect "exit code" 130 "$status"
  expect "processes of the client" "" "$(pgrep -g "$group" -a || true; pgrep -af -- "$LAB/store-empty" || true)"
  wait_for "the end of the slow step" "$LAB/out/said" slow_step_has_ended
  nothing_left
}

slow_step_has_ended() {
  ! pgrep -f "^$SLOW_STEP\$"
}
