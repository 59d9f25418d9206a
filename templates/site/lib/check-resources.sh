# shellcheck shell=sh
# Rules about what the components need of the host, row by row of requires.tsv.

check_requirements() {
    [ -f "$TABLES/requires.tsv" ] || return 0
    while IFS=$TAB read -r component kind value level en zh; do
        reason=$(in_language "$en" "$zh")
        case $component:$kind in
            '#'*) ;;
            *:memory) require_memory "$component" "$value" "$level" "$reason" ;;
            *:page-size) require_page_size "$component" "$value" "$level" "$reason" ;;
            *:cpu) require_cpu "$component" "$value" "$level" "$reason" ;;
            *:nofile) require_descriptors "$component" "$value" "$level" "$reason" ;;
            *:sysctl) require_sysctl "$component" "${value%%=*}" "${value#*=}" "$level" "$reason" ;;
            *:engine) [ "$ENGINE_USABLE" = no ] || require_engine "$component" "$value" "$level" "$reason" ;;
            # Together with what the images need.
            *:disk) ;;
            *) finding warn requirement "$component" 0 requirement_unknown "$(needed_by "$component")" "$kind $value" "$reason" ;;
        esac
    done <"$TABLES/requires.tsv"
}

# Who needs something, in words.
needed_by() { # COMPONENT
    if [ "$1" = - ]; then message check.all_components; else printf '%s\n' "$1"; fi
}

require_memory() { # COMPONENT BYTES LEVEL REASON
    total=$(memory_bytes MemTotal)
    [ -n "$total" ] || {
        finding warn memory "$1" 0 memory_unknown "$(human_size "$2")" "$4"
        return 0
    }
    free=$(memory_bytes MemAvailable)
    # The firmware and the kernel keep up to an eighth of a machine's memory for themselves. What
    # runs already has its share of what is free; half of the need is not enough to begin with.
    case $(awk -v total="$total" -v free="${free:-$total}" -v need="$2" 'BEGIN {
        print (total < need * 7 / 8 ? "short" : free < need / 2 ? "taken" : "enough") }') in
        short) finding "$3" memory "$1" 11 memory_short "$(human_size "$total")" "$(human_size "$2")" "$(needed_by "$1")" "$4" ;;
        taken)
            if installed_here; then
                finding pass memory "$1" 0 memory_enough "$(human_size "$total")" "$(human_size "$2")"
            else
                finding warn memory "$1" 0 memory_taken "$(human_size "$free")" "$(human_size "$total")" "$(human_size "$2")"
            fi ;;
        enough) finding pass memory "$1" 0 memory_enough "$(human_size "$total")" "$(human_size "$2")" ;;
    esac
}

require_page_size() { # COMPONENT BYTES LEVEL REASON
    page=$(page_bytes)
    if [ -z "$page" ]; then
        finding warn page-size "$1" 0 page_size_unknown "$(needed_by "$1")" "$(human_size "$2")" "$4"
    elif [ "$page" -le "$2" ]; then
        finding pass page-size "$1" 0 page_size_fits "$(human_size "$page")" "$(needed_by "$1")"
    else
        finding "$3" page-size "$1" 11 page_size_large "$(human_size "$page")" "$(needed_by "$1")" "$(human_size "$2")" "$4"
    fi
}

require_cpu() { # COMPONENT FEATURE-SET LEVEL REASON
    features=$(processor_features)
    if [ -z "$features" ]; then
        finding warn cpu "$1" 0 cpu_unknown "$(needed_by "$1")" "$2" "$4"
    elif processor_has "$2" "$features"; then
        finding pass cpu "$1" 0 cpu_fits "$2" "$(needed_by "$1")"
    else
        finding "$3" cpu "$1" 11 cpu_short "$(needed_by "$1")" "$2" "$4"
    fi
}

