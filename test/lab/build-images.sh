# shellcheck shell=bash
# The base images of Dockerfiles, under the names that these use, made from Debian's packages: a Go
# toolchain, a Java runtime and a small shell. Needs debian.sh, registry.sh, images.sh.

GO_DEBS=(golang-1.24-go golang-1.24-src)
JRE_DEBS=(openjdk-17-jre-headless zlib1g libstdc++6 libgcc-s1 bash libtinfo6 util-linux libcap-ng0)

# fetch_build_debs: what fetch_all_debs is for the other images.
fetch_build_debs() {
  local architecture
  fetch_debs trixie "${GO_DEBS[@]}"
  for architecture in amd64 arm64; do
    fetch_debs "$architecture" "${JRE_DEBS[@]}"
  done
  fetch_debs amd64 ca-certificates libseccomp2 golang-gopkg-yaml.v3-dev "${ZOOKEEPER_DEBS[@]}"
}

# make_build_rootfs: $LAB/rootfs/golang and $LAB/rootfs/jre, beside what make_rootfs makes.
make_build_rootfs() {
  golang_rootfs "$LAB/rootfs/golang/amd64"
  jre_rootfs amd64 "$LAB/rootfs/jre/amd64"
  jre_rootfs arm64 "$LAB/rootfs/jre/arm64"
}

# golang_rootfs FOLDER: the compiler and the library where the official image has them, less what only
# Go's own development needs.
golang_rootfs() {
  local root=$1 unpacked=$LAB/tools/golang go=$1/usr/local/go tool
  unpack_debs trixie "$unpacked" "${GO_DEBS[@]}"
  mkdir -p "$go/pkg/tool/linux_amd64" "$root/etc/ssl/certs" "$root/go"
  cp -r "$unpacked"/usr/lib/go-*/{bin,VERSION,go.env} "$unpacked"/usr/share/go-*/{src,lib} "$go/"
  cp -r "$unpacked"/usr/share/go-*/pkg/include "$go/pkg/"
  for tool in asm buildid cgo compile link pack; do
    cp "$unpacked"/usr/lib/go-*/pkg/tool/linux_amd64/"$tool" "$go/pkg/tool/linux_amd64/"
  done
  rm -rf "$go/src/cmd" "$unpacked"
  find "$go/src" \( -type d -name testdata -prune -o -name '*_test.go' \) -exec rm -rf {} +
  unpack_debs amd64 "$unpacked" ca-certificates
  cat "$unpacked"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  rm -rf "$unpacked"
}

# jre_rootfs ARCHITECTURE FOLDER: a JVM that runs on this machine's architecture. For another one,
# where nothing may run it, the program and its library without the classes. With it bash and setpriv,
# which the images of JREs have and busybox lacks.
jre_rootfs() {
  local architecture=$1 root=$2 jvm
  unpack_debs "$architecture" "$root" "${JRE_DEBS[@]}"
  jvm=$(find "$root/usr/lib/jvm" -mindepth 1 -maxdepth 1 -type d -name "java-*-openjdk-$architecture")
  rm -rf "$root"/usr/{share,sbin} "$root/sbin" "$jvm/lib/ct.sym" "$jvm/lib/server/classes_nocoops.jsa"
  find "$root/bin" "$root/usr/bin" ! -type d ! -name bash ! -name setpriv -delete
  [ "$architecture" = amd64 ] || rm -f "$jvm/lib/modules" "$jvm/lib/server/classes.jsa"
  mkdir -p "$root/opt/java"
  ln -s "${jvm#"$root"}" "$root/opt/java/openjdk"
}

# dockerfile_bases DOCKERFILE…: the images that the stages are made from, with the arguments' defaults.
dockerfile_bases() {
  local dockerfile
  for dockerfile in "$@"; do
    awk '
      toupper($1) == "ARG" { at = index($2, "="); if (at) value[substr($2, 1, at - 1)] = substr($2, at + 1) }
      toupper($1) == "FROM" {
        image = $2 ~ /^--/ ? $3 : $2
        for (name in value) {
          gsub("[$][{]" name "[}]", value[name], image)
          gsub("[$]" name "$", value[name], image)
        }
        if (image != "scratch" && !(image in stage)) print image
        if (toupper($(NF - 1)) == "AS") stage[$NF]
      }' "$dockerfile"
  done | sort -u
}

# push_bases: every base image of the recipes and of the lab's own definitions, by what its name says
# that it is.
push_bases() {
  local dockerfiles=() image
  mapfile -t dockerfiles < <(find "$project/templates/build" "$lab_source"/bundle-*/ -name 'Dockerfile*')
  while read -r image; do
    case ${image%%:*} in
    *golang) push_base golang linux/amd64 "$image" ;;
    *temurin | *jre | *jdk) push_base jre linux/amd64,linux/arm64 "$image" ;;
    *-amd64) push_base shell linux/amd64 "$image" ;;
    *) push_base shell linux/amd64,linux/arm64,linux/arm/v7 "$image" ;;
    esac
  done < <(dockerfile_bases "${dockerfiles[@]}")
}

# push_base KIND PLATFORMS IMAGE: hardly compressed, as it never leaves this machine.
push_base() {
  local kind=$1 platforms=$2 reference
  reference=$(qualified "$3")
  build_image "$kind" "$platforms" --provenance=false \
    -o "type=image,name=$REGISTRY/${reference#*/},push=true,compression=gzip,compression-level=1"
  printf '%s  %s\n' "$reference" "$platforms"
}

# qualified IMAGE: with its registry, as a builder asks for it.
qualified() {
  case ${1%%/*} in
  "$1") printf 'docker.io/library/%s\n' "$1" ;;
  *.* | *:* | localhost) printf '%s\n' "$1" ;;
  *) printf 'docker.io/%s\n' "$1" ;;
  esac
}
