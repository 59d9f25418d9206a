#!/usr/bin/env bash
# Succeeds when the broker at 127.0.0.1:PORT answers a request of Kafka's protocol. An open port alone
# proves little, and asking with Kafka's own tools would start a JVM for every probe.
set -eu

exec 3<>"/dev/tcp/127.0.0.1/${1:-9092}"

# ApiVersions, version 0: 10 bytes follow; key 18, version 0, correlation id 7, no client id.
printf '\000\000\000\012\000\022\000\000\000\000\000\007\377\377' >&3

# The answer begins with its size in 4 bytes and our correlation id in 4 more. Read as delimiter, a
# NUL byte comes back as nothing, which is how bash can tell it at all.
correlation=
for position in 1 2 3 4 5 6 7 8; do
  IFS= LC_ALL=C read -r -d '' -n 1 -t 5 -u 3 byte
  if [ "$position" -gt 4 ]; then
    code=0
    if [ -n "$byte" ]; then
      # A quote before a character makes printf give its number.
      code=$(LC_ALL=C printf '%d' "'$byte")
    fi
    correlation="$correlation $code"
  fi
done
[ "$correlation" = " 0 0 0 7" ]
