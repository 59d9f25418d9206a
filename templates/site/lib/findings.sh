# shellcheck shell=sh
# What the checks found, kept in a variable: while a host is checked nothing on it may change.

FINDINGS=
# Between the fields of a finding and between findings: ASCII's unit and record separators.
FIELD=$(printf '\037')
RECORD=$(printf '\036')

no_findings() {
    FINDINGS=
}

# Keeps what a rule found: the text of check.KEY and, unless all is well, of check.KEY_mend.
finding() { # pass|warn|fail ID COMPONENT EXIT-CODE KEY ARG...
    finding_head=$1$FIELD$2$FIELD$3$FIELD$4$FIELD
    finding_level=$1
    finding_key=check.$5
    shift 5
    finding_words=$(message "$finding_key" "$@")
    finding_mend=
    [ "$finding_level" = pass ] || finding_mend=$(message "${finding_key}_mend" "$@")
    case $finding_words$finding_mend in
        *["$FIELD$RECORD"]*)
            finding_words=$(printf '%s\n' "$finding_words" | tr -d "$FIELD$RECORD")
            finding_mend=$(printf '%s\n' "$finding_mend" | tr -d "$FIELD$RECORD") ;;
    esac
    FINDINGS=$FINDINGS$finding_head$finding_words$FIELD$finding_mend$RECORD
}

# How many findings are of a level.
findings_of() { # LEVEL
    printf '%s' "$FINDINGS" | awk -v RS="$RECORD" -F "$FIELD" -v level="$1" '
        $1 == level { count++ }
        END { print count + 0 }'
}

# The exit code of the first failure; 0 where there is none.
findings_code() {
    printf '%s' "$FINDINGS" | awk -v RS="$RECORD" -F "$FIELD" '
        $1 == "fail" && !code { code = $4 }
        END { print code + 0 }'
}

# For people: a line or more each, failures last, so that they are still on the screen.
findings_text() { # LEVEL...
    for level in "$@"; do
        label=$(message "check.level_$level")
        # Chinese characters take two columns each.
        printf '%s' "$FINDINGS" | awk -v RS="$RECORD" -F "$FIELD" -v level="$level" \
            -v label="$label" '
            function indented(text) { gsub(/\n/, "\n      ", text); return text }
            $1 == level {
                print label "  " indented($5)
                if ($6 != "") print "      -> " indented($6)
            }'
    done
}

report_findings() { # LEVEL...
    report=$(findings_text "$@")
    [ -n "$report" ] || return 0
    printf '%s\n' "$report"
    log_text "$report"
}

# For programs: one JSON document (RFC 8259) in UTF-8; a byte that is no UTF-8 becomes U+FFFD.
findings_json() {
    {
        printf '%s%s%s%s' "$(bundle_value name) $(bundle_value version)" \
            "$FIELD" "$(bundle_value platform)" "$RECORD"
        printf '%s' "$FINDINGS"
    } | LC_ALL=C awk -v RS="$RECORD" -F "$FIELD" '
        BEGIN {
            for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i
            rank["pass"] = 0; rank["warn"] = 1; rank["fail"] = 2
            result = "pass"
        }
        # How many bytes the UTF-8 character at a place has; 0 where there is none (RFC 3629).
        function width(text, at,   first, second, bytes, i) {
            first = code[substr(text, at, 1)]
            if (first < 128) return 1
            if (first < 194 || first > 244) return 0
            bytes = first < 224 ? 2 : first < 240 ? 3 : 4
            for (i = 1; i < bytes; i++) {
                second = code[substr(text, at + i, 1)] + 0
                if (second < 128 || second > 191) return 0
            }
            second = code[substr(text, at + 1, 1)]
            if (first == 224 && second < 160 || first == 237 && second > 159) return 0
            if (first == 240 && second < 144 || first == 244 && second > 143) return 0
            return bytes
        }
        function string(text,   out, at, bytes, one) {
            for (at = 1; at <= length(text); at += bytes ? bytes : 1) {
                bytes = width(text, at)
                one = substr(text, at, bytes)
                if (bytes == 0) out = out "\\ufffd"
                else if (one == "\"" || one == "\\") out = out "\\" one
                else if (one == "\n") out = out "\\n"
                else if (one == "\t") out = out "\\t"
                else if (bytes == 1 && code[one] < 32) out = out sprintf("\\u%04x", code[one])
                else out = out one
            }
            return "\"" out "\""
        }
        NR == 1 { bundle = string($1); platform = string($2); next }
        {
            if (rank[$1] > rank[result]) result = $1
            list = list (list == "" ? "" : ",") "\n    {\"id\": " string($2) \
                ", \"level\": " string($1) ", \"component\": " ($3 == "-" ? "null" : string($3)) \
                ",\n     \"message\": " string($5) \
                ",\n     \"mend\": " ($6 == "" ? "null" : string($6)) "}"
        }
        END {
            printf "{\n  \"bundle\": %s,\n  \"platform\": %s,\n  \"result\": \"%s\",\n", \
                bundle, platform, result
            printf "  \"findings\": [%s%s]\n}\n", list, (list == "" ? "" : "\n  ")
        }'
}
