#!/bin/sh
# Tests the SDK with the machine's own compilers: the stages of this folder, and those that README.md shows.
set -eu
cd "$(dirname "$0")"
target=${TARGET_DIR:-$(mktemp -d)}
mkdir -p "$target"
cxx=${CXX:-c++}
flags="-std=c++23 -Wall -Wextra -Werror -g -I. -I../c"
printf '#include <expected>\nint main() { return std::expected<int, int>(0).value(); }\n' > "$target/empty.cpp"
if ! $cxx -std=c++23 "$target/empty.cpp" -o "$target/empty" 2> "$target/empty.log"; then
    echo "left out: C++, because there is no compiler for C++23"
    exit 0
fi
if $cxx -std=c++23 -fsanitize=address,undefined "$target/empty.cpp" -o "$target/empty" 2> "$target/empty.log"; then
    flags="$flags -fsanitize=address,undefined"
fi
for part in ../c/sandmill*.c; do ${CC:-cc} -std=gnu17 -g -c "$part" -o "$target/$(basename "$part").o"; done

# try NAME FOLDER
try() {
    # shellcheck disable=SC2086
    $cxx $flags "$2/stage.cpp" "$2/stage_test.cpp" "$target"/sandmill*.o -o "$target/test"
    ASAN_OPTIONS=detect_leaks=0 "$target/test"
    echo "ok: $1"
}

try hello hello
try template template
command -v python3 > "$target/python" || { echo "left out: README.md, because there is no python3"; exit 0; }
../snippets.py README.md "$target/snippets"
for stage in "$target"/snippets/*/; do try "README.md: $(basename "$stage")" "$stage"; done
