# shellcheck shell=bash
# Programs that know nothing of openim-bundler read what is in the archive.

tool_checks() {
  check "tar unpacks the archive into one folder with bundle.json first" unpack_archive
  check "sha256sum accepts SHA256SUMS, and it lists every file" sums_are_complete
  check "skopeo reads every image as a Docker archive" skopeo_reads_all docker-archive
  check "skopeo reads every image as an OCI archive" skopeo_reads_all oci-archive
  check "umoci unpacks an image whose program is for arm64" umoci_unpacks redis usr/bin/redis-check-rdb
  check "docker compose accepts the sealed file, with the bundle's images alone" compose_accepts
}

unpack_archive() {
  mkdir -p "$LAB/site"
  tar -xf "$ARCHIVE" -C "$LAB/site"
  expect "top folders" "$TOP" "$(ls "$LAB/site")"
  components >"$LAB/components"
  [ -s "$LAB/components" ]
  expect "first file" "$TOP/bundle.json" "$(tar -tf "$ARCHIVE" | awk '!/\/$/ && !seen++')"
}

sums_are_complete() {
  cd "$LAB/site/$TOP"
  sha256sum --quiet -c SHA256SUMS
  expect "listed files" "$(find . -type f ! -path ./SHA256SUMS | sed 's|^\./||' | LC_ALL=C sort)" \
    "$(cut -c 67- SHA256SUMS | LC_ALL=C sort)"
}

# components: "name reference config-digest manifest-digest" for everything in the unpacked bundle.
components() {
  jq -r '.components[] | "\(.name) \(.image.reference) \(.image.config.digest) \(.image.manifest.digest)"' \
    "$LAB/site/$TOP/bundle.json"
}

# Copies as well as it reads, because only a copy touches the layers.
skopeo_reads_all() {
  local transport=$1 name reference config manifest tarball copy=$LAB/skopeo-copy
  while read -r name reference config manifest; do
    tarball=$LAB/site/$TOP/images/$name.tar
    printf '%s (%s, %s)\n' "$name" "$reference" "$manifest"
    expect "architecture" arm64 "$(skopeo inspect "$transport:$tarball" | jq -r .Architecture)"
    expect "config" "$config" \
      "sha256:$(skopeo inspect --config --raw "$transport:$tarball" | sha256sum | cut -d ' ' -f 1)"
    skopeo copy -q "$transport:$tarball" "dir:$copy"
    rm -rf "$copy"
  done <"$LAB/components"
}

# Bytes 18 and 19 of an ELF header name the machine: 183 is AArch64.
umoci_unpacks() {
  local component=$1 program=$2 layout=$LAB/umoci-layout bundle=$LAB/umoci-bundle tag
  mkdir "$layout"
  tar -xf "$LAB/site/$TOP/images/$component.tar" -C "$layout"
  tag=$(umoci ls --layout "$layout")
  umoci unpack --image "$layout:$tag" "$bundle"
  expect "machine" "183" "$(od -An -tu2 -j 18 -N 2 "$bundle/rootfs/$program" | tr -d ' ')"
  rm -rf "$layout" "$bundle"
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
