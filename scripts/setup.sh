#!/bin/sh
# Makes sure that stages can be compiled to WebAssembly on this machine. Quick, and silent, when they can.
#
# `sandmill build` finds a toolchain by itself: rustup's target where it is installed or can be added, else the
# distribution's compiler with its library source. Only where neither is there does this script install something.
set -eu

if ! command -v cargo >/dev/null; then
    echo "error: Rust is not installed" >&2
    echo "hint: install it with rustup (any version from 1.95), then run this again" >&2
    exit 2
fi
if ! command -v cc >/dev/null; then
    echo "error: there is no C compiler, which the embedded SQLite and zstd need" >&2
    echo "hint: on Debian: apt-get install build-essential" >&2
    exit 2
fi

target=wasm32-unknown-unknown
has_target() { [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; }
has_system() {
    [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] &&
        [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library" ]
}

has_target && exit 0
has_system && exit 0
if command -v rustup >/dev/null && timeout 120 rustup target add "$target" >/dev/null 2>&1 && has_target; then
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "error: no Rust toolchain on this machine compiles for $target, and rustup cannot add it" >&2
    echo "hint: install your distribution's rustc, cargo, the Rust library source and lld" >&2
    exit 2
fi

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
echo "installing the distribution's Rust for WebAssembly (once)" >&2
export DEBIAN_FRONTEND=noninteractive
packages="rustc-web cargo-web rust-web-src rust-web-llvm lld-22"
# shellcheck disable=SC2086 # one package a word
as_root apt-get install -y --no-install-recommends $packages >/dev/null 2>&1 ||
    { as_root apt-get update -qq && as_root apt-get install -y --no-install-recommends $packages >/dev/null; }
