# shellcheck shell=bash
# Builders are made, configured, used and removed, on BuildKit in a container and on BuildKit elsewhere;
# and doctor finds the build host as it is.

builder_checks() {
  check "doctor finds nothing wrong on a build host that is as it should be" doctor_content
  check "doctor says what is missing where an engine cannot export images" doctor_discontent
  check "doctor lets pulls be where there is no docker" doctor_without_docker
  provide_buildkit
  if [ -n "$BUILDKIT_REASON" ]; then
    printf 'left out: builders in containers and elsewhere: %s\n' "$BUILDKIT_REASON"
    return 0
  fi
  check "builder setup makes a builder in a container that knows the mirror and its CA" setup_container
  check "builder setup run again changes nothing, and with another flag says what it changed" setup_again
  check "BuildKit in the container pulls through the mirror" container_pulls
  check "create takes that builder by itself" container_builds
  check "builder remove removes it, once" remove_container
  start_buildkitd amd64
  BUILDKITD_AMD64=$BUILDKITD
  start_buildkitd arm64
  BUILDKITD_ARM64=$BUILDKITD
  check "builder setup takes nodes elsewhere, one of them for arm64" setup_remote
  check "a step on arm64 runs on the node that is for arm64" remote_builds
  check "builder inspect tells a node that does not answer" remote_gone
  check "builder remove removes it too" building builder remove lab-remote --yes
  stop_buildkitds
}

DOCTOR=(doctor --platform linux/arm64)

doctor_content() {
  building "${DOCTOR[@]}" "$OPENIM" "${SOURCE[@]}" | tee "$LAB/out/said"
  says "Pulls work. Builds for linux/arm64 work: zookeeper, open_im_server."
  building "${DOCTOR[@]}" "$OPENIM" --json "${SOURCE[@]}" >"$LAB/out/doctor.json"
  jq -e '.ok and .canPull and .canBuild["linux/arm64"]' "$LAB/out/doctor.json"
  finding docker.engine pass '^26\.1\.'
  finding docker.buildx pass '^0\.13\.'
  finding docker.image-store pass '^containerd'
  finding builder.default pass 'linux/arm64'
  finding emulation.linux/arm64 pass 'F'
  finding "registry.$REGISTRY" pass 'a login for it'
  finding source.zookeeper pass "${WEB#http://}"
}

# finding ID LEVEL PATTERN: what doctor.json has under the id.
finding() {
  jq -e --arg id "$1" --arg level "$2" --arg pattern "$3" \
    '.findings[] | select(.id == $id) | .level == $level and (.found | test($pattern))' "$LAB/out/doctor.json" || {
    printf 'finding %s is not %s with %s\n' "$1" "$2" "$3"
    return 1
  }
}

doctor_discontent() {
  fails 15 building_on docker-26-overlay2 "${DOCTOR[@]}" "$OPENIM" "${SOURCE[@]}"
  says overlay2 "openim-bundler builder setup" "Pulls work. Builds for linux/arm64 do not work"
}

doctor_without_docker() {
  local BUNDLER_PREFIX=(PATH="$LAB/only-node")
  fails 0 bundler "${DOCTOR[@]}" "$lab_source/bundle" "${SOURCE[@]}"
  says "not in PATH" "Pulls work."
}

# The mirror here is the registry itself, with its TLS and its password.
CONTAINER_BUILDER=buildx_buildkit_openim-bundler0

container_flags() {
  CONTAINER_FLAGS=(--mirror "docker.io=https://$GATEWAY:${REGISTRY#*:}" --ca "$LAB/registry/ca.crt")
}

setup_container() {
  container_flags
  building builder setup "${CONTAINER_FLAGS[@]}" | tee "$LAB/out/said"
  says "has been created" linux/arm64 linux/amd64
  docker_on "$BUILD_HOST" exec "$CONTAINER_BUILDER" cat /etc/buildkit/buildkitd.toml | tee "$LAB/out/buildkitd.toml"
  grep -F "$GATEWAY:${REGISTRY#*:}" "$LAB/out/buildkitd.toml"
}

setup_again() {
  local before
  container_flags
  before=$(docker_on "$BUILD_HOST" inspect --format '{{.Id}}' "$CONTAINER_BUILDER")
  building builder setup "${CONTAINER_FLAGS[@]}" | tee "$LAB/out/said"
  says "nothing was changed"
  expect container "$before" "$(docker_on "$BUILD_HOST" inspect --format '{{.Id}}' "$CONTAINER_BUILDER")"
  building builder setup "${CONTAINER_FLAGS[@]}" --insecure registry.example:5000 | tee "$LAB/out/said"
  says "made anew" registry.example:5000
}

# Directly, because a bundle's build is handed its base images.
container_pulls() {
  env PATH="$(engine_path "$BUILD_HOST")" DOCKER_CONFIG="$LAB/registry/docker" \
    DOCKER_HOST="unix://$LAB/$BUILD_HOST/sock" \
    docker buildx build --builder openim-bundler --platform linux/arm64 --provenance=false \
    -o "type=docker,dest=$LAB/out/pulled-image.tar" "$BUILDS/builds/emulated"
}

container_builds() {
  building builder inspect | tee "$LAB/out/said"
  says "openim-bundler (docker-container)"
  create_image "$BUILDS" emulated linux/arm64 --store "$LAB/store-container"
  runtime load -i "$LAB/out/emulated-image.tar"
  expect machine aarch64 \
    "$(runtime run --rm --network none --platform linux/arm64 "$REGISTRY/lab/emulated:1.0.0")"
}

remove_container() {
  building builder remove --yes | tee "$LAB/out/said"
  says "has been removed"
  expect containers "" "$(docker_on "$BUILD_HOST" ps -aq --filter "name=$CONTAINER_BUILDER")"
  building builder remove --yes | tee "$LAB/out/said"
  says "There is no builder openim-bundler"
}

setup_remote() {
  building builder setup --name lab-remote --driver remote --node "$BUILDKITD_AMD64=linux/amd64" \
    --node "$BUILDKITD_ARM64=linux/arm64" | tee "$LAB/out/said"
  says "has been created" "$BUILDKITD_AMD64" "$BUILDKITD_ARM64"
}

remote_builds() {
  building plan "$BUILDS" --only emulated --platform linux/arm64 --builder lab-remote \
    --store "$LAB/store-remote" "${SOURCE[@]}" | tee "$LAB/out/said"
  says "built: native"
  create_image "$BUILDS" emulated linux/arm64 --builder lab-remote --store "$LAB/store-remote"
  expect "what the node for amd64 has done" "" "$(buildctl_on "$BUILDKITD_AMD64" du | grep -F 'uname -m' || true)"
  buildctl_on "$BUILDKITD_ARM64" du --verbose | grep -F 'uname -m'
}

remote_gone() {
  kill "${buildkitd_pids[1]}"
  building builder inspect lab-remote | tee "$LAB/out/said"
  grep -E "^lab-remote1 +$BUILDKITD_ARM64 +(inactive|error)" "$LAB/out/said"
}
