# shellcheck shell=sh
# The bundle's images: which the engine lacks, whether there is room, loading, checking.

# The engine knows an image by the digest of its config or, with the containerd image store, of
# its manifest.
image_present() { # REFERENCE MANIFEST CONFIG
    id=$("$ENGINE" image inspect --format '{{.Id}}' "$1" 2>/dev/null) || return 1
    id=sha256:${id#sha256:}
    [ "$id" = "$2" ] || [ "$id" = "$3" ]
}

# The platform that the engine shows for an image. Old engines know no variant.
image_platform() { # REFERENCE
    platform=$("$ENGINE" image inspect --format '{{.Os}}/{{.Architecture}}' "$1" 2>/dev/null) || return 1
    variant=$("$ENGINE" image inspect --format '{{.Variant}}' "$1" 2>/dev/null) || variant=
    case $platform/$variant in
        linux/arm/v[0-9]*) printf '%s/%s\n' "$platform" "$variant" ;;
        *) printf '%s\n' "$platform" ;;
    esac
}

check_image_platform() { # COMPONENT REFERENCE PLATFORM
    shown=$(image_platform "$2") || shown='?'
    case $3:$shown in
        # Where the engine shows no variant, the digest alone speaks for it.
        "$shown:$shown" | "$shown"/*:linux/*) ;;
        *) fail 7 image_wrong_platform "$1" "$2" "$3" "$shown" ;;
    esac
}

missing_images() {
    records images | while IFS=$TAB read -r component tarball reference manifest config platform bytes; do
        image_present "$reference" "$manifest" "$config" ||
            printf '%s\t%s\n' "$component" "$bytes"
    done
}

# Layers unpack to between two and four times their compressed size.
check_space() {
    bytes=$(missing_images | awk -F '\t' '{ sum += $2 } END { printf "%.0f\n", sum }')
    [ "$bytes" != 0 ] || return 0
    folder=$(engine_fact folder 2>/dev/null) || folder=
    free=$(df -Pk -- "$folder" 2>/dev/null | awk 'NR == 2 { printf "%.0f\n", $4 * 1024 }') || free=
    if [ -z "$folder" ] || [ -z "$free" ]; then
        say space_unknown "$(human_size "$bytes")"
        return 0
    fi
    case $(awk -v need="$bytes" -v free="$free" \
        'BEGIN { print (free < 2 * need ? "none" : free < 4 * need ? "tight" : "enough") }') in
        none) fail 6 space_short "$folder" "$(human_size "$free")" "$(several "$bytes" 2)" "$(several "$bytes" 4)" ;;
        tight) say space_tight "$folder" "$(human_size "$free")" "$(several "$bytes" 4)" ;;
        enough) say space_enough "$folder" "$(human_size "$free")" ;;
    esac
}

several() { # BYTES FACTOR
    human_size "$(awk -v bytes="$1" -v factor="$2" 'BEGIN { printf "%.0f\n", bytes * factor }')"
}

load_images() {
    total=$(records images | grep -c . || :)
    number=0
    while IFS=$TAB read -r component tarball reference manifest config platform bytes; do
        case $component in '#'*) continue ;; esac
        number=$((number + 1))
        if image_present "$reference" "$manifest" "$config"; then
            say image_there "$number" "$total" "$component"
        else
            say loading_image "$number" "$total" "$component" "$(human_size "$bytes")"
            attend "$ENGINE" load -i "$tarball" || fail 7 load_failed "$component" "$tarball" "$LOG"
            image_present "$reference" "$manifest" "$config" ||
                fail 7 image_differs "$component" "$reference" "$config"
        fi
        check_image_platform "$component" "$reference" "$platform"
    done <site/images.tsv
}
