# shellcheck shell=sh
# The bundle's images in the engine: which are there, loading what is missing, and the receipt.

# The name under which this site's engine knows an image: as in the bundle, or in the site's registry.
site_name() { # REFERENCE
    if in_registry; then
        name_in_registry "$(cat "$RELEASE_DIR/.registry")" "$1"
    else
        printf '%s\n' "$1"
    fi
}

# Whether the release at hand takes its images from a registry of the site.
in_registry() {
    [ -n "$RELEASE_DIR" ] && [ -f "$RELEASE_DIR/.registry" ]
}

# The engine knows an image by the digest of its config or, with the containerd image store, of
# its manifest.
image_is() { # NAME MANIFEST CONFIG
    id=$("$ENGINE" image inspect --format '{{.Id}}' "$1" 2>/dev/null </dev/null) || return 1
    id_is "$id" "$2" "$3"
}

id_is() { # ID MANIFEST CONFIG
    [ "sha256:${1#sha256:}" = "$2" ] || [ "sha256:${1#sha256:}" = "$3" ]
}

image_present() { # REFERENCE MANIFEST CONFIG
    image_is "$(site_name "$1")" "$2" "$3"
}

image_fact() { # FORMAT NAME
    "$ENGINE" image inspect --format "$1" "$2" 2>/dev/null </dev/null || :
}

# The platform that the engine shows for an image.
image_platform() { # NAME
    with_variant "$(image_fact '{{.Os}}/{{.Architecture}}' "$1")" "$1"
}

# Old engines know no variant, and it tells the machines of 32-bit ARM apart alone.
with_variant() { # PLATFORM NAME
    variant=
    [ "$1" != linux/arm ] || variant=$(image_fact '{{.Variant}}' "$2")
    case $variant in
        v[0-9]*) printf '%s/%s\n' "$1" "$variant" ;;
        *) printf '%s\n' "${1:-?}" ;;
    esac
}

