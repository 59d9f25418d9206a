# shellcheck shell=bash
# Images of real programs from Debian, built for several platforms without running anything, and
# pushed to the lab's registry under the names of a component table. Needs debian.sh, engines.sh,
# registry.sh.

BASE_DEBS=(busybox-static libc6)
REDIS_DEBS=(
  redis-server redis-tools libatomic1 libjemalloc2 liblzf1 libssl3 libsystemd0 libcap2 libgcrypt20
  libgpg-error0 liblz4-1 liblzma5 libzstd1 libstdc++6 libgcc-s1
)
ETCD_DEBS=(etcd-server etcd-client)
PROMETHEUS_DEBS=(prometheus)
NODE_EXPORTER_DEBS=(prometheus-node-exporter)
MARIADB_DEBS=(
  mariadb-server-core mariadb-client-core libaio1 libbsd0 libcap2 libcrypt1 libedit2 libgcc-s1 libgcrypt20
  libgpg-error0 liblz4-1 liblzma5 libmd0 libncurses6 libnuma1 libpcre2-8-0 libssl3 libstdc++6 libsystemd0
  libtinfo6 liburing2 libzstd1 zlib1g
)

# What registries offer in life, whatever a table claims; all else is amd64 and arm64.
AMD64_ONLY='^docker\.io/(lab/debian:|library/mysql:5\.7|wurstmeister/zookeeper|openim/)'
ARM32_TOO='^docker\.io/(grafana/|lab/layered:)'

# Docker's schema 2, as builders wrote it until a few years ago; all else is OCI with attestations.
SCHEMA_2='^docker\.io/(library/(mysql|mongo|zookeeper)|wurstmeister/|grafana/|openim/)'

# fetch_all_debs: everything that the lab unpacks; the only part of it that needs a network.
fetch_all_debs() {
  local architecture
  apt_world trixie trixie amd64
  fetch_debs trixie docker.io docker-cli docker-buildx docker-compose containerd
  for architecture in amd64 arm64 armhf; do
    apt_world "$architecture" bookworm "$architecture"
  done
  fetch_debs armhf "${BASE_DEBS[@]}" "${REDIS_DEBS[@]}"
  for architecture in amd64 arm64; do
    fetch_debs "$architecture" "${BASE_DEBS[@]}" "${REDIS_DEBS[@]}" "${ETCD_DEBS[@]}" \
      "${PROMETHEUS_DEBS[@]}" "${NODE_EXPORTER_DEBS[@]}" "${MARIADB_DEBS[@]}"
  done
  fetch_debs amd64 docker.io containerd runc tini docker-registry qemu-user-static
}

# make_rootfs: $LAB/rootfs/PART/ARCHITECTURE, with the architecture as Dockerfiles spell it.
make_rootfs() {
  local rootfs=$LAB/rootfs architecture
  mkdir -p "$rootfs"
  base_rootfs armhf "$rootfs/base/arm" "${BASE_DEBS[@]}"
  unpack_debs armhf "$rootfs/redis/arm" "${REDIS_DEBS[@]}"
  for architecture in amd64 arm64; do
    base_rootfs "$architecture" "$rootfs/base/$architecture" "${BASE_DEBS[@]}"
    unpack_debs "$architecture" "$rootfs/redis/$architecture" "${REDIS_DEBS[@]}"
    unpack_debs "$architecture" "$rootfs/etcd/$architecture" "${ETCD_DEBS[@]}"
    unpack_debs "$architecture" "$rootfs/prometheus/$architecture" "${PROMETHEUS_DEBS[@]}"
    unpack_debs "$architecture" "$rootfs/node-exporter/$architecture" "${NODE_EXPORTER_DEBS[@]}"
  done
  # Programs and their libraries; the rest of a package is of no use in an image.
  local part
  for part in "$rootfs"/*/*; do
    rm -rf "$part/usr/share" "$part/var" "$part/etc/init.d" "$part/etc/default" \
      "$part/usr/bin/promtool" "$part"/usr/lib/*/gconv "$part/lib/systemd"
  done
  for architecture in amd64 arm64; do
    mariadb_rootfs "$architecture" "$rootfs/mariadb/$architecture"
  done
  cp -r "$lab_source/images/layers" "$rootfs/"
  mkdir -p "$rootfs/redis-broken"
  printf '#!/bin/sh\nexec sleep 1000000\n' >"$rootfs/redis-broken/redis-server"
}

# base_rootfs WORLD FOLDER PACKAGE…: busybox under all its names, and two files that programs look for.
base_rootfs() {
  local world=$1 folder=$2 applet
  shift 2
  unpack_debs "$world" "$folder" "$@"
  mkdir -p "$folder/etc" "$folder/root" "$folder/tmp"
  chmod 1777 "$folder/tmp"
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$folder/etc/passwd"
  printf 'root:x:0:\n' >"$folder/etc/group"
  local busybox=$LAB/tools/busybox
  [ -e "$busybox/bin/busybox" ] || unpack_debs amd64 "$busybox" busybox-static
  for applet in $("$busybox/bin/busybox" --list); do
    [ -e "$folder/bin/$applet" ] || ln -s busybox "$folder/bin/$applet"
  done
}

