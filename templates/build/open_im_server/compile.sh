#!/bin/sh
# Compiles every program of the source in /src for the target's platform, and lays out in /out what the
# image gets.
set -eu

: "${TARGETOS:?}" "${TARGETARCH:?}"
home=/out/Open-IM-Server

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

# use_modules: settles where Go looks for modules. A source go-modules is all it looks at.
use_modules() {
  if [ -e /go-modules/vendor/modules.txt ]; then
    echo "modules: vendor/ of the source go-modules"
    rm -rf vendor
    cp -R /go-modules/vendor vendor
    GOFLAGS="$GOFLAGS -mod=vendor"
  elif [ -d /go-modules/cache/download ]; then
    echo "modules: cache/download/ of the source go-modules"
    # go.sum still vouches for every one of them.
    export GOPROXY=file:///go-modules/cache/download GOSUMDB=off GOPRIVATE='' GONOPROXY=''
  elif [ -n "$(find /go-modules ! -type d ! -name .keep | head -n 1)" ]; then
    fail "the source go-modules has neither vendor/modules.txt nor cache/download/"
  else
    # One with a password comes as a secret, and is not shown.
    if [ -s /run/secrets/GOPROXY ]; then
      GOPROXY=$(cat /run/secrets/GOPROXY)
      export GOPROXY
      echo "modules: the GOPROXY given as a secret"
    else
      echo "modules: $(go env GOPROXY)"
    fi
    # Go goes on reading the system's certificates beside this one.
    [ ! -s /run/secrets/ca ] || export SSL_CERT_FILE=/run/secrets/ca
  fi
}

# for_here COMMAND…: a program of the source for the machine that compiles.
for_here() {
  env GOOS= GOARCH= GOARM= "$@"
}

cd /src
for part in cmd config/config.yaml config/usualConfig.yaml go.mod; do
  [ -e "$part" ] || fail "the source open_im_server is not the OpenIM server: it has no $part"
done

export CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS="-trimpath -buildvcs=false"
export GOOS="$TARGETOS" GOARCH="$TARGETARCH" GOARM=
[ "$TARGETARCH" != arm ] || GOARM=${TARGETVARIANT:-v7}
GOARM=${GOARM#v}
use_modules

# Never the SDK server: it is a module of its own, and comes as a submodule that no archive contains.
programs=$(go list -e -f '{{if eq .Name "main"}}{{.ImportPath}}{{end}}' ./cmd/...) ||
  fail "Go could not get the modules. Give the argument GOPROXY, e.g. https://goproxy.cn, or the source go-modules."
mkdir -p "$home/bin"
echo "compiling for $GOOS/$GOARCH${GOARM:+/v$GOARM}:" && printf '%s\n' "$programs"
printf '%s\n' "$programs" | xargs go build -ldflags "-s -w -buildid=" -o "$home/bin/"

for program in $(for_here go run ./cmd/openim_start -services); do
  [ -x "$home/bin/$program" ] || fail "the source has no program $program"
done

mkdir -p "$home/config" "$home/config.default" "$home/logs" "$home/db/sdk" \
  /out/etc/ssl/certs /out/usr/share/zoneinfo
cp config/config.yaml config/usualConfig.yaml "$home/config.default/"
[ ! -e LICENSE ] || cp LICENSE "$home/"
cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/
unzip -q "$(for_here go env GOROOT)/lib/time/zoneinfo.zip" -d /out/usr/share/zoneinfo
chmod -R a+rX,go-w /out
