# shellcheck shell=bash
# The archive is made from a registry with TLS and a password, holds together, and is made the same
# way twice.

create_checks() {
  mkdir -p "$LAB/out"
  check "create makes openim-2.3.9 for linux/arm64 from the registry" create_from_registry
  check "create fetched each blob once" each_blob_fetched_once
  check "no output, log or archive holds the password" password_stays_secret
  check "verify accepts the archive" bundler verify "$ARCHIVE"
  check "verify refuses the archive with one byte changed" tampered_archive_refused
  check "inspect lists every component of the archive" inspect_lists_components
  check "report writes a page about the archive" report_on_archive
  check "the same lock makes the same bytes" same_lock_same_bytes
  check "create for linux/arm/v7 takes what the registry has for it" arm32_bundle
}

create_from_registry() {
  wc -l <"$LAB/registry/log" >"$LAB/log-lines-before"
  DEBUG='*' bundler create openim-2.3.9 --platform linux/arm64 -o "$ARCHIVE" "${SOURCE[@]}" \
    "${PROVIDED[@]}" >"$LAB/out/create.stdout" 2>"$LAB/out/create.stderr" || {
    tail -n 30 "$LAB/out/create.stderr"
    return 1
  }
  [ -s "$ARCHIVE" ]
}

each_blob_fetched_once() {
  [ -s "$ARCHIVE" ]
  local fetched
  fetched=$(tail -n "+$(($(cat "$LAB/log-lines-before") + 1))" "$LAB/registry/log" |
    grep -oE '"GET /v2/[^ ]+/blobs/sha256:[0-9a-f]{64} [^"]*" 200' | grep -oE 'sha256:[0-9a-f]{64}')
  [ -n "$fetched" ]
  expect "blobs fetched more than once" "" "$(sort <<<"$fetched" | uniq -d)"
}

password_stays_secret() {
  [ -s "$ARCHIVE" ]
  local encoded
  encoded=$(jq -r '.auths[].auth' "$LAB/registry/docker/config.json")
  local secret
  for secret in "$REGISTRY_PASSWORD" "$encoded"; do
    expect "files with the secret" "" \
      "$(grep -rlaF -e "$secret" "$LAB/out" "$LAB/store" "$LAB/home" 2>/dev/null || true)"
  done
  grep -q . "$LAB/out/create.stderr"
}

# A byte in the middle of the archive, which lies in some layer.
tampered_archive_refused() {
  local copy=$LAB/tampered.tar offset byte
  cp "$ARCHIVE" "$copy"
  offset=$(($(stat -c %s "$copy") / 2))
  byte=$(od -An -tu1 -j "$offset" -N 1 "$copy" | tr -d ' ')
  # The format is the byte itself, as an octal escape.
  # shellcheck disable=SC2059
  printf "\\$(printf %o "$((byte ^ 1))")" | dd of="$copy" bs=1 seek="$offset" conv=notrunc status=none
  exit_code 10 bundler verify "$copy"
  rm "$copy"
}

inspect_lists_components() {
  local component
  bundler inspect "$ARCHIVE" >"$LAB/out/inspect"
  while read -r component; do
    grep -F "$component" "$LAB/out/inspect"
    bundler inspect "$ARCHIVE" "$component" | grep -F "$component"
  done <<<"$(tar -xOf "$ARCHIVE" "$TOP/bundle.json" | jq -er '.components[].name')"
}

same_lock_same_bytes() {
  local lock=$LAB/out/openim.lock.json
  bundler plan openim-2.3.9 --platform linux/arm64 --lock "$lock" "${SOURCE[@]}" "${PROVIDED[@]}"
  local attempt
  for attempt in 1 2; do
    bundler create openim-2.3.9 --platform linux/arm64 \
      --locked "$lock" -o "$LAB/out/again-$attempt.tar" --store "$LAB/store-$attempt" \
      "${SOURCE[@]}" "${PROVIDED[@]}"
    rm -rf "$LAB/store-$attempt"
    cmp "$ARCHIVE" "$LAB/out/again-$attempt.tar"
    rm "$LAB/out/again-$attempt.tar"
  done
}

arm32_bundle() {
  local archive=$LAB/out/arm32.tar
  bundler create openim-2.3.9 --platform linux/arm/v7 --only grafana -o "$archive" "${SOURCE[@]}"
  bundler verify "$archive"
  expect platform linux/arm/v7 \
    "$(tar -xOf "$archive" openim-2.3.9-linux-arm-v7/bundle.json | jq -r .platform)"
}
