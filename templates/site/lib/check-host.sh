# shellcheck shell=sh
# Rules about the host as it is: architecture, system, user, clock, guards, folders.

check_architecture() { # BUNDLE-PLATFORM EMULATION
    here=$(host_platform)
    machine=$(uname -m)
    level=fail
    [ "$2" = no ] || level=warn
    if real=$(emulated_on); then
        finding "$level" architecture - 4 architecture_emulated "$1" "$machine" "$real"
    elif runs "$here" "$1"; then
        finding pass architecture - 0 architecture_fits "$here" "$machine"
    elif kernel_is_64_bit && [ "$here" != linux/amd64 ] && [ "$here" != linux/arm64 ]; then
        finding "$level" architecture - 4 architecture_32_bit "$1" "$here" "$machine"
    else
        finding "$level" architecture - 4 architecture_wrong "$1" "$here" "$machine"
    fi
}

check_system() {
    kernel=$(first_line "$HOST_ROOT/proc/sys/kernel/osrelease") || kernel=$(uname -r)
    finding pass system - 0 system "$(system_name)" "$kernel"
}

# The engine and the home of the installation are root's in all but rare cases.
check_user() {
    if [ "$(id -u)" = 0 ]; then
        finding pass user - 0 user_root
    elif [ -w "$(existing_folder "$HOME_DIR")" ]; then
        finding warn user - 0 user_other "$(id -un)"
    else
        finding fail user - 10 user_powerless "$(id -un)" "$HOME_DIR"
    fi
}

# A clock that stands before the bundle was made is wrong: tokens and certificates would be, too.
check_clock() {
    made=$(bundle_value date)
    made=${made%%T*}
    today=$(date -u +%Y-%m-%d)
    case $(awk -v made="$made" -v today="$today" 'BEGIN {
        if (split(made, m, "-") != 3 || split(today, t, "-") != 3) { print "unknown"; exit }
        days = (m[1] - t[1]) * 365.25 + (m[2] - t[2]) * 30.5 + m[3] - t[3]
        # A day of leave for time zones.
        print (days >= 365 ? "wrong" : days >= 2 ? "behind" : "right")
    }') in
        wrong) finding fail clock - 11 clock_wrong "$today" "$made" ;;
        behind) finding warn clock - 0 clock_wrong "$today" "$made" ;;
        *) finding pass clock - 0 clock_right "$today" ;;
    esac
}

# Where the engine labels its containers, they reach only those folders that are labelled for them.
check_selinux() {
    enforcing=$(first_line "$HOST_ROOT/sys/fs/selinux/enforce") || enforcing=
    case $enforcing:$ENGINE:$(engine_fact security 2>/dev/null) in
        1:podman:* | 1:docker:*selinux*)
            finding warn selinux - 0 selinux_enforcing "$(setting_value DATA_DIR)" ;;
        1:*) finding pass selinux - 0 selinux_aside ;;
        *) finding pass selinux - 0 selinux_off ;;
    esac
}

# firewalld throws away the rules of others when it starts or reloads.
check_firewalld() {
    if [ -n "$(processes_named firewalld)" ]; then
        case $ENGINE in
            podman) finding warn firewalld - 0 firewalld_podman ;;
            *) finding warn firewalld - 0 firewalld_docker ;;
        esac
    else
        finding pass firewalld - 0 firewalld_off
    fi
}

check_installation() {
    release=$(state_value release)
    operation=$(state_value operation)
    if [ -n "$operation" ]; then
        finding warn unfinished - 0 unfinished "$operation" "$(state_value target)"
    fi
    if [ -n "$release" ]; then
        finding pass installation - 0 installation_here "$release" "$HOME_DIR"
    else
        finding pass installation - 0 installation_none "$HOME_DIR"
    fi
}

installed_here() {
    [ -n "$(state_value release)" ]
}

# Whether databases can live where the data is to be.
check_data_folder() {
    data=$(setting_value DATA_DIR)
    [ -n "$data" ] || return 0
    parent=$(existing_folder "$data")
    kind=$(filesystem_of "$parent") || kind='? -'
    options=${kind#* }
    kind=${kind%% *}
    case ,$options, in
        *,ro,*)
            finding fail data-folder - 10 folder_read_only "$data" "$kind"
            return 0 ;;
    esac
    if [ ! -w "$parent" ]; then
        finding fail data-folder - 10 folder_not_writable "$data" "$parent"
        return 0
    fi
    case $kind in
        vfat | msdos | exfat | ntfs* | fuse* | nfs* | cifs | smb* | 9p | ceph | glusterfs)
            finding warn data-folder - 0 folder_unfit "$data" "$kind" ;;
        overlay | aufs | tmpfs | ramfs)
            finding warn data-folder - 0 folder_fleeting "$data" "$kind" ;;
        *) finding pass data-folder - 0 folder_fits "$data" "$kind" ;;
    esac
}
