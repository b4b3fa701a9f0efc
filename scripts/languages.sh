#!/bin/sh
# languages.sh SANDMILL: fetches the compilers of the languages that stages are written in, for the tests. What this machine
# cannot have is left out, and said in one line. With SANDMILL_ALL_LANGUAGES set, leaving one out is an error.
set -u

left=
for language in $("$1" toolchain list --json | sed 's/.*"language":"\([^"]*\)".*/\1/'); do
    "$1" -q toolchain install "$language" || left="$left $language"
done
[ -z "$left" ] && exit 0
echo "left out, for want of a compiler:$left" >&2
[ -z "${SANDMILL_ALL_LANGUAGES:-}" ]
