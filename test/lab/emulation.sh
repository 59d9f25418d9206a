# shellcheck shell=bash
# QEMU user emulation for arm64 and arm, registered for the length of the run and taken back after.
# Needs debian.sh.

# ELF headers as the kernel compares them: class, byte order, type (2 or 3) and machine.
ELF_ARM64='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
ELF_ARM='\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00'
ELF_MASK='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'

BINFMT=/proc/sys/fs/binfmt_misc
BINFMT_ENTRIES=()

# start_emulation: makes this kernel run arm64 and arm programs, in containers too.
start_emulation() {
  unpack_debs amd64 "$LAB/tools/bookworm" qemu-user-static
  if [ ! -e "$BINFMT/register" ]; then
    mount -t binfmt_misc none "$BINFMT"
    binfmt_mounted=yes
  fi
  emulate aarch64 "$ELF_ARM64" "$LAB/rootfs/base/arm64/bin/busybox"
  emulate arm "$ELF_ARM" "$LAB/rootfs/base/arm/bin/busybox"
}

# emulate QEMU-NAME MAGIC BUSYBOX: leaves alone a machine that can run BUSYBOX already, unless by what
# another run of the lab will take back. Flag F makes the kernel hold the emulator open, so that it works
# in containers that do not contain it.
emulate() {
  if "$3" true 2>/dev/null && ! compgen -G "$BINFMT/openim-lab-$1-*" >/dev/null; then return 0; fi
  local entry=openim-lab-$1-$$
  printf ':%s:M::%s:%s:%s:PF' "$entry" "$2" "$ELF_MASK" \
    "$LAB/tools/bookworm/usr/libexec/qemu-binfmt/$1-binfmt-P" >"$BINFMT/register"
  BINFMT_ENTRIES+=("$entry")
  "$3" true
}

stop_emulation() {
  local entry
  for entry in "${BINFMT_ENTRIES[@]}"; do
    [ ! -e "$BINFMT/$entry" ] || printf -- '-1' >"$BINFMT/$entry"
  done
  BINFMT_ENTRIES=()
  [ "${binfmt_mounted:-}" != yes ] || umount "$BINFMT" || true
  binfmt_mounted=
}
