# shellcheck shell=bash
# What is wrong before anything is installed stops install.sh before anything on the host has changed.
# Needs checks/site.sh.

site_refusal_checks() {
  check "$SITE_NAME: check refuses a host of another architecture" refuses_architecture
  check "$SITE_NAME: check refuses a bundle with one byte changed" refuses_flipped_byte
  check "$SITE_NAME: check refuses what a truncated archive unpacks to" refuses_truncated
  check "$SITE_NAME: check refuses a port that is taken, and says by whom" refuses_taken_port
  check "$SITE_NAME: check refuses an engine without room for the images" refuses_full_disk
}

# refuses EXIT-CODE COMMAND…: it ends with that code, and nothing has changed.
refuses() {
  local expected=$1 before
  shift
  before=$(host_listing)
  exit_code "$expected" "$@"
  expect "the host after the refusal" "$before" "$(host_listing)"
}

refuses_architecture() {
  local SITE_FLAGS=(--lang en --yes)
  refuses 4 installer 1.0.0 check
  said linux/arm64 x86_64
  refuses 4 installer 1.0.0 install
}

refuses_flipped_byte() {
  local folder=$SITE_DIR/damaged offset byte tarball file
  cp -a "$(release "$SITE_SET" 1.0.0)" "$folder"
  tarball=$(image_tarball "$folder" redis)
  file=$folder/$tarball
  offset=$(($(stat -c %s "$file") / 2))
  byte=$(od -An -tu1 -j "$offset" -N 1 "$file" | tr -d ' ')
  # The format is the byte itself, as an octal escape.
  # shellcheck disable=SC2059
  printf "\\$(printf %o "$((byte ^ 1))")" | dd of="$file" bs=1 seek="$offset" conv=notrunc status=none
  refuses 3 run_installer "$folder" check
  said "$tarball"
  refuses 3 run_installer "$folder" install
  rm -r "$folder"
}

# Cut off in its last image: tar complains, but what it has unpacked by then can be called.
refuses_truncated() {
  local folder=$SITE_DIR/truncated archive last
  archive=$(release "$SITE_SET" 1.0.0).tar
  last=$(tar -tf "$archive" | grep '/images/.*\.tar$' | tail -n 1)
  mkdir "$folder"
  exit_code 2 tar -xf <(head -c "$(($(stat -c %s "$archive") * 9 / 10))" "$archive") -C "$folder"
  refuses 3 run_installer "$folder/$(basename "$archive" .tar)" check
  said "${last#*/}"
  rm -r "$folder"
}

refuses_taken_port() {
  local holder
  nsenter --net="/run/netns/$(air_gap "$SITE_ENGINE")" \
    "$LAB/tools/busybox/bin/busybox" httpd -f -p 127.0.0.1:16379 -h "$SITE_DIR" &
  holder=$!
  wait_for "the one who holds the port" "$SITE_SAID" in_air_gap "$SITE_ENGINE" bash -c ': </dev/tcp/127.0.0.1/16379'
  refuses 11 installer 1.0.0 check
  kill "$holder"
  said 16379 busybox "$holder"
}

# An engine of its own, which keeps its images on a file system as small as this.
refuses_full_disk() {
  local SITE_ENGINE=$SITE_ENGINE-full
  local dir=$LAB/$SITE_ENGINE
  local SITE_ENVIRONMENT=("${SITE_ENVIRONMENT[@]}" DOCKER_HOST="unix://$dir/sock")
  mkdir -p "$dir/data"
  mount -t tmpfs -o size=32m openim-lab "$dir/data"
  open_air_gap "$SITE_ENGINE"
  refuses 6 installer 1.0.0 check
  said "$dir/data"
  close_air_gap "$SITE_ENGINE"
  umount "$dir/data"
}
