# shellcheck shell=bash
# What comes from Debian: tools installed on this machine, and programs of other releases and
# architectures that are only unpacked.

# Installed for good. The engines are not among them: installing one would start it.
HOST_PACKAGES=(
  aardvark-dns apache2-utils busybox ca-certificates curl debootstrap file git iproute2 iptables jq libdevmapper1.02.1
  netavark openssl podman podman-compose procps skopeo slirp4netns tar umoci util-linux xz-utils
)

# install_host_packages: adds what is missing, without letting any package start a service.
install_host_packages() {
  local package missing=()
  for package in "${HOST_PACKAGES[@]}"; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed$' ||
      missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  local guard=/usr/sbin/policy-rc.d status=0
  if [ -e "$guard" ]; then
    guard=
  else
    printf '#!/bin/sh\nexit 101\n' >"$guard"
    chmod 755 "$guard"
  fi
  {
    apt-get update -q &&
      DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
  } >"$LAB/apt.log" 2>&1 </dev/null || status=$?
  [ -z "$guard" ] || rm -f "$guard"
  if [ "$status" -ne 0 ]; then
    tail -n 20 "$LAB/apt.log"
    return "$status"
  fi
}

# debian_mirror: the address that this machine's own apt uses for Debian.
debian_mirror() {
  local mirror
  mirror=$(
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources \
      2>/dev/null | grep -v '^[[:space:]]*#' |
      grep -oE '(https?|file|copy)://[^[:space:]]*/debian/?([[:space:]]|$)' | head -n 1 | tr -d ' '
  ) || true
  printf '%s\n' "${mirror:-http://deb.debian.org/debian}"
}

# apt_world NAME SUITE ARCHITECTURE: an apt of its own, which knows nothing of this machine's packages.
apt_world() {
  local dir=$LAB_CACHE/apt/$1
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/debs"
  : >"$dir/status"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
    "$(debian_mirror)" "$2" >"$dir/sources.list"
  cat >"$dir/apt.conf" <<END
APT::Architecture "$3";
APT::Architectures { "$3"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State::status "$dir/status";
Dir::State::Lists "$dir/lists";
Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "-";
END
}

# fetch_debs WORLD PACKAGE…: downloads packages that are not yet in the cache. Dependencies are
# named by the caller, because only a few of a package's dependencies belong in a small image.
fetch_debs() {
  local dir=$LAB_CACHE/apt/$1
  shift
  (
    # Another run may share the cache, and one that was stopped may have left half a package.
    flock 9
    missing=()
    for package in "$@"; do
      compgen -G "$dir/debs/${package}_*.deb" >/dev/null || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || exit 0
    rm -rf "$dir/unfinished"
    mkdir "$dir/unfinished"
    cd "$dir/unfinished"
    export APT_CONFIG=$dir/apt.conf
    apt-get update -q && apt-get download -q "${missing[@]}" && mv -- *.deb "$dir/debs/"
  ) >"$LAB/apt.log" 2>&1 </dev/null 9>"$dir/lock" || {
    tail -n 20 "$LAB/apt.log"
    return 1
  }
}

# unpack_debs WORLD FOLDER PACKAGE…
unpack_debs() {
  local world=$1 folder=$2 package
  shift 2
  mkdir -p "$folder"
  for package in "$@"; do
    dpkg -x "$LAB_CACHE/apt/$world/debs/${package}"_*.deb "$folder"
  done
}

# make_debian: a Debian for amd64 as its installer would have it, in $LAB/rootfs/debian.
make_debian() {
  local root=$LAB/rootfs/debian/amd64 cached=$LAB_CACHE/debian-amd64.tar
  mkdir -p "$root"
  if [ ! -e "$cached" ]; then
    debootstrap --variant=minbase bookworm "$root" "$(debian_mirror)" >"$LAB/debootstrap.log" 2>&1 </dev/null || {
      tail -n 20 "$LAB/debootstrap.log"
      return 1
    }
    rm -rf "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
    tar -C "$root" -cf "$cached.$$" . && mv "$cached.$$" "$cached"
  else
    tar -C "$root" -xf "$cached"
  fi
}
