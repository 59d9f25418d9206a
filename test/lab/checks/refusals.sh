# shellcheck shell=bash
# What goes wrong at a registry is said with its own exit code and the way out. Nothing here asks a
# registry beyond this machine: images are named by the lab's own, or by a port where nobody answers.

refusal_checks() {
  NOBODY=127.0.0.1:$(free_port)
  own_definition "$LAB/at-registry" "$REGISTRY"
  own_definition "$LAB/at-nobody" "$NOBODY"
  MIRROR=(--mirror "$NOBODY=https://$REGISTRY")
  TRUST=(--ca "$LAB/registry/ca.crt")
  check "create works with the right password" right_password
  check "create works through a mirror of a registry that is not there" right_mirror
  check "a wrong password ends with the exit code for credentials, and tells to log in" wrong_password
  check "no password does so too" no_password
  check "plan with a wrong password does so too" planned_password
  check "a mirror's wrong password does so too when the registry itself is out of reach" mirror_password
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

# attempt COMMAND EXIT-CODE CREDENTIALS DEFINITION ARG…: `plan` or `create`, with a store that knows
# nothing. What is said stays in $LAB/out/said.
attempt() {
  local command=$1 expected=$2 credentials=$3 definition=$4 found=0 output=()
  shift 4
  [ "$command" = plan ] || output=(--force -o "$LAB/out/attempt.tar")
  rm -rf "$LAB/store-empty"
  bundler_as "$credentials" "$command" "$LAB/$definition" --platform linux/arm64 --only redis \
    --store "$LAB/store-empty" "${output[@]}" "$@" >"$LAB/out/said" 2>&1 || found=$?
  cat "$LAB/out/said"
  expect "exit code of $command" "$expected" "$found"
}

right_password() {
  attempt create 0 docker at-registry "${TRUST[@]}"
}

right_mirror() {
  attempt create 0 docker at-nobody "${TRUST[@]}" "${MIRROR[@]}"
}

wrong_password() {
  attempt create 6 wrong at-registry "${TRUST[@]}"
  grep -F "docker login $REGISTRY" "$LAB/out/said"
  expect "lines with the password" 0 "$(grep -cF not-the-password "$LAB/out/said" || true)"
}

no_password() {
  attempt create 6 anonymous at-registry "${TRUST[@]}"
  grep -F "docker login $REGISTRY" "$LAB/out/said"
}

planned_password() {
  attempt plan 6 wrong at-registry "${TRUST[@]}"
  grep -F "docker login $REGISTRY" "$LAB/out/said"
}

mirror_password() {
  attempt create 6 wrong at-nobody "${TRUST[@]}" "${MIRROR[@]}"
  grep -F "docker login $REGISTRY" "$LAB/out/said"
}

unknown_authority() {
  attempt create 5 docker at-registry
  grep -e --ca "$LAB/out/said"
}

mirror_authority() {
  attempt create 5 docker at-nobody "${MIRROR[@]}"
  grep -e --ca "$LAB/out/said"
}

strange_authority() {
  attempt create 5 docker at-registry --ca "$LAB/registry/stranger.crt"
}

no_registry() {
  attempt create 5 docker at-nobody "${TRUST[@]}"
}

no_way() {
  exit_code 4 bundler create openim-2.3.9 --platform linux/s390x --only redis \
    -o "$LAB/out/none.tar" "${SOURCE[@]}"
  [ ! -e "$LAB/out/none.tar" ]
}
