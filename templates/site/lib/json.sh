# shellcheck shell=sh
# JSON without a program for it.

# For awk: a string in quotes, with what RFC 8259, section 7, wants escaped.
JSON_AWK='
    BEGIN {
        for (code = 1; code < 32; code++) escaped[sprintf("%c", code)] = sprintf("\\u%04x", code)
        escaped["\t"] = "\\t"
        escaped["\n"] = "\\n"
        escaped["\""] = "\\\""
        escaped["\\"] = "\\\\"
    }
    function json(text,   out, at, letter) {
        if (text !~ /[\001-\037"\\]/) return "\"" text "\""
        for (at = 1; at <= length(text); at++) {
            letter = substr(text, at, 1)
            out = out ((letter in escaped) ? escaped[letter] : letter)
        }
        return "\"" out "\""
    }
'

json_string() { # TEXT
    # Most have nothing of the kind, and starting a program takes a while on a small machine.
    case $1 in
        *[!A-Za-z0-9\ ._:/@+,-]*) ;;
        *)
            printf '"%s"\n' "$1"
            return 0
            ;;
    esac
    printf '%s' "$1" | awk "$JSON_AWK"'
        { text = text (NR > 1 ? "\n" : "") $0 }
        END { print json(text) }'
}
