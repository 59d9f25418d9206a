# shellcheck shell=bash
# openim-bundler as a person runs it, with a home, a store and credentials of the lab's own.
# Needs registry.sh and images.sh.

# bundler ARG…: with the registry's password in Docker's configuration.
bundler() {
  bundler_as docker "$@"
}

# What stands before the program: NAME=VALUE for its environment, then another program that starts it.
BUNDLER_PREFIX=()

# bundler_as CREDENTIALS ARG…: CREDENTIALS is a folder of $LAB/registry: docker, wrong or anonymous.
# NODE_EXTRA_CA_CERTS would bring in authorities that no flag names.
bundler_as() {
  local credentials=$1
  shift
  env -u SOURCE_DATE_EPOCH -u NODE_EXTRA_CA_CERTS -u HTTP_PROXY -u HTTPS_PROXY -u http_proxy -u https_proxy \
    -u BUILDX_BUILDER -u DOCKER_CONTEXT \
    HOME="$LAB/home" XDG_CACHE_HOME="$LAB/home/.cache" OPENIM_BUNDLER_STORE="$LAB/store" \
    DOCKER_CONFIG="$LAB/registry/$credentials" "${BUNDLER_PREFIX[@]}" \
    node "${LAB_CLI:-$project/bin/run.js}" "$@"
}

# source_flags BUNDLE-FOLDER…: sets SOURCE to the flags that lead from the registries that the tables
# name to the lab's own.
source_flags() {
  local host
  SOURCE=(--ca "$LAB/registry/ca.crt")
  for host in $(table_hosts "$@"); do
    SOURCE+=(--mirror "$host=https://$REGISTRY")
  done
}

# image_tarball BUNDLE COMPONENT: where the component's image is, in a bundle's archive or its unpacked folder.
image_tarball() {
  local table
  if [ -d "$1" ]; then
    table=$(cat "$1/site/images.tsv")
  else
    table=$(tar -xOf "$1" --wildcards '*/site/images.tsv')
  fi
  awk -F '\t' -v component="$2" '$1 == component { print $2; found = 1 } END { exit !found }' <<<"$table"
}

# exit_code EXPECTED COMMAND…: runs it, shows what it says, and compares.
exit_code() {
  local expected=$1 found=0
  shift
  "$@" || found=$?
  expect "exit code of ${*:1:4}" "$expected" "$found"
}