# Whether a processor has a set of features, or a single one by the kernel's name for it. Of Armv8.2
# every part shows dcpop; kernels before 4.14 do not know that word, but some of the others.
processor_has() { # SET FEATURES
    case $1 in
        armv8.2-a)
            for word in dcpop asimddp fphp asimdhp sve asimdfhm uscat; do
                case " $2 " in *" $word "*) return 0 ;; esac
            done
            return 1 ;;
        x86-64-v2) set -- 'cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3' "$2" ;;
        x86-64-v3) set -- 'avx avx2 bmi1 bmi2 f16c fma abm movbe xsave' "$2" ;;
    esac
    for word in $1; do
        case " $2 " in *" $word "*) ;; *) return 1 ;; esac
    done
}

require_descriptors() { # COMPONENT COUNT LEVEL REASON
    limit=
    # Without an engine that works nobody knows who will start the containers.
    [ "$ENGINE_USABLE" = no ] || limit=$(descriptor_limit)
    if [ -z "$limit" ]; then
        finding warn nofile "$1" 0 nofile_unknown "$(needed_by "$1")" "$2" "$4"
    elif [ "$limit" -ge "$2" ]; then
        finding pass nofile "$1" 0 nofile_fits "$limit" "$(needed_by "$1")"
    else
        finding "$3" nofile "$1" 11 nofile_short "$limit" "$(needed_by "$1")" "$2" "$4"
    fi
}

# How many descriptors a container can have: what the compose file asks for, which root's engine
# grants up to the kernel's bound; else what it is given by default.
descriptor_limit() {
    process=self
    if [ "$ENGINE" = docker ]; then
        # Under Docker it is containerd that starts a container.
        process=$({ processes_named containerd; processes_named dockerd; } | head -n 1)
    fi
    bound=$(first_line "$HOST_ROOT/proc/sys/fs/nr_open") || bound=
    inherited=$(awk '/^Max open files/ { print $5 }' "$HOST_ROOT/proc/$process/limits" 2>/dev/null) || :
    configured=
    if [ "$ENGINE" = docker ]; then
        configured=$(tr -d '\n' 2>/dev/null <"$HOST_ROOT/etc/docker/daemon.json" |
            sed -n 's/.*"nofile"[^}]*"Hard"[^0-9]*\([0-9][0-9]*\).*/\1/p')
    fi
    limit=${configured:-$inherited}
    if raises_limits "$process"; then
        if grep -q '^ *nofile:' "$ROOT/compose.yaml" 2>/dev/null; then limit=$bound; fi
    else
        limit=$inherited
    fi
    case $limit in
        '' | unlimited) printf '%s\n' "$bound" ;;
        *) printf '%s\n' "$limit" ;;
    esac
}

# Whether a process may give more than it has itself: root in a container may not. CAP_SYS_RESOURCE
# is bit 24 (capabilities(7)), in the seventh hexadecimal digit from the right.
raises_limits() { # PROCESS
    digit=$(sed -n 's/^CapEff:.*\(.\)......$/\1/p' "$HOST_ROOT/proc/$1/status" 2>/dev/null) || :
    case $digit in
        [02468aceACE]) return 1 ;;
        *) return 0 ;;
    esac
}

require_sysctl() { # COMPONENT NAME LEAST LEVEL REASON
    file=$HOST_ROOT/proc/sys/$(printf '%s\n' "$2" | tr . /)
    found=$(first_line "$file" | awk '{ print $1 }')
    case $found in
        '' | *[!0-9]*) finding warn sysctl "$1" 0 sysctl_unknown "$2" "$3" "$(needed_by "$1")" "$5" ;;
        *)
            if [ "$found" -ge "$3" ]; then
                finding pass sysctl "$1" 0 sysctl_fits "$2" "$found"
            else
                finding "$4" sysctl "$1" 11 sysctl_short "$2" "$found" "$3" "$(needed_by "$1")" "$5"
            fi ;;
    esac
}
