#!/bin/sh
# Usage: healthy.sh PORT|PROGRAM...
# Succeeds when something listens on each TCP port and a process of each name runs. It reads /proc
# alone, so the image needs no more than a shell with grep.
set -eu

for wanted in "$@"; do
  case $wanted in
    *[!0-9]*)
      # The kernel keeps 15 characters of a program's name.
      if ! grep -qsx -- "$(printf '%.15s' "$wanted")" /proc/[0-9]*/comm; then
        echo "$wanted does not run"
        exit 1
      fi
      ;;
    *)
      # Addresses are in hexadecimal, and 0A is the state of a listening socket.
      port=$(printf '%04X' "$wanted")
      if ! grep -qs ": [0-9A-F]*:$port [0-9A-F]*:0000 0A " /proc/net/tcp /proc/net/tcp6; then
        echo "nothing listens on port $wanted"
        exit 1
      fi
      ;;
  esac
done