platform_fits() { # EXPECTED SHOWN
    case $1:$2 in
        # Where the engine shows no variant, the digest alone speaks for it.
        "$2:$2" | "$2"/*:linux/*) return 0 ;;
        *) return 1 ;;
    esac
}

# Whether --only leaves a component out.
is_wanted() { # COMPONENT
    [ -n "$ONLY" ] || return 0
    case ,$ONLY, in
        *",$1,"*) return 0 ;;
        *) return 1 ;;
    esac
}

check_only_names() {
    [ -n "$ONLY" ] || return 0
    known=$(records images | cut -f 1)
    printf '%s\n' "$ONLY" | tr ',' '\n' | while IFS= read -r name; do
        printf '%s\n' "$known" | grep -qxF -e "$name" ||
            fail 2 unknown_component "$name" "$(printf '%s\n' "$known" | tr '\n' ' ')"
    done || exit $?
}

# Whether every image of the release at hand is in the engine, or where the engine gets it by itself.
all_images_present() {
    if in_registry; then return 0; fi
    records images | while IFS=$TAB read -r component _ reference manifest config _; do
        image_present "$reference" "$manifest" "$config" || exit 1
    done
}

# Loads what the engine lacks. An image that is there under another name of the same tag is replaced. A tarball
# that several images share is loaded once, and brings all of them.
load_images() {
    total=$(records images | grep -c . || :)
    number=0
    loaded=
    while IFS=$TAB read -r component tarball reference manifest config platform bytes _; do
        case $component in '#'*) continue ;; esac
        number=$((number + 1))
        is_wanted "$component" || continue
        case " $loaded " in
            *" $tarball "*)
                say image_came_along "$number" "$total" "$component" ;;
            *)
                if image_present "$reference" "$manifest" "$config"; then
                    say image_there "$number" "$total" "$component"
                    continue
                fi
                others=$(others_in "$tarball" "$component")
                if [ -z "$others" ]; then
                    say loading_image "$number" "$total" "$component" "$(human_size "$bytes")"
                else
                    say loading_images "$number" "$total" "$component" "$(human_size "$bytes")" "$others"
                fi
                [ -f "$ROOT/$tarball" ] || fail 7 no_tarball "$component" "$ROOT/$tarball"
                attend "$ENGINE" load -i "$ROOT/$tarball" || fail 7 load_failed "$component" "$tarball" "$LOG"
                loaded="$loaded $tarball" ;;
        esac
        image_is "$reference" "$manifest" "$config" ||
            fail 7 image_differs "$component" "$reference" "$config"
        shown=$(image_platform "$reference")
        platform_fits "$platform" "$shown" ||
            fail 7 image_wrong_platform "$component" "$reference" "$platform" "$shown"
        # The release knows it by its name in the registry.
        if in_registry; then
            attend "$ENGINE" tag "$reference" "$(site_name "$reference")" || fail 7 load_failed "$component" "$tarball" "$LOG"
        fi
    done <"$TABLES/images.tsv"
}

# Whose images a tarball brings beside one's: `etcd, mongo`.
others_in() { # TARBALL COMPONENT
    records images | awk -F "$TAB" -v tarball="$1" -v component="$2" '
        $2 == tarball && $1 != component { printf "%s%s", comma, $1; comma = ", " }'
}

# --- receipt -----------------------------------------------------------------------------------------

# Asks the engine once more for every image of the release at hand, says and writes down what it answers.
# Fails where one of them is not there or not what it should be.
take_receipt() {
    receipt=$(receipt_lines)
    bad=$(printf '%s\n' "$receipt" | awk -F "$TAB" '$1 == "no" { count++ } END { print count + 0 }')
    if [ "$bad" -eq 0 ]; then verdict=ok; else verdict=failed; fi
    if [ "$JSON" = no ]; then
        say receipt_head
        printf '%s\n' "$receipt" | while IFS=$TAB read -r good component reference _ id shown size; do
            if [ "$good" = yes ]; then mark=ok; else mark=$(message receipt_bad); fi
            say receipt_line "$mark" "$component" "$reference" "$shown" "$(human_size "$size")" "$id"
        done
    fi
    receipt_json "$verdict" "$receipt" >"$HOME_DIR/receipt.json.new"
    mv -f "$HOME_DIR/receipt.json.new" "$HOME_DIR/receipt.json"
    if [ "$JSON" = yes ]; then
        JSON_SAID=yes
        cat "$HOME_DIR/receipt.json"
    fi
    [ "$bad" -eq 0 ]
}

# One line an image: yes or no; component; name; what it should be; then the engine's id, platform, size.
receipt_lines() {
    records images | while IFS=$TAB read -r component _ reference manifest config platform _; do
        is_wanted "$component" || continue
        name=$(site_name "$reference")
        facts=$(image_fact '{{.Id}} {{.Os}}/{{.Architecture}} {{.Size}}' "$name")
        id=${facts%% *}
        size=${facts##* }
        shown=${facts#* }
        shown=$(with_variant "${shown%% *}" "$name")
        good=no
        if id_is "$id" "$manifest" "$config" && platform_fits "$platform" "$shown"; then good=yes; fi
        printf '%s\t%s\t%s\t%s %s %s\t%s\t%s\t%s\n' \
            "$good" "$component" "$name" "$manifest" "$config" "$platform" "${id:--}" "$shown" "${size:-0}"
    done
}

receipt_json() { # VERDICT LINES
    printf '{\n  "bundle": %s,\n  "release": %s,\n  "platform": %s,\n  "time": %s,\n  "engine": %s,\n  "result": %s,\n  "images": [' \
        "$(json_string "$(bundle_value name) $(bundle_value version)")" "$(json_string "$RELEASE")" \
        "$(json_string "$(bundle_value platform)")" "$(json_string "$(date -u '+%Y-%m-%dT%H:%M:%SZ')")" \
        "$(json_string "$ENGINE $(engine_fact version)")" "$(json_string "$1")"
    printf '%s\n' "$2" | awk -F "$TAB" "$JSON_AWK"'
        $1 == "" { next }
        {
            split($4, expected, " ")
            printf "%s\n    { \"component\": %s, \"reference\": %s, \"ok\": %s,\n", comma, json($2), json($3), \
                $1 == "yes" ? "true" : "false"
            printf "      \"expected\": { \"manifest\": %s, \"config\": %s, \"platform\": %s },\n", \
                json(expected[1]), json(expected[2]), json(expected[3])
            comma = ","
            if ($6 == "?") { printf "      \"found\": null }"; next }
            slash = index($6, "/")
            printf "      \"found\": { \"id\": %s, \"os\": %s, \"architecture\": %s, \"size\": %s } }", \
                json($5), json(substr($6, 1, slash - 1)), json(substr($6, slash + 1)), $7
        }
        END { printf "\n  ]\n}\n" }'
}

# --- names that keep images --------------------------------------------------------------------------

# A second name for each image of a release. A newer bundle may load another image under the same name,
# and an image without any name is the next one that somebody cleans away.
kept_name() { # RELEASE COMPONENT
    printf 'openim-bundler.local/%s/%s:%s\n' "$PROJECT" "$2" "$(printf '%s' "$1" | tr -c 'A-Za-z0-9_.-' '-')"
}

keep_images() { # RELEASE
    (
        use_release "$1"
        records images | while IFS=$TAB read -r component _ reference manifest config _; do
            name=$(site_name "$reference")
            # Where an earlier run kept it already, the name may belong to the newer image by now.
            image_is "$(kept_name "$1" "$component")" "$manifest" "$config" && continue
            if image_present "$reference" "$manifest" "$config"; then
                "$ENGINE" tag "$name" "$(kept_name "$1" "$component")" >>"$LOG" 2>&1 </dev/null || exit 7
            fi
        done
    ) || fail 7 image_not_kept "$1" "$LOG"
}

# Gives the images of a release their own names back. Fails where one is gone.
give_back_images() { # of the release at hand
    records images | while IFS=$TAB read -r component _ reference manifest config _; do
        image_present "$reference" "$manifest" "$config" && continue
        kept=$(kept_name "$RELEASE" "$component")
        if "$ENGINE" image inspect "$kept" >/dev/null 2>&1 </dev/null &&
            "$ENGINE" tag "$kept" "$(site_name "$reference")" >>"$LOG" 2>&1 </dev/null; then
            continue
        fi
        say image_gone "$component" "$reference" >&2
        exit 1
    done
}
