#!/bin/sh
# Prints what top.sql finds in the table that the pipeline wrote: with sqlite3 or python3, whichever is there, or else
# with a small program that cargo builds.
set -eu
cd "$(dirname "$0")"

database=out/visits.db
if [ ! -f "$database" ]; then
    echo "$database is not there yet: run the pipeline first: sandmill run examples/access-log" >&2
    exit 2
fi
if command -v sqlite3 >/dev/null 2>&1; then
    sqlite3 -readonly -separator '  ' "$database" <top.sql
elif command -v python3 >/dev/null 2>&1 && python3 -c 'import sqlite3' 2>/dev/null; then
    python3 -c '
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute(sys.stdin.read()):
    print("  ".join(map(str, row)))
' "$database" <top.sql
else
    cargo run --quiet --release --package sandmill --example sql -- "$database" <top.sql
fi
