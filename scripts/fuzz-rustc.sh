#!/bin/sh
# The compiler as `scripts/fuzz.sh` has cargo call it: what reads bytes that nobody vouches for is compiled so that
# libFuzzer sees which way an input took. The engine and the rest are not: they would be slow, and are fuzzed elsewhere.
#
# These flags are the part of sanitizer coverage that needs no sanitizer's runtime, so stable Rust has them.
set -eu
case " $* " in
*" --target "*) ;;
*) exec "$@" ;;
esac
case " $* " in
*" --crate-name sandmill "* | *" --crate-name tests "* | *" --crate-name toml "* | *" --crate-name toml_parser "* | \
    *" --crate-name wasmparser "*)
    coverage=-Cllvm-args=-sanitizer-coverage
    exec "$@" -Cpasses=sancov-module $coverage-level=4 $coverage-inline-8bit-counters $coverage-pc-table \
        $coverage-trace-compares
    ;;
*) exec "$@" ;;
esac
