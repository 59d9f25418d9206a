# shellcheck shell=sh
# What this machine is: architecture, memory, programs that run, address.

# Before every path that tells of the host.
HOST_ROOT=${HOST_ROOT:-}

# A file's first line; fails where there is none. The shell's own `read` takes a byte at a time, and
# a number under /proc/sys ends after the first read.
first_line() { # FILE
    head -n 1 "$1" 2>/dev/null | grep .
}

# Of an ELF program: how many bits, and the number of its machine (elf(5)).
elf_machine() { # FILE
    head -c 20 "$1" 2>/dev/null | od -An -v -tu1 | awk '
        { for (i = 1; i <= NF; i++) byte[count++] = $i }
        END {
            if (count < 20 || byte[0] != 127 || byte[1] != 69) exit 1
            big = byte[5] == 2
            print (byte[4] == 1 ? 32 : 64), byte[big ? 19 : 18] + 256 * byte[big ? 18 : 19]
        }'
}

# The platform that programs of this system are made for. A 64-bit kernel may carry a 32-bit
# system, whose engine is a 32-bit one as well; and a 64-bit system may be told that it is on a
# 32-bit kernel (setarch(8)).
host_platform() {
    bits=$(elf_machine "$HOST_ROOT/bin/sh") || bits='?'
    case $(uname -m)/${bits% *} in
        x86_64/32) echo linux/386 ;;
        x86_64/* | amd64/* | i?86/64) echo linux/amd64 ;;
        i?86/*) echo linux/386 ;;
        aarch64/32) echo linux/arm/v7 ;;
        aarch64/* | arm64/* | armv8*/64) echo linux/arm64 ;;
        armv8*/* | armv7*/*) echo linux/arm/v7 ;;
        armv6*/*) echo linux/arm/v6 ;;
        loongarch64/*) echo linux/loong64 ;;
        *) printf 'linux/%s\n' "$(uname -m)" ;;
    esac
}

# Which processors run each other's programs by themselves.
processor_family() { # MACHINE (of uname -m, or a number of elf(5))
    case $1 in
        x86_64 | amd64 | i?86 | 62 | 3) echo x86 ;;
        aarch64 | arm* | 183 | 40) echo arm ;;
        ppc64* | 21) echo ppc64 ;;
        s390x | 22) echo s390x ;;
        riscv64 | 243) echo riscv64 ;;
        loongarch64 | 258) echo loongarch64 ;;
        mips* | 8) echo mips ;;
    esac
}

# The family of the processor where an emulator runs the programs of this system; fails where none
# does. An emulator lies to its program about uname and about the program's own /proc files, but
# not about the kernel's settings, and the file of this shell's process as another process sees it
# is the emulator.
emulated_on() {
    told=$(processor_family "$(uname -m)")
    kernel=$(first_line "$HOST_ROOT/proc/sys/kernel/arch") || kernel=
    running=$(elf_machine "$HOST_ROOT/proc/$$/exe") || running=
    shown=
    if [ "$told" != x86 ] && grep -q '^vendor_id.*\(Intel\|AMD\|Hygon\|Zhaoxin\)' \
        "$HOST_ROOT/proc/cpuinfo" 2>/dev/null; then shown=x86_64; fi
    for sign in "$kernel" "${running#* }" "$shown"; do
        real=$(processor_family "$sign")
        if [ -n "$real" ] && [ "$real" != "$told" ]; then
            printf '%s\n' "$real"
            return 0
        fi
    done
    return 1
}

# Whether the kernel could carry a 64-bit system. An arm kernel calls itself armv8l to a 32-bit one.
kernel_is_64_bit() {
    kernel=$(first_line "$HOST_ROOT/proc/sys/kernel/arch") || kernel=$(uname -m)
    case $kernel in
        x86_64 | aarch64 | armv8*) return 0 ;;
        *) return 1 ;;
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

# The system's name for itself (os-release(5)).
system_name() {
    os_release PRETTY_NAME | grep . || os_release NAME | grep . || uname -s
}

os_release() { # KEY
    for file in "$HOST_ROOT/etc/os-release" "$HOST_ROOT/usr/lib/os-release"; do
        [ -r "$file" ] || continue
        sed -n "s/^$1=//p" "$file" | sed "s/^[\"']\(.*\)[\"']\$/\1/" | tail -n 1
        return 0
    done
}

# A line of /proc/meminfo, in bytes; nothing where it is not there.
memory_bytes() { # NAME
    awk -v name="$1:" '$1 == name { printf "%.0f\n", $2 * 1024 }' "$HOST_ROOT/proc/meminfo" 2>/dev/null || :
}

page_bytes() {
    getconf PAGESIZE 2>/dev/null | grep '^[0-9][0-9]*$' ||
        awk '$1 == "KernelPageSize:" { print $2 * 1024; exit }' "$HOST_ROOT/proc/self/smaps" 2>/dev/null || :
}

# What the processor can do, in the kernel's words.
processor_features() {
    awk -F : 'tolower($1) ~ /^(flags|features)[ \t]*$/ { print $2; exit }' \
        "$HOST_ROOT/proc/cpuinfo" 2>/dev/null || :
}

# The processes of a program, by the name that the kernel keeps of it.
processes_named() { # NAME
    grep -lx -e "$1" "$HOST_ROOT"/proc/[0-9]*/comm 2>/dev/null | sed 's|.*/\([0-9]*\)/comm$|\1|'
}

# The nearest folder above a path, or at it, that is there.
existing_folder() { # PATH
    folder=$1
    while [ ! -d "$folder" ]; do
        case $folder in
            */*) folder=${folder%/*} ;;
            *) folder=. ;;
        esac
        [ -n "$folder" ] || folder=/
    done
    printf '%s\n' "$folder"
}

# The filesystem of a folder: type and options, separated by a space.
filesystem_of() { # FOLDER
    path=$(CDPATH='' cd -- "$1" 2>/dev/null && pwd -P) || return 1
    awk -v path="$path/" '
        {
            point = $2
            # The kernel writes a space in a name as \040.
            while (at = index(point, "\\040")) point = substr(point, 1, at - 1) " " substr(point, at + 4)
            if (point != "/") point = point "/"
            # Of several on one folder the last one is seen.
            if (index(path, point) == 1 && length(point) >= most) {
                most = length(point)
                found = $3 " " $4
            }
        }
        END { if (found == "") exit 1; print found }' "$HOST_ROOT/proc/mounts" 2>/dev/null
}

# Free bytes for a folder's files, and the place where its filesystem is mounted.
free_space() { # FOLDER
    df -Pk -- "$1" 2>/dev/null | awk '
        NR == 2 && $4 ~ /^[0-9]+$/ { free = sprintf("%.0f", $4 * 1024); sub(/^([^ ]+ +)([^ ]+ +)([^ ]+ +)([^ ]+ +)([^ ]+ +)/, ""); print free, $0; found = 1 }
        END { exit !found }'
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
