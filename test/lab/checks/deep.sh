# shellcheck shell=bash
# What the tool reads out of an archive's layers is what an engine, `file` and dpkg say of the same images:
# a Debian for amd64 with all its packages, and images for amd64, arm64 and arm/v7 with layers that change
# what others have. Needs images.sh, cli.sh, engines.sh.

deep_checks() {
  local platform
  mkdir -p "$LAB/deep"
  start_docker deep-docker
  check "archives of the images are made" deep_archives
  for platform in linux/amd64 linux/arm64 linux/arm/v7; do
    deep_image_checks layered "$platform"
  done
  deep_image_checks debian linux/amd64
  check "sbom lists the packages and versions that dpkg lists in Debian's image" sbom_is_dpkg
  check "inspect prints the files that the engine has" printed_files
  stop_docker deep-docker
}

deep_image_checks() {
  check "$1 for $2: verify --deep finds no fault" bundler verify --deep "$(deep_archive "$2")"
  check "$1 for $2: the files are those that docker export gives" files_are_exported "$1" "$2"
  check "$1 for $2: file says the same of every program" file_agrees "$1" "$2"
}

# deep_archive PLATFORM
deep_archive() {
  printf '%s\n' "$LAB/deep/deep-${1//\//-}.tar"
}

deep_archives() {
  local platform
  for platform in linux/amd64 linux/arm64 linux/arm/v7; do
    bundler create "$lab_source/bundle-deep" --platform "$platform" -o "$(deep_archive "$platform")" "${SOURCE[@]}"
  done
}

# Not an image's own, but what every container gets from its engine.
DEEP_ENGINES='^(dev|proc|sys)(/|\t)|^\.dockerenv\t|^etc/(hosts|hostname|resolv\.conf|mtab)\t'

