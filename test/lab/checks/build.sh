# shellcheck shell=bash
# Images that no registry has are built by a real BuildKit, hold what they should, run, and are built
# once only.

build_checks() {
  prepare_build_definitions
  check "hello is built for linux/amd64, arm64 and arm/v7, and each image runs" hello_everywhere
  check "zookeeper is built for arm64 without running anything there" zookeeper_arm64
  check "its start script gets as far as java on arm64" zookeeper_starts
  check "zookeeper built for amd64 serves, healthy, without root's rights" zookeeper_serves
  if go_proxy_answers; then
    check "the start program of open_im_server is vetted by Go, and passes its own tests" server_start_tested
  else
    printf 'left out: the start program is tested where there is Go and a module proxy\n'
  fi
  check "open_im_server is built for arm64 from a zip that git made" server_arm64
  check "every program of it is for arm64 and needs no library" server_programs
  check "its services answer on arm64, and the container ends when one of them dies" server_runs
  check "it is built without network from vendored modules given as a source" server_offline
  check "a step on the target's platform is emulated, and the plan says so" emulated_step
  check "an unchanged component is not built again, a changed one is" built_once
  check "the same source gives the same image when neither builder nor store remembers the first" same_image_again
  check "a build's output, log and image hold neither its secret nor a proxy's password" secrets_stay_secret
  check "openim-2.3.9 is made for arm64 without a hand-made zookeeper or open_im_server" openim_complete
  check "Docker 20.10 loads every image of it" openim_loads
}

server_start_tested() {
  local copy=$LAB/server-start
  cp -r "$project/templates/build/open_im_server/start" "$copy"
  cd "$copy"
  export GOTOOLCHAIN=local GOFLAGS=-mod=readonly
  go vet ./...
  go test -count=1 ./...
}

# prepare_build_definitions: the lab's definitions with what is only known now: names that this
# registry can say it does not have, and the sources made here.
prepare_build_definitions() {
  local commit
  BUILDS=$LAB/definitions/builds
  OPENIM=$LAB/definitions/openim-2.3.9
  mkdir -p "$LAB/definitions" "$LAB/out"
  cp -r "$lab_source/bundle-builds" "$BUILDS"
  sed -i "s#image: lab/#image: $REGISTRY/lab/#" "$BUILDS/components.yaml" "$BUILDS/compose.yaml"
  # A step that can be told from every other process here.
  SLOW_STEP="sleep $((100000 + $$))"
  sed -i "s/sleep 600/$SLOW_STEP/" "$BUILDS/builds/slow/Dockerfile"
  page_source
  commit=$(git_zip "$BUILDS/builds/plain" tree)
  declare_source "$BUILDS" page url "$WEB/page.tar.gz" sha256 "$(sum_of 256 page.tar.gz)"
  declare_source "$BUILDS" tree url "$WEB/tree.zip" commit "$commit"

  cp -r "$project/bundles/openim-2.3.9" "$OPENIM"
  sed -i "s#image: zookeeper:#image: $REGISTRY/absent/zookeeper:#" "$OPENIM/components.yaml"
  make_zookeeper_source
  commit=$(git_zip "$lab_source/build/open_im_server-standin" open-im-server)
  declare_source "$OPENIM" zookeeper url "$WEB/zookeeper.tar.gz" sha512 "$(sum_of 512 zookeeper.tar.gz)"
  declare_source "$OPENIM" open_im_server url "$WEB/open-im-server.zip" commit "$commit"
  # Where the Go module proxy cannot be reached, the modules come as a source.
  MODULES=(--ca "$(machine_authorities)")
  if ! go_proxy_answers; then
    printf 'no Go module proxy answers: open_im_server gets its modules as a source\n'
    make_go_modules_source
    MODULES=(--source "go-modules=$LAB/sources/go-modules.tar.gz")
  fi
}

page_source() {
  mkdir -p "$LAB/sources/page-1.0"
  printf 'A page from elsewhere.\n' >"$LAB/sources/page-1.0/index.html"
  tar -C "$LAB/sources" -czf "$LAB/sources/page.tar.gz" page-1.0
}

# sum_of BITS FILE
sum_of() {
  "sha$1sum" "$LAB/sources/$2" | cut -d ' ' -f 1
}

