# shellcheck shell=bash
# Every engine loads every image under its right name, and runs it. Images that share a tarball come at once.

loading_checks() {
  local name
  check "images on one base, one of them under two names, lie in one tarball, each blob once" shared_tarball
  for name in "${ENGINES[@]}"; do
    check "$name loads every image, with its name and architecture" \
      load_all "$name" "$LAB/site/$TOP" "$LAB/components"
    check "$name runs a program of every image on arm64" run_all "$name" "$LAB/components"
    check "$name loads one tarball, and has every image of it under each of its names" \
      load_all "$name" "$LAB/shared/$SHARED_TOP" "$LAB/shared/components"
    check "$name runs a program of each of them" run_all "$name" "$LAB/shared/components"
  done
}

SHARED_TOP=lab-1.0.0-linux-arm64

# Both names of etcd lead to one image in the lab's registry, where each public one is mirrored.
shared_tarball() {
  local definition=$LAB/definitions/lab-shared
  mkdir -p "$LAB/definitions" "$LAB/shared"
  cp -r "$lab_source/bundle" "$definition"
  cat >>"$definition/components.yaml" <<'END'
  etcd-again:
    title: { en: The same under another name, zh: 同一镜像的另一名称 }
    image: lab/etcd:v3.4.23
    platforms: [linux/arm64]
END
  sed -i '/^volumes:/i\
  etcd-again:\
    image: lab/etcd:v3.4.23\
    healthcheck:\
      test: ["CMD", "true"]\
' "$definition/compose.yaml"
  bundler create "$definition" --platform linux/arm64 -o "$LAB/shared/lab.tar" "${SOURCE[@]}"
  bundler verify --deep "$LAB/shared/lab.tar"
  tar -xf "$LAB/shared/lab.tar" -C "$LAB/shared"
  cd "$LAB/shared/$SHARED_TOP"
  components . >"$LAB/shared/components"
  expect "tarballs" images/redis+3.tar "$(printf '%s\n' images/*)"
  expect "names in its manifest.json" "$(cut -d ' ' -f 2 "$LAB/shared/components" | sort)" \
    "$(tar -xOf images/redis+3.tar manifest.json | jq -r '.[].RepoTags[]' | sort)"
  expect "images in its manifest.json" 3 "$(tar -xOf images/redis+3.tar manifest.json | jq length)"
  expect "files that are there twice" "" "$(tar -tf images/redis+3.tar | sort | uniq -d)"
}

# load_all ENGINE FOLDER COMPONENTS: every tarball once, then asks for every image.
load_all() {
  local engine=$1 folder=$2 list=$3 name reference config manifest tarball before
  before=$(names_in "$engine")
  for tarball in "$folder"/images/*.tar; do
    engine "$engine" load -i "$tarball"
  done
  while read -r name reference config manifest; do
    printf '%s\n' "$name"
    expect "platform of $reference" linux/arm64 \
      "$(engine "$engine" image inspect --format '{{.Os}}/{{.Architecture}}' "$reference")"
    # The id is the config's digest, or with the containerd store the manifest's.
    engine "$engine" image inspect --format '{{.Id}}' "$reference" | sed 's/^\(sha256:\)\{0,1\}/sha256:/' |
      grep -xF -e "$config" -e "$manifest"
  done <"$list"
  expect "names that came" "$(cut -d ' ' -f 2 "$list" | sort)" \
    "$(comm -13 <(printf '%s\n' "$before") <(names_in "$engine"))"
}

# names_in ENGINE: in full, one a line.
names_in() {
  local name
  engine "$1" images --format '{{.Repository}}:{{.Tag}}' | while read -r name; do
    qualified "$name"
  done | sort -u
}

run_all() {
  local engine=$1 name reference rest
  while read -r name reference rest; do
    printf '%s %s\n' "$name" "${rest%% *}"
    case $name in
    redis) run_one "$engine" "$reference" 'Redis server v=' redis-server --version ;;
    etcd | etcd-again) run_one "$engine" "$reference" linux/arm64 etcd --version ;;
    prometheus) run_one "$engine" "$reference" linux/arm64 prometheus --version ;;
    node-exporter) run_one "$engine" "$reference" linux/arm64 prometheus-node-exporter --version ;;
    *) run_one "$engine" "$reference" aarch64 uname -m ;;
    esac
  done <"$2"
}

# run_one ENGINE REFERENCE EXPECTED COMMAND…: looks at what the program says inside, for on a busy machine an
# engine may lose the words of one that ends at once, but not its exit code.
run_one() {
  local engine=$1 reference=$2 expected=$3
  shift 3
  # shellcheck disable=SC2016 # of the shell inside
  engine "$engine" run --rm --pull never --network none --platform linux/arm64 \
    "$reference" sh -c '"$@" >/tmp/said 2>&1 || exit 1; cat /tmp/said; grep -qF -e "$0" /tmp/said' "$expected" "$@"
}
