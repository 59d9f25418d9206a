# shellcheck shell=bash
# One installation from its first check to its last file: load, up, upgrade, an upgrade that fails,
# rollback, prune, uninstall. Needs checks/site.sh.

flow_checks() {
  check "$SITE_NAME: check finds nothing wrong and changes nothing" flow_check
  check "$SITE_NAME: load loads every image, and the receipt is what bundle.json says" flow_load
  check "$SITE_NAME: load again loads nothing" flow_load_again
  check "$SITE_NAME: up brings the application up, healthy and tried" flow_up
  check "$SITE_NAME: arm64 redis answers PONG with the generated password" redis_answers
  check "$SITE_NAME: the services keep what is stored in them" flow_store
  check "$SITE_NAME: support packs no secret" support_has_no_secret
  check "$SITE_NAME: an upgrade over a forbidden version is refused, and changes nothing" flow_forbidden
  check "$SITE_NAME: upgrade brings 1.1.0 up, with data and secrets kept" flow_upgrade
  check "$SITE_NAME: the broken 1.2.0 is taken back by itself, with the data as it was" flow_broken
  check "$SITE_NAME: rollback goes back to 1.0.0, and upgrade forward again" flow_rollback
  check "$SITE_NAME: down and up keep the data" flow_down
  check "$SITE_NAME: prune takes the images of other releases away" flow_prune
  check "$SITE_NAME: no log, receipt, state or report holds a secret" nothing_tells_secrets
  check "$SITE_NAME: uninstall leaves data and settings alone" flow_uninstall
  check "$SITE_NAME: what was kept is found by the next installation" flow_install_again
  check "$SITE_NAME: uninstall --purge, with the project's name, takes that too" flow_purge
}

flow_check() {
  local before
  before=$(host_listing)
  installer 1.0.0 check
  expect "the host after check" "$before" "$(host_listing)"
  installer 1.0.0 check --json >/dev/null
  jq -e . "$SITE_SAID"
  expect "the host after check --json" "$before" "$(host_listing)"
}

# host_listing: what an installation could change: the engine's things, and files where it would put some.
host_listing() {
  printf '[images] %s\n' "$(engine "$SITE_ENGINE" images -q --no-trunc | sort)"
  printf '[containers] %s\n' "$(engine "$SITE_ENGINE" ps -aq --no-trunc | sort)"
  printf '[volumes] %s\n' "$(engine "$SITE_ENGINE" volume ls -q | sort)"
  printf '[networks] %s\n' "$(engine "$SITE_ENGINE" network ls --format '{{.Name}}' | sort)"
  printf '[files] %s\n' "$(ls -d "$SITE_HOME" "$SITE_DATA" 2>/dev/null)"
  printf '[root] %s\n' "$(find / /var/lib -mindepth 1 -maxdepth 1 ! -path /tmp | sort)"
}

flow_load() {
  installer 1.0.0 load
  receipt_matches 1.0.0
  expect "containers" "" "$(engine "$SITE_ENGINE" ps -aq)"
  expect "data" "" "$(ls -A "$SITE_DATA" 2>/dev/null || true)"
}

# receipt_matches VERSION
receipt_matches() {
  local folder
  folder=$(release "$SITE_SET" "$1")
  expect "result" ok "$(jq -r .result "$SITE_HOME/receipt.json")"
  expect "images in the receipt" \
    "$(jq -r '.components[] | select(.image) | "\(.name) \(.image.reference) linux/arm64"' "$folder/bundle.json" | sort)" \
    "$(jq -r '.images[] | "\(.component) \(.reference) \(.found.os)/\(.found.architecture)"' "$SITE_HOME/receipt.json" | sort)"
  # The engine's id is the config's digest or the manifest's.
  jq -e --slurpfile bundle "$folder/bundle.json" '
    [.images[] | . as $image
      | $bundle[0].components[] | select(.name == $image.component).image
      | [.manifest.digest, .config.digest]
      | index("sha256:" + ($image.found.id | ltrimstr("sha256:")))] | all(. != null)' "$SITE_HOME/receipt.json"
  jq -e 'all(.images[]; .ok and .found.size > 0)' "$SITE_HOME/receipt.json"
}

