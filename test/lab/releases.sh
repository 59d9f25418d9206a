# shellcheck shell=bash
# The bundles that are installed one over the other, from bundle-site:
#   1.0.0  what is installed first
#   1.1.0  redis under a new tag, etcd under the same tag with other content, a page and two settings
#          more, node-exporter no more
#   1.2.0  as 1.1.0, but the new redis starts and never serves
#   2.0.0  redis of another major version, which the definition forbids to upgrade to
# in three sets: `full` with all services and `small` for arm64, `native` for this machine's own
# architecture with health checks at short intervals. Needs images.sh, cli.sh.

RELEASES=(
  "full arm64 1.0.0 mysql,redis,etcd,prometheus,node-exporter"
  "small arm64 1.0.0 redis,etcd"
  "native amd64 1.0.0 redis,node-exporter"
  "full arm64 1.1.0 mysql,redis,etcd,prometheus,web"
  "small arm64 1.1.0 redis,etcd,web"
  "native amd64 1.1.0 redis,web"
  "full arm64 1.2.0 mysql,redis,etcd,prometheus,web"
  "small arm64 1.2.0 redis,etcd,web"
  "small arm64 2.0.0 redis,etcd,web"
)

# release SET VERSION: the folder of an unpacked bundle.
release() {
  local architecture=arm64
  [ "$1" != native ] || architecture=amd64
  printf '%s\n' "$LAB/releases/$1/lab-$2-linux-$architecture"
}

make_releases() {
  local set architecture version components
  push_release_images
  for version in 1.0.0 1.1.0 1.2.0 2.0.0; do
    release_definition "$version"
  done
  for set in full small native; do
    mkdir -p "$LAB/releases/$set"
  done
  for line in "${RELEASES[@]}"; do
    read -r set architecture version components <<<"$line"
    # The registry keeps one image under a tag: the other one comes when the first is packed.
    if [ "$version" != 1.0.0 ] && [ -z "${etcd_replaced:-}" ]; then
      push_variant etcd quay.io/coreos/etcd:v3.4.23 --label revision=2
      etcd_replaced=yes
    fi
    make_release "$set" "$architecture" "$version" "$components"
  done
}

# make_release SET ARCHITECTURE VERSION COMPONENTS: the archive and, beside it, the folder that it unpacks
# to.
make_release() {
  local set=$1 architecture=$2 version=$3 components=$4 definition=$LAB/definitions/lab-$3
  if [ "$set" = native ]; then
    definition=$LAB/definitions/lab-native-$version
    cp -r "$LAB/definitions/lab-$version" "$definition"
    sed -i 's/interval: 2s/interval: 1s/' "$definition/compose.yaml"
  fi
  local archive
  archive=$(release "$set" "$version").tar
  bundler create "$definition" --platform "linux/$architecture" --only "$components" -o "$archive" \
    "${SOURCE[@]}" >"$LAB/create.log" 2>&1 || {
    tail -n 20 "$LAB/create.log"
    return 1
  }
  tar -xf "$archive" -C "$LAB/releases/$set"
  printf '%s %s %s: %s\n' "$set" "$version" "$components" "$(du -h "$archive" | cut -f 1)"
}

push_release_images() {
  push_image mariadb docker.io/library/mariadb:10.11.18
  push_image redis docker.io/library/redis:7.0.15
  push_variant redis docker.io/library/redis:7.2.0 --label revision=2
  push_image redis-broken docker.io/library/redis:7.3.0
  push_variant redis docker.io/library/redis:8.0.0 --label revision=8
  push_image etcd quay.io/coreos/etcd:v3.4.23
  push_image prometheus docker.io/prom/prometheus:v2.42.0
  push_image node-exporter quay.io/prometheus/node-exporter:v1.5.0
  push_image web docker.io/openim/lab-web:1.0.0
  push_image web docker.io/lab/web:1.0.0
}

# push_variant COMPONENT REFERENCE BUILDX-ARG…: an image that differs from the component's own in its
# configuration alone.
push_variant() {
  local component=$1 reference=$2
  shift 2
  build_image "$component" linux/amd64,linux/arm64 --provenance=false "$@" \
    -o "type=image,name=$REGISTRY/${reference#*/},push=true"
  printf '%s  again, with %s\n' "$reference" "$*"
}

# release_definition VERSION
release_definition() {
  local version=$1 folder=$LAB/definitions/lab-$1 redis
  mkdir -p "$LAB/definitions"
  cp -r "$lab_source/bundle-site" "$folder"
  case $version in
  1.0.0) return 0 ;;
  1.1.0) redis=7.2.0 ;;
  1.2.0) redis=7.3.0 ;;
  *) redis=8.0.0 ;;
  esac
  # shellcheck disable=SC2016 # settings, for compose and install.sh
  sed -i -e "s/^version: .*/version: $version/" -e "s/redis:7\.0\.15/redis:$redis/" \
    -e 's/127\.0\.0\.1:18080/127.0.0.1:${LAB_WEB_PORT}/' \
    -e '/GREETING: from the table/a\      PAGE_TOKEN: ${LAB_WEB_TOKEN}' \
    "$folder/components.yaml" "$folder/compose.yaml"
  cat >>"$folder/site.yaml" <<END
  LAB_WEB_PORT:
    type: port
    default: "18080"
    description:
      en: The port of this host under which the page is.
      zh: 网页在本机的端口。
  LAB_WEB_TOKEN:
    type: secret
    length: 24
    description:
      en: A secret that the page has and nobody needs.
      zh: 网页持有的密钥，仅供测试。
END
}