# declare_source DEFINITION NAME KEY VALUE…: replaces what the definition says of a source.
declare_source() {
  node --input-type=module -e '
    import { readFileSync, writeFileSync } from "node:fs";
    import { parseDocument } from "yaml";
    const [folder, name, ...pairs] = process.argv.slice(1);
    const file = `${folder}/components.yaml`;
    const document = parseDocument(readFileSync(file, "utf8"));
    const source = document.getIn(["sources", name]);
    for (const key of ["sha256", "sha512", "checksumUrl"]) source.delete(key);
    while (pairs.length > 0) source.set(pairs.shift(), pairs.shift());
    writeFileSync(file, document.toString());' "$@"
}

# machine_authorities: the file of those that this machine trusts, one of which may stand before the Go
# module proxy.
machine_authorities() {
  printf '%s\n' "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}"
}

# building ARG…: openim-bundler with the build host's engine.
building() {
  building_on "$BUILD_HOST" "$@"
}

# building_on ENGINE ARG…
building_on() {
  local engine=$1
  shift
  PATH=$(engine_path "$engine") DOCKER_HOST=unix://$LAB/$engine/sock bundler "$@"
}

# create_image DEFINITION COMPONENT PLATFORM ARG…: a bundle of one component, $LAB/out/COMPONENT.tar; its
# image archive is $LAB/out/COMPONENT-image.tar.
create_image() {
  local definition=$1 component=$2 platform=$3
  shift 3
  building create "$definition" --only "$component" --platform "$platform" --force \
    -o "$LAB/out/$component.tar" "${SOURCE[@]}" "$@"
  tar -xOf "$LAB/out/$component.tar" --wildcards \
    "*/$(image_tarball "$LAB/out/$component.tar" "$component")" >"$LAB/out/$component-image.tar"
}

# runtime ARG…: the engine that runs what was built; not the one that built it.
runtime() {
  docker_on docker-20.10 "$@"
}

hello_everywhere() {
  local platform machine
  while read -r platform machine; do
    create_image "$lab_source/bundle-hello" hello "$platform"
    expect "images in the archive" 1 \
      "$(tar -xOf "$LAB/out/hello-image.tar" index.json | jq '.manifests | length')"
    runtime load -i "$LAB/out/hello-image.tar"
    expect "what it says on $platform" "$machine" \
      "$(runtime run --rm --network none --platform "$platform" example.org/hello:1.0.0)"
    runtime image rm example.org/hello:1.0.0
  done <<END
linux/amd64 amd64
linux/arm64 arm64
linux/arm/v7 arm
END
}

zookeeper_arm64() {
  planned_reason "$OPENIM" zookeeper | grep -F "built: cross"
  create_image "$OPENIM" zookeeper linux/arm64
  runtime load -i "$LAB/out/zookeeper-image.tar"
  expect architecture arm64 "$(runtime image inspect --format '{{.Architecture}}' "$(image_name zookeeper)")"
}

# planned_reason DEFINITION COMPONENT: why the plan for arm64 gets the component as it does.
planned_reason() {
  rm -rf "$LAB/store-empty"
  building plan "$1" --only "$2" --platform linux/arm64 --json --store "$LAB/store-empty" \
    "${SOURCE[@]}" >"$LAB/out/plan.json"
  jq -er --arg name "$2" '.. | objects | select(.name == $name and .reason) | .reason' "$LAB/out/plan.json"
}

# image_name COMPONENT: what the bundle in $LAB/out/COMPONENT.tar calls its image.
image_name() {
  tar -xOf "$LAB/out/$1.tar" --wildcards '*/bundle.json' | jq -er '.components[0].image.reference'
}

# Java itself is not for emulation, so a script stands in for it.
zookeeper_starts() {
  local stub=$LAB/out/java
  mkdir -p "$stub/bin"
  printf '#!/bin/sh\nid -u\nuname -m\nprintf "%%s\\n" "$@"\n' >"$stub/bin/java"
  chmod -R a+rX "$stub"
  chmod 755 "$stub/bin/java"
  runtime run --rm --network none --platform linux/arm64 -v "$stub:/stub:ro" -e JAVA_HOME=/stub \
    -e ZOO_TICK_TIME=1234 "$(image_name zookeeper)" >"$LAB/out/started"
  cat "$LAB/out/started"
  grep -xE '[1-9][0-9]*' "$LAB/out/started"
  grep -xF aarch64 "$LAB/out/started"
  grep -xF org.apache.zookeeper.server.quorum.QuorumPeerMain "$LAB/out/started"
}