flow_load_again() {
  installer 1.0.0 load
  expect "images that were loaded again" 0 "$(grep -c 'loading image' "$SITE_SAID" || true)"
}

flow_up() {
  installer 1.0.0 up
  expect_running 1.0.0
  expect_state 1.0.0 ""
  expect "mode of .env" 600 "$(stat -c %a "$SITE_HOME/current/.env")"
  secrets >"$SITE_DIR/secrets"
  [ "$(wc -l <"$SITE_DIR/secrets")" -ge 2 ]
}

# secrets: "NAME=VALUE" of every password of the installation.
secrets() {
  grep -E '^LAB_[A-Z]+_(PASSWORD|TOKEN)=' "$SITE_HOME/current/.env" | sort
}

redis_answers() {
  expect answer PONG "$(service redis redis-cli ping)"
  service redis env REDISCLI_AUTH=wrong redis-cli ping 2>&1 | grep -E 'WRONGPASS|NOAUTH'
  expect machine aarch64 "$(service redis uname -m)"
}

# Redis has a volume of the engine, the others a folder of the data directory.
flow_store() {
  service redis redis-cli set lab kept
  service etcd etcdctl put lab kept
  [ "$SITE_SET" != full ] ||
    sql 'CREATE DATABASE lab; CREATE TABLE lab.kept (word VARCHAR(9)); INSERT INTO lab.kept VALUES ("kept")'
  flow_stored
}

flow_stored() {
  expect "value in redis" kept "$(service redis redis-cli get lab)"
  expect "value in etcd" kept "$(service etcd etcdctl get --print-value-only lab)"
  [ "$SITE_SET" != full ] || expect "row in mysql" kept "$(sql 'SELECT word FROM lab.kept')"
}

sql() {
  # shellcheck disable=SC2016 # the container's variable
  service mysql sh -c 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD exec mariadb -h 127.0.0.1 -u root -N -e "$1"' sh "$1"
}

support_has_no_secret() {
  local secret
  rm -rf "$SITE_DIR/support.tar" "$SITE_DIR/support"
  installed support "$SITE_DIR/support.tar"
  mkdir "$SITE_DIR/support"
  tar -xf "$SITE_DIR/support.tar" -C "$SITE_DIR/support"
  [ -n "$(find "$SITE_DIR/support" -name 'install.log' -size +0)" ]
  while IFS='=' read -r _ secret; do
    expect "files of the support archive with a secret" "" "$(grep -rlaF -e "$secret" "$SITE_DIR/support" || true)"
  done <"$SITE_DIR/secrets"
}

flow_forbidden() {
  [ "$SITE_SET" = small ] || return 0
  local before state
  before=$(host_listing)
  state=$(cat "$SITE_HOME/state")
  exit_code 11 installer 2.0.0 upgrade
  said redis 8.0.0
  expect "the host after the refusal" "$before" "$(host_listing)"
  expect "state after the refusal" "$state" "$(cat "$SITE_HOME/state")"
}

flow_upgrade() {
  installer 1.1.0 upgrade --dry-run
  said redis:7.2.0 etcd web LAB_WEB_PORT LAB_WEB_TOKEN
  expect_state 1.0.0 ""
  installer 1.1.0 upgrade
  expect_running 1.1.0
  expect_state 1.1.0 ""
  receipt_matches 1.1.0
  flow_stored
  expect "secrets that were" "$(cat "$SITE_DIR/secrets")" "$(secrets | grep -v WEB)"
  expect "revision of etcd" 2 "$(engine "$SITE_ENGINE" inspect --format '{{index .Config.Labels "revision"}}' \
    "$(service_container etcd)")"
  # shellcheck disable=SC2016 # the container's variable
  expect greeting "from the alternative" "$(service web sh -c 'printf %s "$GREETING"')"
  expect page web "$(in_air_gap "$SITE_ENGINE" curl -fsS --noproxy '*' http://127.0.0.1:18080/)"
  secrets >"$SITE_DIR/secrets"
}

