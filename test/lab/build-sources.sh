# shellcheck shell=bash
# What images are built from: archives with the layout of those that projects publish, made here, and a
# web server on loopback that has them. Needs debian.sh, registry.sh.

# ZooKeeper itself, of Debian's making; its libraries as far as a server alone needs them.
ZOOKEEPER_DEBS=(libzookeeper-java zookeeper libslf4j-java libdropwizard-metrics-java libsnappy-java)
ZOOKEEPER_JARS=(slf4j-api slf4j-simple metrics-core snappy-java)
ZOOKEEPER_VERSION=3.8.0

# make_zookeeper_source: $LAB/sources/zookeeper.tar.gz, as Apache lays it out.
make_zookeeper_source() {
  local unpacked=$LAB/tools/zookeeper top=apache-zookeeper-$ZOOKEEPER_VERSION-bin jar
  local tree=$LAB/sources/tree/$top
  unpack_debs amd64 "$unpacked" "${ZOOKEEPER_DEBS[@]}"
  mkdir -p "$tree"/{bin,conf,lib}
  find "$unpacked/usr/share/zookeeper/bin" -type f -name 'zk*.sh' -exec cp {} "$tree/bin/" \;
  cp "$unpacked/etc/zookeeper/conf_example/zoo.cfg" "$tree/conf/zoo_sample.cfg"
  cp "$unpacked/usr/share/doc/libzookeeper-java/copyright" "$tree/LICENSE.txt"
  printf 'Apache ZooKeeper, as Debian built it\n' >"$tree/NOTICE.txt"
  cp -L "$unpacked"/usr/share/java/zookeeper{,-jute}-"$ZOOKEEPER_VERSION".jar "$tree/lib/"
  for jar in "${ZOOKEEPER_JARS[@]}"; do
    cp -L "$unpacked/usr/share/java/$jar.jar" "$tree/lib/"
  done
  tar -C "$LAB/sources/tree" -czf "$LAB/sources/zookeeper.tar.gz" "$top"
  rm -rf "$unpacked" "$LAB/sources/tree"
}

# make_go_modules_source: $LAB/sources/go-modules.tar.gz, the folder vendor/ that the stand-in for the
# OpenIM server needs, out of Debian's package of its only module.
make_go_modules_source() {
  local unpacked=$LAB/tools/go-modules vendor=$LAB/sources/vendor module=gopkg.in/yaml.v3
  [ ! -e "$LAB/sources/go-modules.tar.gz" ] || return 0
  unpack_debs amd64 "$unpacked" golang-gopkg-yaml.v3-dev
  mkdir -p "$vendor/$module"
  cp "$unpacked/usr/share/gocode/src/$module"/*.go "$vendor/$module/"
  rm -f "$vendor/$module"/*_test.go
  printf '# %s v3.0.1\n## explicit\n%s\n' "$module" "$module" >"$vendor/modules.txt"
  tar -C "$LAB/sources" -czf "$LAB/sources/go-modules.tar.gz" vendor
  rm -rf "$vendor" "$unpacked"
}

# go_proxy_answers: whether the machine's Go can ask for a module.
go_proxy_answers() {
  command -v go >/dev/null && (cd "$LAB" && timeout 60 go list -m gopkg.in/yaml.v3@v3.0.1) >/dev/null 2>&1
}

# git_zip FOLDER NAME: $LAB/sources/NAME.zip of a commit of FOLDER's content; says the commit.
git_zip() {
  local folder=$1 name=$2 tree=$LAB/sources/tree commit
  mkdir -p "$LAB/sources"
  cp -r "$folder" "$tree"
  (
    cd "$tree"
    export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
    git init -q
    git add -A -f
    git -c user.name=lab -c user.email=lab@localhost commit -q -m "The tree of $name"
    commit=$(git rev-parse HEAD)
    git archive --format=zip --prefix="$name-$commit/" -o "$LAB/sources/$name.zip" HEAD
    printf '%s\n' "$commit"
  )
  rm -rf "$tree"
}

# start_web: serves $LAB/sources; sets WEB to its address.
start_web() {
  local port
  mkdir -p "$LAB/sources"
  port=$(free_port)
  WEB=http://127.0.0.1:$port
  "$LAB/tools/busybox/bin/busybox" httpd -f -p "127.0.0.1:$port" -h "$LAB/sources" \
    >"$LAB/web.log" 2>&1 </dev/null &
  web_pid=$!
  wait_for "the web server" "$LAB/web.log" curl -sS --noproxy '*' -o /dev/null "$WEB/"
}

stop_web() {
  [ -n "${web_pid:-}" ] || return 0
  kill "$web_pid" 2>/dev/null || true
  wait "$web_pid" 2>/dev/null || true
  web_pid=
}
