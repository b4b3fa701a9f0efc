#!/bin/sh
# Tests the SDK with the machine's own C compiler: its parts, the stages of this folder, and those that README.md shows.
set -eu
cd "$(dirname "$0")"
target=${TARGET_DIR:-$(mktemp -d)}
mkdir -p "$target"
cc=${CC:-cc}
flags="-std=gnu17 -Wall -Wextra -Werror -g -I."
# Where the compiler has sanitizers, they find what reads or writes beyond its memory.
echo 'int main(void) { return 0; }' > "$target/empty.c"
if $cc -fsanitize=address,undefined "$target/empty.c" -o "$target/empty" 2> "$target/empty.log"; then
    flags="$flags -fsanitize=address,undefined"
fi

# try NAME FILE…
try() {
    name=$1
    shift
    # shellcheck disable=SC2086
    $cc $flags "$@" sandmill*.c -lm -o "$target/test"
    ASAN_OPTIONS=detect_leaks=0 "$target/test"
    echo "ok: $name"
}

for test in tests/*_test.c; do try "$test" "$test"; done
try hello hello/stage.c hello/stage_test.c
try template template/stage.c template/stage_test.c
command -v python3 > "$target/python" || { echo "left out: README.md, because there is no python3"; exit 0; }
../snippets.py README.md "$target/snippets"
for stage in "$target"/snippets/*/; do try "README.md: $(basename "$stage")" "$stage/stage.c" "$stage/stage_test.c"; done