flow_broken() {
  exit_code 12 installer 1.2.0 upgrade --timeout "${BROKEN_TIMEOUT:-15}"
  said redis 1.1.0
  expect_running 1.1.0
  expect_state 1.1.0 ""
  flow_stored
  expect "secrets" "$(cat "$SITE_DIR/secrets")" "$(secrets)"
}

flow_rollback() {
  installed rollback
  expect_running 1.0.0
  flow_stored
  expect "revision of etcd" "<no value>" "$(engine "$SITE_ENGINE" inspect \
    --format '{{index .Config.Labels "revision"}}' "$(service_container etcd)" | sed 's/^$/<no value>/')"
  installer 1.1.0 upgrade
  expect_running 1.1.0
  flow_stored
  expect "secrets" "$(cat "$SITE_DIR/secrets")" "$(secrets)"
}

flow_down() {
  installed down
  expect "containers" "" "$(engine "$SITE_ENGINE" ps -aq)"
  installed up
  expect_running 1.1.0
  flow_stored
}

flow_prune() {
  installed prune
  expect "images" "$(jq -r '.components[] | select(.image).image.reference' \
    "$(release "$SITE_SET" 1.1.0)/bundle.json" | sed 's#^docker\.io/##; s#^library/##' | sort)" \
    "$(image_names | grep -v '^openim-bundler\.local/lab/[a-z-]*:1\.1\.0-')"
  expect "releases" 1 "$(find "$SITE_HOME/releases" -mindepth 1 -maxdepth 1 | wc -l)"
  expect_running 1.1.0
}

# image_names: what the engine has, without what Docker leaves out, sorted.
image_names() {
  engine "$SITE_ENGINE" images --format '{{.Repository}}:{{.Tag}}' |
    sed 's#^docker\.io/##; s#^library/##' | sort -u
}

nothing_tells_secrets() {
  local secret
  installed status >"$SITE_DIR/status"
  installer 1.1.0 check --json >"$SITE_DIR/check.json" || true
  support_has_no_secret
  while IFS='=' read -r _ secret; do
    expect "files with a secret" "" "$(grep -laF -e "$secret" "$SITE_HOME/install.log" "$SITE_HOME/state" \
      "$SITE_HOME/receipt.json" "$SITE_DIR/status" "$SITE_DIR/check.json" 2>/dev/null || true)"
  done <"$SITE_DIR/secrets"
}

# What an uninstalled host still has: "kind name" lines.
left_over() {
  engine "$SITE_ENGINE" ps -aq | sed 's/^/container /'
  image_names | sed 's/^/image /'
  engine "$SITE_ENGINE" network ls --format '{{.Name}}' | grep -vxE 'bridge|host|none|podman' | sed 's/^/network /' || true
  engine "$SITE_ENGINE" volume ls -q | sed 's/^/volume /'
  [ ! -d "$SITE_HOME" ] || (cd "$SITE_HOME" && find . -mindepth 1 | sed 's/^/home /')
  [ ! -d "$SITE_DATA" ] || (cd "$SITE_DATA" && find . -mindepth 1 -maxdepth 1 | sed 's/^/data /')
}

flow_uninstall() {
  installed uninstall
  local expected="data ./etcd
home ./settings.env
volume lab_redis-data"
  [ "$SITE_SET" != full ] || expected="data ./etcd
data ./mysql
home ./settings.env
volume lab_prometheus-data
volume lab_redis-data"
  expect "what is left" "$expected" "$(left_over | LC_ALL=C sort)"
  expect "mode of settings.env" 600 "$(stat -c %a "$SITE_HOME/settings.env")"
}

flow_install_again() {
  installer 1.1.0 install
  expect_running 1.1.0
  flow_stored
  expect "secrets" "$(cat "$SITE_DIR/secrets")" "$(secrets)"
}

flow_purge() {
  exit_code 2 installed uninstall --purge
  expect_running 1.1.0
  exit_code 2 installed uninstall --purge --confirm other
  flow_stored
  installed uninstall --purge --confirm lab
  expect "what is left" "" "$(left_over)"
  expect "folders" "" "$(ls -d "$SITE_HOME" "$SITE_DATA" 2>/dev/null || true)"
}
