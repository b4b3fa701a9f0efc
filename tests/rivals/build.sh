#!/bin/sh
# Builds the other hosts of Wasm and their plug-ins into the folder that is named: build.sh TARGET_DIR
#
# The plug-ins are compiled by the toolchain that compiles stages: rustup's target, else the distribution's compiler with its
# library source (scripts/setup.sh has seen to it that there is one of them).
set -eu

cd "$(dirname "$0")"
export CARGO_TARGET_DIR="$1"
target=wasm32-unknown-unknown

cargo build --release --locked -p rivals
plugins="build --locked --profile plugin --target $target -p rivals-extism -p rivals-arrow-udf"
# As `sandmill build` compiles stages (host/build/src/languages/rust).
llvm="-inline-threshold=1000 -force-vector-interleave=2 -epilogue-vectorization-force-VF=16"
vectors="target.$target.rustflags=['-C', 'target-feature=+simd128', '-C', 'llvm-args=$llvm']"
# shellcheck disable=SC2086 # one argument a word
if [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
    cargo $plugins --config "$vectors"
else
    RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo $plugins --config "$vectors" -Z build-std=std,panic_abort
fi
