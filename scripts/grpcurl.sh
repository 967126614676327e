#!/usr/bin/env bash
# Prints the path of the pinned grpcurl, building it with Go into .cache/ the first time (about a minute on two cores).
# Exit status: 0 built, 3 there is no Go here, 1 the build failed.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VERSION=v1.9.3
readonly WAIT=600 # seconds that the build may take
folder=$PWD/.cache/grpcurl-$VERSION

if [ ! -x "$folder/grpcurl" ]; then
    go=$(command -v go || echo /usr/local/go/bin/go)
    if [ ! -x "$go" ]; then
        echo "grpcurl: there is no Go here to build it with; install Go, or leave out what needs grpcurl" >&2
        exit 3
    fi
    echo "grpcurl: waiting for Go to build grpcurl $VERSION (about a minute, once)" >&2
    mkdir -p "$folder"
    # Built beside its place and moved there, so that an interrupted build leaves nothing that looks finished.
    building=$(mktemp -d "$folder/building.XXXXXX")
    trap 'rm -rf "$building"' EXIT
    if ! GOBIN=$building timeout "$WAIT" "$go" install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$VERSION" \
        >"$folder/log" 2>&1; then
        tail -n 5 "$folder/log" >&2
        echo "grpcurl: the build failed; the lines above say why (no network? a Go that is too old?)" >&2
        exit 1
    fi
    mv "$building/grpcurl" "$folder/grpcurl"
fi
echo "$folder/grpcurl"
