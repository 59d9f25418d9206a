# shellcheck shell=bash
# The sealed compose file is one that Compose accepts, and install.sh brings a bundle up on a host that
# has no network at all.

SITE_TOP=lab-1.0.0-linux-arm64

site_checks() {
  check "docker compose accepts the sealed file, with the bundle's images alone" compose_accepts
  check "create packs the lab's own application, with an alternative" create_lab_bundle
  site_checks_on docker-26
  site_checks_on docker-20.10
}

# site_checks_on ENGINE: an installation from first to last on a host of its own; without a bundle, which
# was a failure already, there is nothing to install.
site_checks_on() {
  [ -s "$LAB/out/lab.tar" ] || return 0
  SITE_ENGINE=air-gap-$1
  SITE=$LAB/$SITE_ENGINE/$SITE_TOP
  mkdir -p "$LAB/$SITE_ENGINE"
  tar -xf "$LAB/out/lab.tar" -C "$LAB/$SITE_ENGINE"
  open_air_gap "$SITE_ENGINE"
  check "$1: the host has loopback alone" only_loopback
  check "$1: install.sh refuses a host of another architecture, and loads nothing" install_refuses_host
  check "$1: install.sh refuses a damaged image, and loads nothing" install_refuses_damage
  check "$1: install.sh brings the application up, healthy" install_lab
  check "$1: redis answers PONG with the generated password" redis_answers
  check "$1: etcd is healthy and keeps a value" etcd_answers
  check "$1: the web page comes from the alternative image" web_answers
  check "$1: install.sh run again changes neither secrets nor data" install_again
  if [ "$1" = docker-26 ]; then
    check "$1: install.sh brings the shipped OpenIM up from the demo's samples, all healthy" install_demo
  fi
  close_air_gap "$SITE_ENGINE"
}

# The shipped definition, compose file, settings and health checks, with samples that answer them. For
# this machine's own architecture, as the demo's programs need no emulation then.
install_demo() {
  local SITE_FOLDER=$LAB/demo/openim-2.3.9-linux-amd64
  bundler demo --platform linux/amd64 -o "$LAB/demo"
  tar -xf "$SITE_FOLDER.tar" -C "$LAB/demo"
  allow_few_files
  on_compose down
  on_site sh install.sh --host-address 127.0.0.1 --data-dir "$LAB/demo/data"
  expect "services that are not healthy" "" \
    "$(on_site docker compose -p openim ps -a --format '{{.Service}} {{.Health}}' | grep -v ' healthy$')"
  on_site docker compose -p openim down
}

# A container may not have more open files than the machine that it runs on, and labs may have few.
allow_few_files() {
  [ "$(ulimit -Hn)" != unlimited ] || return 0
  (
    cd "$SITE_FOLDER"
    sed -i -E "s/^( +(soft|hard): )[0-9]+$/\\1$(ulimit -Hn)/" compose.yaml
    sed -i "s/^[0-9a-f]*  compose.yaml$/$(sha256sum compose.yaml)/" SHA256SUMS
  )
}

compose_accepts() {
  local folder=$LAB/site/$TOP
  jq -r '.settings[] | "\(.name)=\(.default // "to-be-generated")"' "$folder/bundle.json" >"$LAB/openim.env"
  docker_on docker-26-overlay2 compose --env-file "$LAB/openim.env" -f "$folder/compose.yaml" \
    --profile '*' config --format json >"$LAB/compose.json"
  expect "images, platforms and pull policies" \
    "$(jq -r '.components[] | "\(.image.reference) linux/arm64 never"' "$folder/bundle.json" | sort)" \
    "$(jq -r '.services[] | "\(.image) \(.platform) \(.pull_policy)"' "$LAB/compose.json" | sort)"
}

create_lab_bundle() {
  bundler create "$lab_source/bundle" --platform linux/arm64 -o "$LAB/out/lab.tar" "${SOURCE[@]}"
  bundler verify "$LAB/out/lab.tar"
  expect "way of web" alternative "$(tar -xOf "$LAB/out/lab.tar" "$SITE_TOP/bundle.json" |
    jq -r '.components[] | select(.name == "web").method')"
}

only_loopback() {
  expect "devices beside the engine's own bridge" lo \
    "$(in_air_gap ip -o link | awk -F ': ' '$2 !~ /^docker0/ { print $2 }')"
  exit_code 1 in_air_gap bash -c ': </dev/tcp/192.0.2.1/80'
}

# on_site COMMAND…: in the air-gapped host, in the unpacked bundle, with its engine and nothing of the
# registry's.
on_site() {
  (
    cd "${SITE_FOLDER:-$SITE}"
    in_air_gap env PATH="$(engine_path "$SITE_ENGINE")" DOCKER_CONFIG="$LAB/docker" \
      DOCKER_HOST="unix://$LAB/$SITE_ENGINE/sock" HOME="$LAB/home" "$@"
  )
}

on_compose() {
  on_site docker compose -p lab -f compose.yaml "$@"
}

install_refuses_host() {
  exit_code 4 on_site sh install.sh
  expect "loaded images" "" "$(docker_on "$SITE_ENGINE" images -q)"
}

install_lab() {
  on_site sh install.sh --allow-emulation
  expect "healthy services" "etcd healthy
redis healthy
web healthy" "$(on_compose ps --format '{{.Service}} {{.Health}}' | sort)"
}

redis_answers() {
  expect answer PONG "$(on_compose exec -T redis redis-cli ping)"
  on_compose exec -T redis env REDISCLI_AUTH=wrong redis-cli ping 2>&1 | grep -E 'WRONGPASS|NOAUTH'
  on_compose exec -T redis redis-cli set lab kept
  expect machine aarch64 "$(on_compose exec -T redis uname -m)"
}

etcd_answers() {
  on_compose exec -T etcd etcdctl endpoint health
  on_compose exec -T etcd etcdctl put lab kept
  expect value kept "$(on_compose exec -T etcd etcdctl get --print-value-only lab)"
}

web_answers() {
  expect greeting "from the alternative" "$(on_compose exec -T web sh -c 'printf %s "$GREETING"')"
  expect page web "$(in_air_gap curl -fsS --noproxy '*' http://127.0.0.1:18080/)"
}

install_again() {
  local before
  before=$(on_compose exec -T redis sh -c 'printf %s "$REDISCLI_AUTH"')
  [ "${#before}" -ge 24 ]
  on_site sh install.sh --allow-emulation
  expect secret "$before" "$(on_compose exec -T redis sh -c 'printf %s "$REDISCLI_AUTH"')"
  expect value kept "$(on_compose exec -T redis redis-cli get lab)"
}

install_refuses_damage() {
  local SITE_FOLDER=$LAB/damaged status=0
  cp -a "$SITE" "$SITE_FOLDER"
  printf x | dd of="$SITE_FOLDER/images/redis.tar" bs=1 seek=4096 conv=notrunc status=none
  on_site sh install.sh --allow-emulation >"$LAB/out/damaged" 2>&1 || status=$?
  rm -rf "$SITE_FOLDER"
  cat "$LAB/out/damaged"
  expect "exit code" 3 "$status"
  grep -F images/redis.tar "$LAB/out/damaged"
  expect "loaded images" "" "$(docker_on "$SITE_ENGINE" images -q)"
}
