#!/bin/sh
# Tests the SDK natively: its parts, the stages of this folder, and those that README.md shows.
set -eu
cd "$(dirname "$0")"
command -v go > /dev/null || { echo "left out: Go, because there is no go"; exit 0; }
target=${TARGET_DIR:-$(mktemp -d)}
export GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-mod=mod GOWORK=off
sdk=$PWD

test -z "$(gofmt -l . | tee "$target/gofmt")" || { cat "$target/gofmt"; exit 1; }
go vet ./...
go test ./...
(cd hello && go vet && go test)
command -v python3 > /dev/null || { echo "left out: README.md, because there is no python3"; exit 0; }
../snippets.py README.md "$target/snippets"
cp -r template "$target/snippets/template"
for stage in "$target"/snippets/*/; do
    sed "s|\./\.sandmill/go|$sdk|" template/go.mod > "$stage/go.mod"
    echo "README.md: $(basename "$stage")"
    (cd "$stage" && go vet -composites=false && go test)
done