zookeeper_serves() {
  local reference
  create_image "$OPENIM" zookeeper linux/amd64 --build zookeeper
  reference=$(image_name zookeeper)
  runtime load -i "$LAB/out/zookeeper-image.tar"
  runtime run -d --name zookeeper --network none --ulimit nofile=1024 -e ZOO_TICK_TIME=1234 "$reference"
  wait_healthy zookeeper
  runtime exec zookeeper sh -c 'grep -x tickTime=1234 "$ZOOCFGDIR/zoo.cfg"'
  expect "the server's user" 10001 \
    "$(runtime top zookeeper -eo pid,uid,args | awk '/QuorumPeerMain/ { print $2 }')"
  runtime rm -f zookeeper
}

# wait_healthy CONTAINER: for two minutes.
wait_healthy() {
  local attempt state=
  for attempt in $(seq 60); do
    state=$(runtime inspect --format '{{.State.Status}} {{.State.Health.Status}}' "$1")
    [ "$state" != "running healthy" ] || return 0
    [ "${state%% *}" = running ] || break
    sleep 2
  done
  printf '%s is %s (%d attempts)\n' "$1" "$state" "$attempt"
  runtime logs "$1" 2>&1 | tail -n 20
  return 1
}

server_arm64() {
  create_image "$OPENIM" open_im_server linux/arm64 \
    --source "open_im_server=$LAB/sources/open-im-server.zip" "${MODULES[@]}"
  runtime load -i "$LAB/out/open_im_server-image.tar"
}

server_programs() {
  local folder=$LAB/out/programs program count=0
  runtime create --name server "$(image_name open_im_server)"
  rm -rf "$folder"
  runtime cp server:/Open-IM-Server/bin "$folder"
  runtime rm server
  for program in "$folder"/*; do
    expect "machine of $program" 183 "$(od -An -tu2 -j 18 -N 2 "$program" | tr -d ' ')"
    expect "dynamic loaders in $program" 0 "$(grep -caF /lib/ld- "$program" || true)"
    count=$((count + 1))
  done
  [ "$count" -ge 17 ]
}

server_runs() {
  local pid
  runtime run -d --name server --platform linux/arm64 --network none "$(image_name open_im_server)"
  wait_healthy server
  pid=$(runtime inspect --format '{{.State.Pid}}' server)
  # From outside: what is asked by an emulated client says little about the server.
  nsenter --net="/proc/$pid/ns/net" curl -fsS --noproxy '*' http://127.0.0.1:10002/ | tee "$LAB/out/answer"
  grep -E '^open_im_api arm64 [1-9][0-9]* ' "$LAB/out/answer"
  kill -9 "$(runtime top server -eo pid,args | awk '/\/open_im_push( |$)/ { print $1; exit }')"
  wait_ended server
  runtime logs --tail 5 server >"$LAB/out/last-words" 2>&1
  cat "$LAB/out/last-words"
  [ "$(runtime inspect --format '{{.State.ExitCode}}' server)" -ne 0 ]
  grep -F open_im_push "$LAB/out/last-words"
  runtime rm server
}

# wait_ended CONTAINER: for a minute.
wait_ended() {
  local attempt
  for attempt in $(seq 60); do
    [ "$(runtime inspect --format '{{.State.Running}}' "$1")" = true ] || return 0
    sleep 1
  done
  printf '%s still runs (%d attempts)\n' "$1" "$attempt"
  return 1
}

# GOPROXY=off: Go may not even ask.
server_offline() {
  make_go_modules_source
  local BUNDLER_PREFIX=(GOPROXY=off)
  create_image "$OPENIM" open_im_server linux/arm64 \
    --source "open_im_server=$LAB/sources/open-im-server.zip" \
    --source "go-modules=$LAB/sources/go-modules.tar.gz"
}

emulated_step() {
  planned_reason "$BUILDS" emulated | grep -F "built: emulate, builds/emulated/Dockerfile:2 RUN"
  create_image "$BUILDS" emulated linux/arm64
  runtime load -i "$LAB/out/emulated-image.tar"
  expect machine aarch64 \
    "$(runtime run --rm --network none --platform linux/arm64 "$REGISTRY/lab/emulated:1.0.0")"
}

built_once() {
  local before first second
  create_image "$BUILDS" plain linux/arm64
  before=$(build_logs plain)
  first=$(sha256sum <"$LAB/out/plain-image.tar")
  create_image "$BUILDS" plain linux/arm64
  expect "logs of builds after nothing changed" "$before" "$(build_logs plain)"
  expect "the image" "$first" "$(sha256sum <"$LAB/out/plain-image.tar")"
  printf 'Another page.\n' >"$BUILDS/builds/plain/page"
  create_image "$BUILDS" plain linux/arm64
  expect "logs of builds after a file changed" "$((before + 1))" "$(build_logs plain)"
  second=$(sha256sum <"$LAB/out/plain-image.tar")
  [ "$first" != "$second" ]
  runtime load -i "$LAB/out/plain-image.tar"
  expect page "Another page." \
    "$(runtime run --rm --network none --platform linux/arm64 "$REGISTRY/lab/plain:1.0.0")"
}

# build_logs COMPONENT: how many builds of it have left a log.
build_logs() {
  find "$LAB/store/logs" -name "$1-linux-*.log" | wc -l
}

# Neither the builder nor the store remembers anything of the first time.
same_image_again() {
  local component first
  for component in sourced from-zip emulated; do
    create_image "$BUILDS" "$component" linux/arm64
    first=$(image_digest "$component")
    docker_on "$BUILD_HOST" buildx prune --all --force >"$LAB/out/pruned"
    create_image "$BUILDS" "$component" linux/arm64 --store "$LAB/store-again"
    rm -rf "$LAB/store-again"
    expect "digest of $component" "$first" "$(image_digest "$component")"
  done
}

# image_digest COMPONENT
image_digest() {
  tar -xOf "$LAB/out/$1.tar" --wildcards '*/bundle.json' | jq -er '.components[0].image.manifest.digest'
}

