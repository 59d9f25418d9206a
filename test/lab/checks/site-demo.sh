# shellcheck shell=bash
# The shipped definition, compose file, settings and health checks, with samples that answer them. For
# this machine's own architecture, as the demo's programs need no emulation then. Needs checks/site.sh.

demo_checks() {
  check "$SITE_NAME: install.sh brings the shipped OpenIM up from the demo's samples, all healthy" install_demo
}

install_demo() {
  local folder=$LAB/demo/openim-2.3.9-linux-amd64
  bundler demo --platform linux/amd64 -o "$LAB/demo"
  tar -xf "$folder.tar" -C "$LAB/demo"
  allow_few_files "$folder"
  run_installer "$folder" install --host-address 127.0.0.1
  expect "services that are not healthy" "" "$(on_site docker ps -a --filter label=com.docker.compose.project=openim \
    --format '{{.Names}} {{.Status}}' | grep -v '(healthy)$' || true)"
  installed uninstall --purge --confirm openim
  expect "what is left" "" "$(left_over)"
}

# allow_few_files FOLDER: a container may not have more open files than the machine that it runs on, and
# labs may have few.
allow_few_files() {
  local limit
  limit=$(ulimit -Hn)
  [ "$limit" != unlimited ] || return 0
  (
    cd "$1"
    sed -i -E "s/^( +(soft|hard): )[0-9]+$/\\1$limit/" compose.yaml
    sed -i -E "s/^(-\tnofile\t)[0-9]+/\\1$limit/" site/requires.tsv
    for file in compose.yaml site/requires.tsv; do
      sed -i "s#^[0-9a-f]*  $file\$#$(sha256sum "$file")#" SHA256SUMS
    done
  )
}
