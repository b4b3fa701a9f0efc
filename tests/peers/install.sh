#!/bin/sh
# Installs the tools that the bench runs beside Sandmill on work that they are made for: install.sh TARGET_DIR
#
# DuckDB and polars come from PyPI, into a virtual environment below the folder that is named. Miller, jq and sqlite3 are
# taken from the path, or else from the distribution; Miller also from its source, where there is Go. What cannot be installed
# is left out of the tables, and named here in one line.
set -eu

target=$1
mkdir -p "$target/bin"

if [ ! -e "$target/venv/complete" ]; then
    echo "installing DuckDB and polars (once)" >&2
    if python3 -m venv "$target/venv" >"$target/log" 2>&1 &&
        "$target/venv/bin/pip" install --quiet --disable-pip-version-check duckdb polars >>"$target/log" 2>&1; then
        touch "$target/venv/complete"
    else
        echo "left out: DuckDB and polars ($(tail -n 1 "$target/log"))" >&2
    fi
fi

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
has() { command -v "$1" >/dev/null || [ -x "$target/bin/$1" ]; }
from_debian() {
    command -v apt-get >/dev/null || return 1
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get install -y --no-install-recommends "$1" >"$target/log" 2>&1 ||
        { as_root apt-get update -qq && as_root apt-get install -y --no-install-recommends "$1"; } >"$target/log" 2>&1
}
from_source() {
    [ "$1" = miller ] && command -v go >/dev/null &&
        GOBIN="$target/bin" go install github.com/johnkerl/miller/v6/cmd/mlr@v6.13.0 >"$target/log" 2>&1
}

for package in miller jq sqlite3; do
    tool=$package
    [ "$package" = miller ] && tool=mlr
    has "$tool" || from_debian "$package" || from_source "$package" || echo "left out: $package (no package, no source)" >&2
done
