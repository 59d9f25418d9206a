# shellcheck shell=sh
# What people read, in English and Chinese. The texts of a topic stand in words-TOPIC.sh: one key, one
# text in each language.

SPOKEN=en

language() {
    printf '%s\n' "$SPOKEN"
}

use_language() { # en|zh
    case $1 in
        en | zh) SPOKEN=$1 ;;
        *) fail 2 unknown_language "$1" ;;
    esac
}

# The first of these variables that is set decides (POSIX, 8.2). Our Chinese is UTF-8: a terminal that is
# set to another encoding would show rubbish.
language_of_locale() {
    case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in
        *.[Gg][Bb]* | *.[Ee][Uu][Cc]* | *.[Bb][Ii][Gg]5*) ;;
        zh*) SPOKEN=zh ;;
    esac
}

in_language() { # ENGLISH CHINESE
    if [ "$SPOKEN" = zh ]; then printf '%s\n' "$2"; else printf '%s\n' "$1"; fi
}

# A key of another topic than `main` has the topic before it: check.port_taken.
message() { # KEY ARG...
    case $1 in
        *.*) topic=${1%%.*} ;;
        *) topic=main ;;
    esac
    key=${1#*.}
    shift
    "words_${topic}_$SPOKEN" "$key" "$@"
}
