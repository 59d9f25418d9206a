# shellcheck shell=sh
# What this machine is: architecture, address.

# The platform that programs of this system are made for. A 64-bit kernel may carry a 32-bit
# system, whose engine is a 32-bit one as well: the class byte of an ELF program tells (elf(5)).
host_platform() {
    bits=64
    if [ "$(head -c 5 /bin/sh | tail -c 1)" = "$(printf '\001')" ]; then bits=32; fi
    case $(uname -m)/$bits in
        x86_64/64 | amd64/64) echo linux/amd64 ;;
        x86_64/32 | i?86/*) echo linux/386 ;;
        aarch64/64 | arm64/64) echo linux/arm64 ;;
        aarch64/32 | armv8*/* | armv7*/*) echo linux/arm/v7 ;;
        armv6*/*) echo linux/arm/v6 ;;
        loongarch64/*) echo linux/loong64 ;;
        *) printf 'linux/%s\n' "$(uname -m)" ;;
    esac
}

# Whether a host runs what is made for a platform: a newer arm runs what an older one does.
runs() { # HOST-PLATFORM BUNDLE-PLATFORM
    [ "$1" != "$2" ] || return 0
    case $1:$2 in
        linux/arm/v7:linux/arm/v[56] | linux/arm/v6:linux/arm/v5) return 0 ;;
    esac
    return 1
}

check_host() { # BUNDLE-PLATFORM EMULATION
    here=$(host_platform)
    if runs "$here" "$1"; then
        say host_fits "$here"
    elif [ "$2" = yes ]; then
        say host_emulates "$1" "$here"
    else
        fail 4 wrong_architecture "$1" "$here" "$(uname -m)"
    fi
}

# The address by which other machines reach this one, found without asking anybody.
host_address() {
    if command -v ip >/dev/null; then
        # The route is only looked up; nothing is sent. Without a default route the lookup fails.
        address=$(ip -4 route get 192.0.2.1 2>/dev/null |
            sed -n 's/.* src \([0-9.]*\).*/\1/p' | head -n 1)
        [ -n "$address" ] || address=$(ip -4 -o addr show scope global 2>/dev/null |
            awk '$2 !~ /^(docker|br-|veth|virbr|cni|podman|flannel|cali|kube)/ {
                sub("/.*", "", $4); print $4; exit }')
    else
        address=$(ifconfig 2>/dev/null | awk '
            /^[^ \t]/ { name = $1 }
            $1 == "inet" && name !~ /^(lo|docker|br-|veth|virbr|cni|podman)/ {
                sub("addr:", "", $2); print $2; exit }')
    fi
    if [ -z "$address" ]; then
        # shown in no certain order, and with the engine's own bridges: the last resort
        address=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -v : | head -n 1) || :
    fi
    case $address in
        127.*) ;;
        *) printf '%s\n' "$address" ;;
    esac
}