# The proxy answers nothing and is not asked: NO_PROXY names every host of the lab.
secrets_stay_secret() {
  local token proxy_password file
  token=$(openssl rand -hex 12)
  proxy_password=$(openssl rand -hex 12)
  local BUNDLER_PREFIX=(
    LAB_TOKEN="$token" HTTP_PROXY="http://lab:$proxy_password@127.0.0.1:9"
    HTTPS_PROXY="http://lab:$proxy_password@127.0.0.1:9" NO_PROXY="127.0.0.1,$GATEWAY" DEBUG='*'
  )
  create_image "$BUILDS" secretive linux/arm64 >"$LAB/out/secretive.said" 2>&1 || {
    cat "$LAB/out/secretive.said"
    return 1
  }
  runtime load -i "$LAB/out/secretive-image.tar"
  # The step has read it.
  expect "sum of the secret" "$(printf %s "$token" | sha256sum)" \
    "$(runtime run --rm --network none --platform linux/arm64 "$REGISTRY/lab/secretive:1.0.0" cat /srv/token.sum)"
  runtime history --no-trunc "$REGISTRY/lab/secretive:1.0.0" >"$LAB/out/secretive.history"
  mkdir -p "$LAB/out/secretive"
  tar -xf "$LAB/out/secretive-image.tar" -C "$LAB/out/secretive"
  for file in "$LAB"/out/secretive/blobs/sha256/*; do
    ! gzip -t "$file" 2>/dev/null || gzip -dc "$file" >"$file.plain"
  done
  expect "files with a secret" "" \
    "$(grep -rlaF -e "$token" -e "$proxy_password" "$LAB/out" "$LAB/store" "$LAB/home" 2>/dev/null || true)"
  [ "$(build_logs secretive)" -gt 0 ]
  rm -r "$LAB/out/secretive"
}

# Both zookeepers are missing where the definition names them, and the registry has the server for amd64
# alone; the sources come from the web server and by hand.
openim_complete() {
  local made
  building create "$OPENIM" --platform linux/arm64 --force -o "$LAB/out/openim-built.tar" \
    --source "open_im_server=$LAB/sources/open-im-server.zip" "${SOURCE[@]}" "${MODULES[@]}"
  bundler verify "$LAB/out/openim-built.tar"
  made=$(tar -xOf "$LAB/out/openim-built.tar" "$TOP/bundle.json" |
    jq -r '.components[] | select(.method == "build").name' | sort | xargs)
  expect "components that were built" "open_im_server zookeeper" "$made"
}

openim_loads() {
  local file
  runtime image prune --all --force >"$LAB/out/pruned"
  mkdir -p "$LAB/built"
  tar -xf "$LAB/out/openim-built.tar" -C "$LAB/built"
  for file in "$LAB/built/$TOP"/images/*.tar; do
    runtime load -i "$file"
  done
  expect "names in the engine" \
    "$(jq -r '.components[] | select(.image) | .image.reference' "$LAB/built/$TOP/bundle.json" | sort)" \
    "$(docker_names)"
  rm -rf "$LAB/built"
}

# docker_names: what Docker 20.10 has, with the registry that it leaves out.
docker_names() {
  local name
  while read -r name; do
    qualified "$name"
  done < <(runtime images --format '{{.Repository}}:{{.Tag}}') | sort
}
