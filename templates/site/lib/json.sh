# shellcheck shell=sh
# JSON without a program for it.

# A string in quotes, with what RFC 8259, section 7, wants escaped.
json_string() { # TEXT
    # Most have nothing of the kind, and starting a program takes a while on a small machine.
    case $1 in
        *[!A-Za-z0-9\ ._:/@+,-]*) ;;
        *)
            printf '"%s"\n' "$1"
            return 0
            ;;
    esac
    printf '%s' "$1" | awk '
        BEGIN {
            for (code = 1; code < 32; code++) escaped[sprintf("%c", code)] = sprintf("\\u%04x", code)
            escaped["\t"] = "\\t"
            escaped["\""] = "\\\""
            escaped["\\"] = "\\\\"
            printf "\""
        }
        {
            if (NR > 1) printf "\\n"
            for (at = 1; at <= length($0); at++) {
                letter = substr($0, at, 1)
                printf "%s", (letter in escaped) ? escaped[letter] : letter
            }
        }
        END { print "\"" }'
}
