# shellcheck shell=bash
# The images of a bundle go to a registry of the site, and its hosts take them from there. Needs
# checks/site.sh, registry.sh.

registry_checks() {
  start_site_registry
  check "$SITE_NAME: load --registry pushes every image to the site's registry" registry_load
  check "$SITE_NAME: up takes them from there" registry_up
  check "$SITE_NAME: upgrade pushes what is new, and rollback finds what was" registry_upgrade
  check "$SITE_NAME: uninstall --purge leaves nothing of it" registry_purge
}

# Plain HTTP, which Docker allows on loopback, in the air-gapped host.
start_site_registry() {
  local dir=$SITE_DIR/registry
  SITE_REGISTRY=127.0.0.1:5000
  mkdir -p "$dir"
  cat >"$dir/config.yml" <<END
version: 0.1
log: { level: info }
storage: { filesystem: { rootdirectory: "$dir/data" } }
http: { addr: "$SITE_REGISTRY" }
END
  # The work folder in its command line makes it one of those that are killed in the end.
  in_air_gap "$SITE_ENGINE" "$LAB/tools/bookworm/usr/bin/docker-registry" serve "$dir/config.yml" \
    >"$dir/log" 2>&1 </dev/null &
  wait_for "the site's registry" "$dir/log" site_registry v2/
}

# site_registry PATH
site_registry() {
  in_air_gap "$SITE_ENGINE" curl -fsS --noproxy '*' "http://$SITE_REGISTRY/$1"
}

registry_load() {
  installer 1.0.0 load --registry "$SITE_REGISTRY/site"
  expect "repositories" "site/coreos/etcd site/library/redis" \
    "$(site_registry v2/_catalog | jq -r '.repositories | sort | join(" ")')"
}

registry_up() {
  local images
  mapfile -t images < <(engine "$SITE_ENGINE" images -q | sort -u)
  engine "$SITE_ENGINE" rmi -f "${images[@]}"
  installer 1.0.0 up
  expect "what runs" "etcd $SITE_REGISTRY/site/coreos/etcd:v3.4.23
redis $SITE_REGISTRY/site/library/redis:7.0.15" "$(running | sed 's# library/# #')"
  expect answer PONG "$(service redis redis-cli ping)"
  installed verify
  receipt=$(jq -r '.images[].reference' "$SITE_HOME/receipt.json" | sort | xargs)
  expect "names in the receipt" "$SITE_REGISTRY/site/coreos/etcd:v3.4.23 $SITE_REGISTRY/site/library/redis:7.0.15" "$receipt"
}

registry_upgrade() {
  installer 1.1.0 upgrade
  expect "not from the registry" "" "$(running | grep -v " $SITE_REGISTRY/site/" || true)"
  expect "the newer one in the registry" site/lab/web \
    "$(site_registry v2/_catalog | jq -r '.repositories[] | select(endswith("/web"))')"
  installed verify
  installed rollback
  expect "not from the registry" "" "$(running | grep -v " $SITE_REGISTRY/site/" || true)"
  expect answer PONG "$(service redis redis-cli ping)"
}

registry_purge() {
  installed uninstall --purge --confirm lab
  expect "what is left" "" "$(left_over)"
}