# files_are_exported COMPONENT PLATFORM: path, type, permissions, size, target of links, SHA-256.
files_are_exported() {
  local name=$1-${2//\//-} tree
  tree=$LAB/deep/$name
  deep_export "$1" "$2" "$tree"
  bundler inspect "$(deep_archive "$2")" "$1" --files --json >"$tree.json" 2>/dev/null
  jq -r '.files[] | [.path, (.type | {file: "f", directory: "d", symlink: "l"}[.] // "-"),
    (if .type == "symlink" then "-" else (.mode | sub("^0+(?=.)"; "")) end),
    (if .type == "file" then .size else "-" end), .linkpath // "-", .sha256 // "-"] | join("\t")' \
    "$tree.json" | grep -Pv "$DEEP_ENGINES" | LC_ALL=C sort >"$tree.ours"
  (
    cd "$tree"
    find . -mindepth 1 -type f -printf '%P\0' | xargs -0 sha256sum |
      sed -E 's/^([0-9a-f]+)  (.*)$/\2\t\1/' | LC_ALL=C sort >"$tree.sums"
    find . -mindepth 1 -type f -printf '%P\tf\t%m\t%s\t-\n' | LC_ALL=C sort |
      LC_ALL=C join -t $'\t' - "$tree.sums"
    find . -mindepth 1 -type d -printf '%P\td\t%m\t-\t-\t-\n'
    find . -mindepth 1 -type l -printf '%P\tl\t-\t-\t%l\t-\n'
    find . -mindepth 1 ! -type f ! -type d ! -type l -printf '%P\t-\t%m\t-\t-\t-\n'
  ) | grep -Pv "$DEEP_ENGINES" | LC_ALL=C sort >"$tree.theirs"
  printf '%d files\n' "$(wc -l <"$tree.theirs")"
  [ -s "$tree.theirs" ]
  diff "$tree.theirs" "$tree.ours"
}

# deep_export COMPONENT PLATFORM FOLDER: what docker export gives of a container of the image, unpacked.
deep_export() {
  local component=$1 platform=$2 folder=$3 id
  tar -xOf "$(deep_archive "$platform")" --wildcards \
    "*/$(image_tarball "$(deep_archive "$platform")" "$component")" | docker_on deep-docker load -q
  id=$(docker_on deep-docker create --platform "$platform" --network none "$(deep_reference "$component")")
  mkdir "$folder"
  docker_on deep-docker export "$id" | tar -x -C "$folder"
  docker_on deep-docker rm "$id" >/dev/null
  # The next platform's image has the same name; this one's is needed no more.
  [ "$component" = debian ] || docker_on deep-docker image rm "$(deep_reference "$component")" >/dev/null
}

# deep_reference COMPONENT
deep_reference() {
  table_images "$lab_source/bundle-deep" | awk -v name="$1" '$1 == name { print $2 }'
}

# file_agrees COMPONENT PLATFORM: class, byte order, machine and loader of every file. Needs
# files_are_exported.
file_agrees() {
  local tree=$LAB/deep/$1-${2//\//-}
  jq -r '.files[] | select(.program.format == "elf") | [.path,
    "\(.program.bits)-bit \(if .program.endianness == "big" then "MSB" else "LSB" end)",
    (.program.machine | sub(" \\(.*"; "")), .program.interpreter // "-"] | join("\t")' \
    "$tree.json" | LC_ALL=C sort >"$tree.ours"
  (cd "$tree" && find . -type f -printf '%P\0' | xargs -0 file -N -F $'\t') |
    sed -nE 's/^([^\t]+)\t *(set[ug]id |sticky )*ELF (32-bit [LM]SB|64-bit [LM]SB) [^,]*, ([^,]*)(.*)$/\1\t\3\t\4\5/p' |
    sed -E 's/\tARM aarch64(,|$)/\taarch64\1/; s/\tARM(,|$)/\tARM 32-bit\1/; s/\tIntel (80386|i386)/\tx86 32-bit/' |
    sed -E 's/^([^\t]+\t[^\t]+\t[^,\t]+).*, interpreter ([^,]+).*$/\1\t\2/; t
      s/^([^\t]+\t[^\t]+\t[^,\t]+).*$/\1\t-/' | LC_ALL=C sort >"$tree.theirs"
  printf '%d programs\n' "$(wc -l <"$tree.theirs")"
  [ -s "$tree.theirs" ]
  diff "$tree.theirs" "$tree.ours"
}

sbom_is_dpkg() {
  bundler sbom "$(deep_archive linux/amd64)" debian -o "$LAB/deep/sbom.json" --quiet
  docker_on deep-docker run --rm --network none "$(deep_reference debian)" \
    dpkg-query -W -f '${Package} ${Version} ${Architecture}\n' | LC_ALL=C sort >"$LAB/deep/dpkg"
  printf '%d packages\n' "$(wc -l <"$LAB/deep/dpkg")"
  [ -s "$LAB/deep/dpkg" ]
  jq -r '.components[] | select(.purl // "" | startswith("pkg:deb/debian/")) |
    "\(.name) \(.version) \(.purl | capture("arch=(?<it>[^&]+)").it)"' "$LAB/deep/sbom.json" |
    LC_ALL=C sort | diff "$LAB/deep/dpkg" -
}

# A file of a lower layer, one that was replaced, one through a link, one with a hard link; and one that is
# no more.
printed_files() {
  local path archive tree=$LAB/deep/layered-linux-arm64
  archive=$(deep_archive linux/arm64)
  for path in etc/passwd srv/replaced srv/linked/kept/inside srv/linked/five usr/bin/redis-server; do
    bundler inspect "$archive" "layered:/$path" | cmp - "$(on_tree "$tree" "$path")"
  done
  exit_code 12 bundler inspect "$archive" layered:/srv/removed/below/two
}

# on_tree FOLDER PATH: where it leads to below the folder, whatever the links on the way say.
on_tree() {
  case $2 in
  srv/linked/kept/*) printf '%s\n' "$1/srv/file/${2##*/}" ;;
  *) printf '%s\n' "$1/$2" ;;
  esac
}
