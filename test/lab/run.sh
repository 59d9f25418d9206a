#!/usr/bin/env bash
# Tests against real engines, a real registry and real programs for other processors.
#
# Needs root on Debian 12 (amd64), and its package mirror. Everything is made in a work folder (LAB_DIR,
# else a temporary one) and taken away again: daemons, namespaces, mounts, emulation. LAB_CACHE keeps
# downloaded packages from run to run. LAB_ONLY=create,site,rehearse,deep,readers,engine,build,report runs only the phases that
# it lists, with no more preparation than they need; LAB_LINES is how much a failed check shows of what it
# said. A last line says "N passed, N failed".
set -euo pipefail

lab_source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(cd "$lab_source/../.." && pwd)

# shellcheck source=test/lab/report.sh
. "$lab_source/report.sh"
# shellcheck source=test/lab/debian.sh
. "$lab_source/debian.sh"
# shellcheck source=test/lab/emulation.sh
. "$lab_source/emulation.sh"
# shellcheck source=test/lab/engines.sh
. "$lab_source/engines.sh"
# shellcheck source=test/lab/registry.sh
. "$lab_source/registry.sh"
# shellcheck source=test/lab/images.sh
. "$lab_source/images.sh"
# shellcheck source=test/lab/build-images.sh
. "$lab_source/build-images.sh"
# shellcheck source=test/lab/build-host.sh
. "$lab_source/build-host.sh"
# shellcheck source=test/lab/build-sources.sh
. "$lab_source/build-sources.sh"
# shellcheck source=test/lab/buildkit.sh
. "$lab_source/buildkit.sh"
# shellcheck source=test/lab/releases.sh
. "$lab_source/releases.sh"
# shellcheck source=test/lab/cli.sh
. "$lab_source/cli.sh"
# shellcheck source=test/lab/checks/create.sh
. "$lab_source/checks/create.sh"
# shellcheck source=test/lab/checks/refusals.sh
. "$lab_source/checks/refusals.sh"
# shellcheck source=test/lab/checks/tools.sh
. "$lab_source/checks/tools.sh"
# shellcheck source=test/lab/checks/loading.sh
. "$lab_source/checks/loading.sh"
# shellcheck source=test/lab/checks/site.sh
. "$lab_source/checks/site.sh"
# shellcheck source=test/lab/checks/site-flow.sh
. "$lab_source/checks/site-flow.sh"
# shellcheck source=test/lab/checks/site-refusals.sh
. "$lab_source/checks/site-refusals.sh"
# shellcheck source=test/lab/checks/site-kills.sh
. "$lab_source/checks/site-kills.sh"
# shellcheck source=test/lab/checks/site-registry.sh
. "$lab_source/checks/site-registry.sh"
# shellcheck source=test/lab/checks/site-demo.sh
. "$lab_source/checks/site-demo.sh"
# shellcheck source=test/lab/checks/readers.sh
. "$lab_source/checks/readers.sh"
# shellcheck source=test/lab/checks/report.sh
. "$lab_source/checks/report.sh"
# shellcheck source=test/lab/checks/engine-install.sh
. "$lab_source/checks/engine-install.sh"
# shellcheck source=test/lab/checks/rehearse.sh
. "$lab_source/checks/rehearse.sh"
# shellcheck source=test/lab/checks/deep.sh
. "$lab_source/checks/deep.sh"
# shellcheck source=test/lab/checks/build.sh
. "$lab_source/checks/build.sh"
# shellcheck source=test/lab/checks/build-refusals.sh
. "$lab_source/checks/build-refusals.sh"
# shellcheck source=test/lab/checks/builders.sh
. "$lab_source/checks/builders.sh"

fit_for_lab() {
  if [ "$(id -u)" -ne 0 ] || [ ! -e /etc/debian_version ] || [ "$(dpkg --print-architecture)" != amd64 ]; then
    printf 'The lab needs root on Debian (amd64).\n' >&2
    return 1
  fi
}

make_work_folder() {
  if [ -n "${LAB_DIR:-}" ]; then
    mkdir -p "$LAB_DIR"
    LAB=$(cd "$LAB_DIR" && pwd)/$$
    mkdir "$LAB"
  else
    LAB=$(mktemp -d /tmp/openim-lab.XXXXXX)
  fi
  chmod 755 "$LAB"
  LAB_CACHE=${LAB_CACHE:-$LAB/cache}
  mkdir -p "$LAB_CACHE"
}

clean_up() {
  local status=$?
  trap '' INT TERM
  set +e
  close_engine_host
  stop_compiling_buildkit
  stop_buildkitds
  stop_web
  stop_mirror
  stop_registry
  close_build_host
  stop_engines
  stop_emulation
  rm -rf --one-file-system "$LAB"
  # Set when the run came to its own end; otherwise preparing the lab failed, or someone stopped it.
  if [ -z "${finished:-}" ]; then
    printf '%d passed, %d failed\n' "$passed" "$((failed + 1))"
  fi
  exit "$status"
}

# wanted PHASE…: whether one of them is to run.
wanted() {
  local phase
  [ -n "${LAB_ONLY:-}" ] || return 0
  for phase in "$@"; do
    case ",$LAB_ONLY," in *",$phase,"*) return 0 ;; esac
  done
  return 1
}

# Everything else is for builds alone, or fast.
prepare() {
  phase "packages"
  install_host_packages
  fetch_all_debs
  if wanted build; then
    fetch_build_debs
    start_compiling_buildkit
  fi

  phase "engines and registry"
  unpack_engines &
  local unpacking=$!
  make_rootfs
  ! wanted build || make_build_rootfs
  ! wanted deep || make_debian
  wait "$unpacking"
  start_emulation
  ! wanted create build || start_engines
  start_docker builder
  start_registry
  if wanted build; then
    start_mirror
    open_build_host
  fi
  ! wanted build engine || start_web

  phase "images"
  source_flags "$project/bundles/openim-2.3.9" "$lab_source/bundle" "$lab_source/bundle-deep" "$lab_source/bundle-site"
  mkdir -p "$LAB/out"
  if wanted create build; then
    push_table "$project/bundles/openim-2.3.9"
    provide_archives
  fi
  ! wanted create build engine || push_table "$lab_source/bundle"
  ! wanted deep || push_table "$lab_source/bundle-deep"
  ! wanted build || push_bases
}

fit_for_lab
make_work_folder
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

prepare
ARCHIVE=$LAB/out/openim-2.3.9-linux-arm64.tar
TOP=openim-2.3.9-linux-arm64

if wanted create; then
  phase "making a bundle"
  create_checks
  refusal_checks

  phase "reading it with other programs"
  tool_checks

  phase "loading and running its images"
  loading_checks
fi

if wanted site rehearse; then
  phase "releases for a site"
  make_releases

  if wanted site; then
    phase "installing without network"
    site_checks
  fi

  if wanted rehearse; then
    phase "rehearsing"
    rehearse_checks
  fi
fi

if wanted deep; then
  phase "reading layers"
  deep_checks
fi

if wanted readers; then
  phase "readers beside others"
  reader_checks
fi

if wanted engine; then
  phase "an engine for a host without one"
  engine_install_checks
fi

if wanted build; then
  phase "building what no registry has"
  build_checks

  phase "builds that fail"
  build_refusal_checks

  phase "builders and doctor"
  builder_checks
fi

if wanted report; then
  phase "a report in a browser"
  report_checks
fi

finished=yes
summary