# mariadb_rootfs ARCHITECTURE FOLDER: the server, its client and what makes a data folder, as that is less
# than half of what the packages have; and the program that starts it.
mariadb_rootfs() {
  local architecture=$1 root=$2
  unpack_debs "$architecture" "$root" "${MARIADB_DEBS[@]}"
  find "$root/usr/bin" ! -type d ! -name mariadb -delete
  find "$root/usr/share" -mindepth 1 -maxdepth 1 ! -name mysql -exec rm -rf {} +
  find "$root/usr/share/mysql" -mindepth 1 -maxdepth 1 ! -name charsets ! -name english \
    ! -name 'mysql_system_tables*.sql' -exec rm -rf {} +
  mkdir -p "$root/var/lib/mysql"
  cp "$lab_source/images/start-mariadb" "$root/usr/bin/"
}

# table_images FOLDER: "component<TAB>reference" for every image and alternative of a component table,
# fully qualified.
table_images() {
  node --input-type=module -e '
    import { readFileSync } from "node:fs";
    import { parse } from "yaml";
    const table = parse(readFileSync(process.argv[1], "utf8"));
    for (const [name, entry] of Object.entries(table.components)) {
      for (const { image } of [entry, ...(entry.alternatives ?? [])]) {
        const host = image.includes("/") ? image.slice(0, image.indexOf("/")) : "";
        const qualified = /[.:]|^localhost$/.test(host) ? image
          : `docker.io/${host ? image : `library/${image}`}`;
        console.log(`${name}\t${qualified}`);
      }
    }' "$1/components.yaml"
}

# table_hosts FOLDER…: the registries that the tables name.
table_hosts() {
  local folder
  for folder in "$@"; do
    table_images "$folder"
  done | cut -f 2 | cut -d / -f 1 | sort -u
}

# real_platforms REFERENCE
real_platforms() {
  if [[ $1 =~ $AMD64_ONLY ]]; then
    printf 'linux/amd64\n'
  elif [[ $1 =~ $ARM32_TOO ]]; then
    printf 'linux/amd64,linux/arm64,linux/arm/v7\n'
  else
    printf 'linux/amd64,linux/arm64\n'
  fi
}

# build_image COMPONENT PLATFORMS BUILDX-ARG…
build_image() {
  local component=$1 platforms=$2 target=stand-in
  shift 2
  case $component in
  redis | redis-broken | etcd | prometheus | node-exporter | mariadb | shell | golang | jre | buildkit | debian | layered)
    target=$component
    ;;
  esac
  mkdir -p "$LAB/rootfs/stand-in/$component"
  printf '%s\n' "$component" >"$LAB/rootfs/stand-in/$component/index.html"
  # The registry's credentials and buildx have to be in one configuration.
  mkdir -p "$LAB/registry/docker/cli-plugins"
  ln -sf "$LAB/docker/cli-plugins/docker-buildx" "$LAB/registry/docker/cli-plugins/docker-buildx"
  local attempt
  # The builder pushes an image twice at a time, and the registry answers 500 when it meets itself.
  for attempt in 1 2 3; do
    if env PATH="$(engine_path builder)" DOCKER_CONFIG="$LAB/registry/docker" \
      DOCKER_HOST="unix://$LAB/builder/sock" \
      docker buildx build --progress plain -f "$lab_source/images/Dockerfile" --target "$target" \
      --build-arg "COMPONENT=$component" --platform "$platforms" "$@" "$LAB/rootfs" \
      >"$LAB/build-$component.log" 2>&1 </dev/null; then
      return 0
    fi
    printf 'attempt %d to build %s failed\n' "$attempt" "$component"
  done
  tail -n 20 "$LAB/build-$component.log"
  return 1
}

# push_table FOLDER: builds and pushes every image of a component table.
push_table() {
  local component reference
  while IFS=$'\t' read -r component reference; do
    push_image "$component" "$reference"
  done < <(table_images "$1")
}

# push_image COMPONENT REFERENCE
push_image() {
  local component=$1 reference=$2 platforms form=OCI provenance=mode=min
  local output="type=image,name=$REGISTRY/${reference#*/},push=true"
  platforms=$(real_platforms "$reference")
  if [[ $reference =~ $SCHEMA_2 ]]; then
    form="schema 2"
    output+=,oci-mediatypes=false
    provenance=false
  fi
  build_image "$component" "$platforms" --provenance="$provenance" -o "$output"
  printf '%s  %s  %s\n' "$reference" "$platforms" "$form"
}

# provide_archives: the components that no registry has for arm64, or only in another's place; sets
# PROVIDED to the flags that hand them over.
provide_archives() {
  local way name file reference
  PROVIDED=()
  mkdir -p "$LAB/provided"
  while read -r way name; do
    file=$LAB/provided/$name.tar
    reference=$(table_images "$project/bundles/openim-2.3.9" | awk -v name="$name" '$1 == name && !seen++ { print $2 }')
    provide_archive "$way" "$name" "$reference" "$file"
    PROVIDED+=(--archive "$name=$file")
  done <<END
saved zookeeper
skopeo open_im_server
buildx open_im_enterprise
END
}

# provide_archive WAY COMPONENT REFERENCE FILE: an arm64 image as someone would hand it over:
# `saved` by Docker 20.10, copied by `skopeo`, or built by `buildx`.
provide_archive() {
  local component=$2 reference=$3 file=$4
  build_image "$component" linux/arm64 --provenance=false -o "type=docker,name=$reference,dest=$file.tmp"
  case $1 in
  buildx) mv "$file.tmp" "$file" ;;
  skopeo)
    skopeo copy -q "docker-archive:$file.tmp" "docker-archive:$file:$reference"
    rm "$file.tmp"
    ;;
  saved)
    docker_on docker-20.10 load -q -i "$file.tmp"
    docker_on docker-20.10 save -o "$file" "$reference"
    docker_on docker-20.10 image rm -f "$reference" >/dev/null
    rm "$file.tmp"
    ;;
  esac
}
