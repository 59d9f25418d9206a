# shellcheck shell=bash
# Programs that know nothing of openim-bundler read what is in the archive.

tool_checks() {
  check "tar unpacks the archive into one folder with bundle.json first" unpack_archive
  check "sha256sum accepts SHA256SUMS, and it lists every file but the tarballs" sums_are_complete
  check "dd and sha256sum find every blob where site/blobs.tsv has it, and every other byte" blobs_are_complete
  check "skopeo reads every image as a Docker archive, by its name" skopeo_reads_all docker-archive
  check "skopeo reads every image as an OCI archive" skopeo_reads_all oci-archive
  check "umoci unpacks an image whose program is for arm64" umoci_unpacks redis usr/bin/redis-check-rdb
  check "docker compose accepts the sealed file, with the bundle's images alone" compose_accepts
}

unpack_archive() {
  mkdir -p "$LAB/site"
  tar -xf "$ARCHIVE" -C "$LAB/site"
  expect "top folders" "$TOP" "$(ls "$LAB/site")"
  components "$LAB/site/$TOP" >"$LAB/components"
  [ -s "$LAB/components" ]
  expect "first file" "$TOP/bundle.json" "$(tar -tf "$ARCHIVE" | awk '!/\/$/ && !seen++')"
}

sums_are_complete() {
  cd "$LAB/site/$TOP"
  sha256sum --quiet -c SHA256SUMS
  expect "listed files" \
    "$(find . -type f ! -path ./SHA256SUMS ! -path './images/*' | sed 's|^\./||' | LC_ALL=C sort)" \
    "$(cut -c 67- SHA256SUMS | LC_ALL=C sort)"
}

# A blob is named after its sum; what is no blob's is taken together, and ends with the file.
blobs_are_complete() {
  local tarball offset size sum at=0 rest=$LAB/no-blob tarballs=()
  cd "$LAB/site/$TOP"
  : >"$rest"
  while IFS=$'\t' read -r tarball offset size sum; do
    if [ "$offset" != - ]; then
      expect "blob at $offset of $tarball" "$sum" "$(bytes "$tarball" "$offset" "$size" | sha256sum | cut -d ' ' -f 1)"
      bytes "$tarball" "$at" $((offset - at)) >>"$rest"
      at=$((offset + size))
      continue
    fi
    tail -c "+$((at + 1))" "$tarball" >>"$rest"
    expect "other bytes of $tarball" "$sum $size" "$(sha256sum <"$rest" | cut -d ' ' -f 1) $(stat -c %s "$rest")"
    expect "blobs in $tarball" "$(tar -tf "$tarball" | sed -n 's|^blobs/sha256/\(.\+\)$|\1|p')" \
      "$(awk -F '\t' -v tarball="$tarball" '$1 == tarball && $2 != "-" { print $4 }' site/blobs.tsv)"
    at=0
    : >"$rest"
    tarballs+=("$tarball")
  done < <(grep -v '^#' site/blobs.tsv)
  expect tarballs "$(printf '%s\n' images/*)" "$(printf '%s\n' "${tarballs[@]}" | LC_ALL=C sort)"
}

# bytes FILE OFFSET LENGTH
bytes() {
  dd if="$1" iflag=skip_bytes,count_bytes skip="$2" count="$3" bs=1M status=none
}

# components FOLDER: "name reference config-digest manifest-digest" for everything in an unpacked bundle.
components() {
  jq -r '.components[] | "\(.name) \(.image.reference) \(.image.config.digest) \(.image.manifest.digest)"' \
    "$1/bundle.json"
}

# Copies as well as it reads, because only a copy touches the layers.
skopeo_reads_all() {
  local transport=$1 name reference config manifest image copy=$LAB/skopeo-copy
  while read -r name reference config manifest; do
    image=$("in_${transport//-/_}" "$LAB/site/$TOP/$(image_tarball "$LAB/site/$TOP" "$name")" "$reference")
    printf '%s (%s, %s)\n' "$name" "$image" "$manifest"
    [ "$transport" = docker-archive ] ||
      expect "manifest" "$manifest" "sha256:$(skopeo inspect --raw "$image" | sha256sum | cut -d ' ' -f 1)"
    expect "architecture" arm64 "$(skopeo inspect "$image" | jq -r .Architecture)"
    expect "config" "$config" \
      "sha256:$(skopeo inspect --config --raw "$image" | sha256sum | cut -d ' ' -f 1)"
    skopeo copy -q "$image" "dir:$copy"
    rm -rf "$copy"
  done <"$LAB/components"
}

# in_docker_archive TARBALL REFERENCE: what skopeo calls the image.
in_docker_archive() {
  printf 'docker-archive:%s:%s\n' "$1" "$2"
}

# in_oci_archive TARBALL REFERENCE: by its tag, which in these bundles no other image has. By a name skopeo
# finds manifests of OCI's own type alone: one of Docker's has to be the only one of its layout.
in_oci_archive() {
  local layout=$LAB/skopeo-layout entry
  entry=$(tar -xOf "$1" index.json |
    jq --arg name "$2" '.manifests[] | select(.annotations["io.containerd.image.name"] == $name)')
  case $(jq -r .mediaType <<<"$entry") in
  application/vnd.oci.*) printf 'oci-archive:%s:%s\n' "$1" "$(tag_in "$entry")" ;;
  *)
    rm -rf "$layout"
    mkdir "$layout"
    tar -xf "$1" -C "$layout"
    jq -n --argjson entry "$entry" '{schemaVersion: 2, manifests: [$entry]}' >"$layout/index.json"
    printf 'oci:%s\n' "$layout"
    ;;
  esac
}

# tag_in ENTRY: of an index.
tag_in() {
  jq -er '.annotations["org.opencontainers.image.ref.name"]' <<<"$1"
}

# Bytes 18 and 19 of an ELF header name the machine: 183 is AArch64.
umoci_unpacks() {
  local component=$1 program=$2 layout=$LAB/umoci-layout bundle=$LAB/umoci-bundle tag
  mkdir "$layout"
  tar -xf "$LAB/site/$TOP/$(image_tarball "$LAB/site/$TOP" "$component")" -C "$layout"
  tag=$(awk -v name="$component" '$1 == name { sub(/.*:/, "", $2); print $2 }' "$LAB/components")
  umoci ls --layout "$layout" | grep -xF -e "$tag"
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
