#!/bin/sh
# Fuzzes: `scripts/fuzz.sh SECONDS [TARGET…]`, each target for so long, all targets when none is named. What it learns is
# kept below the target folder, and used again; what breaks a promise is put there too, and ends the run with 1.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- pipeline_file outcome chunk text wasm answer component

target_dir=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
# With a target, even that of this machine, what runs in the compiler (macros) is built apart, and not for fuzzing.
triple=$(rustc -vV | sed -n 's/^host: //p')
RUSTC_WRAPPER=$PWD/scripts/fuzz-rustc.sh \
    cargo build --release --locked --manifest-path fuzz/Cargo.toml --target-dir "$target_dir" --target "$triple"
fuzzer=$target_dir/$triple/release/fuzz

# Compiled guests are not kept: each is seen once.
export SANDMILL_CACHE=/dev/null/none
found=0
for target; do
    corpus=$target_dir/corpus/$target
    findings=$target_dir/findings/$target
    mkdir -p "$corpus" "$findings"
    if [ "$target" = pipeline_file ]; then
        find examples tests/cli -name '*.toml' -not -name Cargo.toml | while read -r file; do
            cp "$file" "$corpus/$(echo "$file" | tr / -)"
        done
    fi
    echo "fuzzing $target for $seconds s"
    FUZZ_TARGET=$target "$fuzzer" "$corpus" "fuzz/seeds/$target" -max_total_time="$seconds" -timeout=60 \
        -rss_limit_mb=2048 -max_len=8192 -dict=fuzz/pipeline_file.dict -print_final_stats=1 -verbosity=1 \
        -artifact_prefix="$findings/" || {
        found=1
        echo "a promise is broken: see $findings; once it is mended, its file goes to fuzz/seeds/$target" >&2
    }
done
exit $found
