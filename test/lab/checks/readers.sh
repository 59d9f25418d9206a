# shellcheck shell=bash
# Readers of ours beside the programs that read the same formats in earnest, over many generated inputs.
# Needs Go.

reader_checks() {
  if ! command -v go >/dev/null; then
    printf 'left out: readers are compared where Go is\n'
    return 0
  fi
  local file
  for file in "$lab_source"/differential/*.test.ts; do
    # What it prints are the counts.
    check "$(basename "$file" .test.ts) is read as other programs read it" \
      differential "$(basename "$file")"
    grep -h "documents\|layers\|inputs" "$LAB/differential-$(basename "$file").log" || true
  done
}

# differential FILE
differential() {
  (cd "$project" && npx vitest run --config test/lab/vitest.config.ts "$1") | tee "$LAB/differential-$1.log"
}
