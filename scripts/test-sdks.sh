#!/bin/sh
# test-sdks.sh SANDMILL: the native tests of the SDKs that are not in Rust. A language that this machine does not have is left
# out, and said in a line.
set -eu
cd "$(dirname "$0")/.."
sandmill=$1

# where LANGUAGE PROGRAM: the folder that its compiler was fetched into, when it was.
where() { "$sandmill" toolchain list --json | sed -n "s|.*\"language\":\"$1\".*\"program\":\"\([^\"]*\)/$2\".*|\1|p"; }

guest-sdk/c/test.sh
guest-sdk/cpp/test.sh
guest-sdk/go/test.sh
zig=$(where zig zig)
ZIG=${zig:+$zig/zig} guest-sdk/zig/test.sh

if python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null; then
    (cd guest-sdk/python && python3 -m unittest discover -q -s tests)
    (cd guest-sdk/python/hello && PYTHONPATH=.. python3 -m unittest -q)
else
    echo "left out: the Python SDK, because there is no Python 3.10"
fi
has_ruby() { ruby -e 'exit((RUBY_VERSION.split(".").map(&:to_i) <=> [3, 1]) >= 0 && require("minitest"))' 2> /dev/null; }
# Debian's, where this machine may install it.
if ! has_ruby && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    install_ruby() { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ruby ruby-minitest > /dev/null 2>&1; }
    install_ruby || { apt-get update -qq > /dev/null 2>&1 && install_ruby; } || true
fi
if has_ruby; then
    (cd guest-sdk/ruby && ruby -I lib tests/test_sdk.rb)
    (cd guest-sdk/ruby/hello && ruby -I ../lib test_stage.rb)
else
    echo "left out: the native tests of the Ruby SDK, because there is no Ruby 3.1 with minitest"
fi
if node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)' 2> /dev/null; then
    if command -v zstd > /dev/null; then
        ENGINE=$(mktemp)
        export ENGINE
        zstd -dcq stages/std/javascript-engine.wasm.zst > "$ENGINE"
    else
        echo "left out: bundles in the engine of JavaScript stages, because there is no zstd"
    fi
    tools=$(where javascript node_modules/.bin/rolldown)
    (cd guest-sdk/javascript && TOOLS=$tools node --test test/*.test.mjs)
    [ -z "${ENGINE:-}" ] || rm -f "$ENGINE"
    tools=$(where assemblyscript node_modules/.bin/asc)
    if [ -n "$tools" ]; then
        (cd guest-sdk/assemblyscript && TOOLS=$tools node --test test/*.test.mjs)
    else
        echo "left out: the AssemblyScript SDK, whose compiler is not here"
    fi
else
    echo "left out: the JavaScript and AssemblyScript SDKs, because there is no Node 18"
fi
