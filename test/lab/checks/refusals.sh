# shellcheck shell=bash
# What goes wrong at a registry is said with its own exit code and the way out. Nothing here asks a
# registry beyond this machine: images are named by the lab's own, or by a port where nobody answers.

refusal_checks() {
  NOBODY=127.0.0.1:$(free_port)
  own_definition "$LAB/at-registry" "$REGISTRY"
  own_definition "$LAB/at-nobody" "$NOBODY"
  MIRROR=(--mirror "$NOBODY=https://$REGISTRY")
  TRUST=(--ca "$LAB/registry/ca.crt")
  check "plan works with the right password" right_password
  check "plan works through a mirror of a registry that is not there" right_mirror
  check "a wrong password ends with the exit code for credentials" wrong_password
  check "no password ends with the exit code for credentials" no_password
  check "a mirror's wrong password ends so too when the registry itself is out of reach" mirror_password
  check "an unknown authority ends with a message that names --ca" unknown_authority
  check "a mirror's unknown authority does so too" mirror_authority
  check "a stranger's authority is not trusted" strange_authority
  check "a registry that is not there ends with the exit code for the network" no_registry
  check "a component without a way to the platform ends with exit code 4" no_way
}

# own_definition FOLDER HOST: the lab's application, with images named after HOST.
own_definition() {
  cp -r "$lab_source/bundle" "$1"
  sed -i -E "s#(image: )(quay\.io/)?(lab|openim)/#\1$2/\3/#" "$1/components.yaml" "$1/compose.yaml"
}

# try_plan EXIT-CODE CREDENTIALS DEFINITION ARG…: with a store that knows nothing. What is said stays in
# $LAB/out/plan.
try_plan() {
  local expected=$1 credentials=$2 definition=$3 found=0
  shift 3
  rm -rf "$LAB/store-empty"
  bundler_as "$credentials" plan "$LAB/$definition" --platform linux/arm64 --only redis \
    --store "$LAB/store-empty" "$@" >"$LAB/out/plan" 2>&1 || found=$?
  cat "$LAB/out/plan"
  expect "exit code" "$expected" "$found"
}

right_password() {
  try_plan 0 docker at-registry "${TRUST[@]}"
}

right_mirror() {
  try_plan 0 docker at-nobody "${TRUST[@]}" "${MIRROR[@]}"
}

wrong_password() {
  try_plan 6 wrong at-registry "${TRUST[@]}"
  grep -F "docker login" "$LAB/out/plan"
  expect "lines with the password" 0 "$(grep -cF not-the-password "$LAB/out/plan" || true)"
}

no_password() {
  try_plan 6 anonymous at-registry "${TRUST[@]}"
  grep -F "docker login" "$LAB/out/plan"
}

mirror_password() {
  try_plan 6 wrong at-nobody "${TRUST[@]}" "${MIRROR[@]}"
  grep -F "docker login" "$LAB/out/plan"
}

unknown_authority() {
  try_plan 5 docker at-registry
  grep -e --ca "$LAB/out/plan"
}

mirror_authority() {
  try_plan 5 docker at-nobody "${MIRROR[@]}"
  grep -e --ca "$LAB/out/plan"
}

strange_authority() {
  try_plan 5 docker at-registry --ca "$LAB/registry/stranger.crt"
}

no_registry() {
  try_plan 5 docker at-nobody "${TRUST[@]}"
}

no_way() {
  exit_code 4 bundler create openim-2.3.9 --platform linux/s390x --only redis \
    -o "$LAB/out/none.tar" "${SOURCE[@]}"
  [ ! -e "$LAB/out/none.tar" ]
}
