#!/bin/sh
# Tests the SDK natively: its parts, the stages of this folder, and those that README.md shows. $ZIG names the compiler.
set -eu
cd "$(dirname "$0")"
zig=${ZIG:-zig}
command -v "$zig" > /dev/null || { echo "left out: Zig, because there is no zig"; exit 0; }
target=${TARGET_DIR:-$(mktemp -d)}
mkdir -p "$target"
export ZIG_LOCAL_CACHE_DIR="$target/zig-cache"

$zig fmt --check . || { echo "run zig fmt"; exit 1; }
$zig test sandmill.zig
test_stage() { $zig test --dep sandmill -Mroot="$1" -Msandmill=sandmill.zig; }
test_stage hello/stage.zig
test_stage template/stage.zig
command -v python3 > "$target/python" || { echo "left out: README.md, because there is no python3"; exit 0; }
../snippets.py README.md "$target/snippets"
for stage in "$target"/snippets/*/; do test_stage "$stage/stage.zig"; done
