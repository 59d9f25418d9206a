# shellcheck shell=bash
# Every engine loads every image under its right name, and runs it.

loading_checks() {
  local name
  for name in "${ENGINES[@]}"; do
    check "$name loads every image, with its name and architecture" load_all "$name"
    check "$name runs a program of every image on arm64" run_all "$name"
  done
}

load_all() {
  local engine=$1 name reference config manifest count=0
  while read -r name reference config manifest; do
    printf '%s\n' "$name"
    engine "$engine" load -i "$LAB/site/$TOP/images/$name.tar"
    expect "platform of $reference" linux/arm64 \
      "$(engine "$engine" image inspect --format '{{.Os}}/{{.Architecture}}' "$reference")"
    # The id is the config's digest, or with the containerd store the manifest's.
    engine "$engine" image inspect --format '{{.Id}}' "$reference" | sed 's/^\(sha256:\)\{0,1\}/sha256:/' |
      grep -xF -e "$config" -e "$manifest"
    count=$((count + 1))
  done <"$LAB/components"
  expect "names in $engine" "$count" \
    "$(engine "$engine" images --format '{{.Repository}}:{{.Tag}}' | sort -u | wc -l)"
  expect "images without a name" "" \
    "$(engine "$engine" images --format '{{.Repository}}:{{.Tag}}' | grep -e '<none>' -e ^localhost/ || true)"
}

run_all() {
  local engine=$1 name reference rest
  while read -r name reference rest; do
    printf '%s %s\n' "$name" "${rest%% *}"
    case $name in
    redis) run_one "$engine" "$reference" 'Redis server v=' redis-server --version ;;
    etcd) run_one "$engine" "$reference" linux/arm64 etcd --version ;;
    prometheus) run_one "$engine" "$reference" linux/arm64 prometheus --version ;;
    node-exporter) run_one "$engine" "$reference" linux/arm64 prometheus-node-exporter --version ;;
    *) run_one "$engine" "$reference" aarch64 uname -m ;;
    esac
  done <"$LAB/components"
}

# run_one ENGINE REFERENCE EXPECTED COMMAND…
run_one() {
  local engine=$1 reference=$2 expected=$3 output
  shift 3
  output=$(engine "$engine" run --rm --pull never --network none --platform linux/arm64 \
    "$reference" "$@" 2>&1) || {
    printf '%s\n' "$output"
    return 1
  }
  printf '%s\n' "$output" | grep -F -e "$expected"
}
