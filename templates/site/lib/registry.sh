# shellcheck shell=sh
# `load --registry`: the images go to a registry of the site, and the release takes them from there.

# docker.io/library/redis:7.0 as HOST/PREFIX/library/redis:7.0
name_in_registry() { # REGISTRY REFERENCE
    printf '%s/%s\n' "$1" "${2#*/}"
}

push_images() { # REGISTRY
    clash=$(records images | cut -f 3 | sed 's,^[^/]*/,,' | sort | uniq -d | head -n 1)
    [ -z "$clash" ] || fail 7 same_name_twice "$clash"
    total=$(records images | grep -c . || :)
    number=0
    while IFS=$TAB read -r component _ reference manifest config _; do
        case $component in '#'*) continue ;; esac
        number=$((number + 1))
        is_wanted "$component" || continue
        name=$(name_in_registry "$1" "$reference")
        say pushing_image "$number" "$total" "$component" "$name"
        image_is "$name" "$manifest" "$config" ||
            attend "$ENGINE" tag "$(site_name "$reference")" "$name" || fail 7 push_failed "$component" "$name" "$LOG"
        attend "$ENGINE" push "$name" || fail 7 push_failed "$component" "$name" "$LOG"
    done <"$TABLES/images.tsv"
    write_registry_compose "$1"
    printf '%s\n' "$1" >"$RELEASE_DIR/.registry.new"
    flush "$RELEASE_DIR/.registry.new"
    mv -f "$RELEASE_DIR/.registry.new" "$RELEASE_DIR/.registry"
    say registry_compose "$RELEASE_DIR/.registry.yaml"
}

# The sealed compose file has each image in a line of its own, and no service that may pull.
write_registry_compose() { # REGISTRY
    awk -v registry="$1" '
        /^ +image: / {
            at = index($0, "image: ") + 7
            name = substr($0, at)
            quote = ""
            if (name ~ /^["\047]/) { quote = substr(name, 1, 1); name = substr(name, 2, length(name) - 2) }
            sub(/^[^\/]*\//, "", name)
            print substr($0, 1, at - 1) quote registry "/" name quote
            next
        }
        /^ +pull_policy: never$/ { sub(/never$/, "missing") }
        { print }' "$RELEASE_DIR/compose.yaml" >"$RELEASE_DIR/.registry.yaml.new"
    flush "$RELEASE_DIR/.registry.yaml.new"
    mv -f "$RELEASE_DIR/.registry.yaml.new" "$RELEASE_DIR/.registry.yaml"
}

# The compose file that the release at hand is run with.
compose_file() {
    if in_registry; then echo .registry.yaml; else echo compose.yaml; fi
}
