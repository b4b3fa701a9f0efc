#!/bin/sh
# Makes sure that there is a Python with InterpreterPoolExecutor, which is 3.14 or later: python.sh TARGET_DIR
#
# Where no such Python is on the path, Debian's is unpacked below the folder that is named, with the C library that it was
# linked to, and a script that starts it. Nothing is installed. Without Debian's package tools it is left out, and said so in
# one line: the comparisons then use the Python that is there.
set -eu

target=$1/python
program=$target/root/usr/bin/python3.14
has_pools='from concurrent.futures import InterpreterPoolExecutor'

for python in python3.14 python3.15 python3 "$program"; do
    "$python" -c "$has_pools" >/dev/null 2>&1 && exit 0
done

# Packages of a release that this machine need not be of, with lists and a cache of their own.
fetch() {
    release=$1
    rm -rf "$target"
    mkdir -p "$target/lists/partial" "$target/cache/archives/partial" "$target/packages"
    : >"$target/status"
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    # Where this machine's own packages come from.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1)
    [ -n "$mirror" ] || return 1
    echo "deb [signed-by=$keys] $mirror $release main" >"$target/sources.list"
    cat >"$target/apt.conf" <<CONFIG
Dir::Etc::sourcelist "$target/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$target/lists";
Dir::State::status "$target/status";
Dir::Cache "$target/cache";
APT::Sandbox::User "root";
CONFIG
    export APT_CONFIG="$target/apt.conf"
    (
        cd "$target/packages"
        apt-get update -qq &&
            apt-get download -qq python3.14-minimal libpython3.14-minimal libpython3.14-stdlib \
                libc6 libexpat1 libffi8 libgcc-s1 zlib1g
    ) || return 1
    for package in "$target"/packages/*.deb; do
        dpkg-deb -x "$package" "$target/root"
    done
    rm -rf "$target/lists" "$target/cache" "$target/packages"
}

# Its own loader, because this machine's C library may be older.
start_script() {
    mv "$program" "$program-program"
    loader=$(find "$target/root" -name 'ld-linux*.so.*' -type f | head -n 1)
    cat >"$program" <<SCRIPT
#!/bin/sh
exec "$loader" --argv0 "$program" --library-path "$(dirname "$loader")" "$program-program" "\$@"
SCRIPT
    chmod +x "$program"
    "$program" -c "$has_pools"
}

mkdir -p "$1"
case $(cd "$1" && pwd) in "$1") ;; *) echo "error: $1 is not an absolute path" >&2; exit 2 ;; esac
if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    echo "unpacking Python 3.14 (once)" >&2
    for release in forky sid; do
        { fetch "$release" && start_script; } >"$1/python.log" 2>&1 && exit 0
    done
    echo "left out: InterpreterPoolExecutor ($(tail -n 1 "$1/python.log"))" >&2
else
    echo "left out: InterpreterPoolExecutor, because no Python on the path is 3.14 or later" >&2
fi
