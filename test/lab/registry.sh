# shellcheck shell=bash
# A real registry (Distribution) on loopback: TLS by a private CA, and a password. Needs debian.sh.

REGISTRY_USER=lab

# This machine's loopback, as the build host (build-host.sh) sees it.
GATEWAY=10.0.2.2

# start_registry: sets REGISTRY (host:port) and REGISTRY_PASSWORD, and writes ca.crt and the Docker
# configuration that holds the credentials under $LAB/registry.
start_registry() {
  local dir=$LAB/registry port
  unpack_debs amd64 "$LAB/tools/bookworm" docker-registry
  mkdir -p "$dir/data" "$dir/docker" "$dir/wrong" "$dir/anonymous"
  port=$(free_port)
  REGISTRY=127.0.0.1:$port
  REGISTRY_PASSWORD=$(openssl rand -hex 12)
  make_certificates "$dir"
  htpasswd -Bbn "$REGISTRY_USER" "$REGISTRY_PASSWORD" >"$dir/htpasswd"
  write_credentials "$dir/docker" "$REGISTRY_PASSWORD"
  write_credentials "$dir/wrong" not-the-password
  printf '{}\n' >"$dir/anonymous/config.json"
  cat >"$dir/config.yml" <<END
version: 0.1
log: { level: info, accesslog: { disabled: false } }
storage: { filesystem: { rootdirectory: "$dir/data" } }
http:
  addr: "$REGISTRY"
  tls: { certificate: "$dir/server.crt", key: "$dir/server.key" }
auth: { htpasswd: { realm: lab, path: "$dir/htpasswd" } }
END
  "$LAB/tools/bookworm/usr/bin/docker-registry" serve "$dir/config.yml" >"$dir/log" 2>&1 </dev/null &
  registry_pid=$!
  local attempt
  for attempt in $(seq 50); do
    ! ask_registry /v2/ >/dev/null 2>&1 || return 0
    kill -0 "$registry_pid" 2>/dev/null || break
    sleep 0.1
  done
  printf 'the registry did not answer (attempt %s)\n' "$attempt"
  tail -n 20 "$dir/log"
  return 1
}

stop_registry() {
  [ -n "${registry_pid:-}" ] || return 0
  kill "$registry_pid" 2>/dev/null || true
  wait "$registry_pid" 2>/dev/null || true
  registry_pid=
}

# ask_registry PATH [CURL-ARG…]
ask_registry() {
  local path=$1
  shift
  curl -fsS --cacert "$LAB/registry/ca.crt" -u "$REGISTRY_USER:$REGISTRY_PASSWORD" "$@" \
    "https://$REGISTRY$path"
}

# write_credentials FOLDER PASSWORD: a Docker configuration for the registry, as it is called here and
# on the build host.
write_credentials() {
  jq -n --arg host "$REGISTRY" --arg there "$GATEWAY:${REGISTRY#*:}" \
    --arg auth "$(printf '%s:%s' "$REGISTRY_USER" "$2" | base64 -w 0)" \
    '{auths: {($host): {auth: $auth}, ($there): {auth: $auth}}}' >"$1/config.json"
}

# make_certificates FOLDER: a CA, a server certificate signed by it for loopback, which the build host
# knows under an address of its own, and a CA that signed nothing.
make_certificates() {
  local dir=$1 key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes) name
  for name in ca stranger; do
    openssl req -x509 "${key[@]}" -keyout "$dir/$name.key" -out "$dir/$name.crt" -days 2 \
      -subj "/CN=openim-bundler lab $name" -addext basicConstraints=critical,CA:TRUE \
      -addext keyUsage=critical,keyCertSign 2>/dev/null
  done
  openssl req "${key[@]}" -keyout "$dir/server.key" -out "$dir/server.csr" -subj /CN=localhost 2>/dev/null
  openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial \
    -days 2 -out "$dir/server.crt" 2>/dev/null \
    -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:%s\nextendedKeyUsage=serverAuth\n' "$GATEWAY")
}

# free_port: a loopback port on which nothing answers.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  printf '%d\n' "$port"
}
