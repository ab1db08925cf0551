#!/usr/bin/env bash
# Builds and checks the wheels for boards and for x86-64, from any x86-64 Linux; see usage().
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'EOT'
usage: bash .ci/wheels.sh [--python 3.MINOR]... [--machine MACHINE]... [--armv7l] [--out FOLDER]

Builds a manylinux2014 wheel (glibc 2.17 and newer) for each Python and machine with zig, and checks
what is in it. Without options: Python 3.9 to 3.14 for x86_64 and aarch64, into dist/.

  --armv7l   also Python 3.11 for 32-bit Raspberry Pi OS

Needs a Python from 3.10 to 3.14 with venv, and the package index. Only the headers of the Python
that a wheel is for are used: those of python3.MINOR on PATH or in pyenv, else Debian's (from DEBIAN_MIRROR,
or from the system's own mirror on a Debian). A Python that has neither is skipped, and said.
EOT
}

minors=()
machines=()
armv7l=no
out=dist
while [ $# -gt 0 ]; do
  case $1 in
    --python) minors+=("${2#3.}"); shift ;;
    --machine)
      case ${2:-} in
        x86_64 | aarch64) machines+=("$2"); shift ;;
        *) echo "--machine: x86_64 or aarch64, not '${2:-}'; 32 bits: --armv7l" >&2; exit 2 ;;
      esac
      ;;
    --armv7l) armv7l=yes ;;
    --out) out=$2; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[ ${#minors[@]} -gt 0 ] || minors=(9 10 11 12 13 14)
[ ${#machines[@]} -gt 0 ] || machines=(x86_64 aarch64)
cache=$PWD/.cache/wheels-cross
tools=$cache/tools
cross=$cache/cross
mkdir -p "$cross" "$out"
out=$(cd "$out" && pwd)
# shellcheck source=../tests/find_python.sh
. tests/find_python.sh
# shellcheck source=../tests/integration/arm/debian.sh
. tests/integration/arm/debian.sh

make_tools() {
  if cmp -s tests/requirements/wheels.txt "$tools/requirements.txt"; then return; fi
  local python
  python=$(find_python 11 12 13 14 10) || {
    echo ".ci/wheels.sh: no Python from 3.10 to 3.14 with venv is here" >&2
    return 3
  }
  rm -rf "$tools"
  "$python" -m venv "$tools"
  "$tools/bin/python" -m pip -q install -r tests/requirements/wheels.txt
  cp tests/requirements/wheels.txt "$tools/requirements.txt"
}

# Prints the folder of an interpreter's headers. Any 64-bit little-endian Linux CPython of the right
# minor does: pyconfig.h differs in nothing that a module's layout depends on.
interpreter_headers() {  # MINOR
  local candidate
  for candidate in "python3.$1" "$HOME"/.pyenv/versions/3."$1".*/bin/python; do
    if "$candidate" - "$1" 2>/dev/null <<'EOT'
import pathlib, struct, sys, sysconfig
folder = sysconfig.get_path("include")
fits = sys.version_info[:2] == (3, int(sys.argv[1])) and struct.calcsize("P") == 8
if not fits or sysconfig.get_config_var("Py_GIL_DISABLED"):
    sys.exit(1)
if not pathlib.Path(folder, "Python.h").is_file():
    sys.exit(1)
print(folder)
EOT
    then return; fi
  done
  return 1
}

# Prints the folder of Debian's headers, with the architecture's pyconfig.h in its place.
debian_headers() {  # MINOR ARCHITECTURE TRIPLET
  local suite folder unpacked
  case $1 in
    9) suite=bullseye ;;
    11) suite=bookworm ;;
    13) suite=trixie ;;
    14) suite=sid ;;
    *) return 1 ;;
  esac
  folder=$cache/headers-3.$1-$2
  if [ ! -e "$folder" ]; then
    debian_unpack "$cache" "$suite" "$2" "libpython3.$1-dev" >&2 || return 1
    unpacked=$cache/libpython3.$1-dev-$2/usr/include
    cp -r "$unpacked/python3.$1" "$folder.new"
    cp "$unpacked/$3/python3.$1/pyconfig.h" "$folder.new/"
    mv "$folder.new" "$folder"
  fi
  echo "$folder"
}

build_wheel() {  # MINOR MACHINE HEADERS
  local tag=cp3$1 machine=$2 abi=gnu built=$cache/built-$1-$2 wheel
  if [ "$machine" = armv7l ]; then abi=gnueabihf; fi
  local triplet=${machine/armv7l/arm}-linux-$abi
  rm -rf "$built"
  local launcher=()
  if command -v ccache >/dev/null; then
    launcher=(CMAKE_CXX_COMPILER_LAUNCHER=ccache "CCACHE_COMPILERCHECK=string:$(cat "$tools/requirements.txt")$triplet")
  fi
  if ! env "${launcher[@]}" PATH="$tools/bin:$PATH" \
    EDGELOOP_ZIG="$("$tools/bin/python" -c 'import pathlib, ziglang; print(pathlib.Path(ziglang.__file__).parent / "zig")')" \
    EDGELOOP_ZIG_TARGET="$triplet.2.17" EDGELOOP_MACHINE="$machine" EDGELOOP_CROSS_TOOLS="$cross" \
    _PYTHON_HOST_PLATFORM="linux-$machine" CMAKE_TOOLCHAIN_FILE="$PWD/.ci/cross/toolchain.cmake" \
    CMAKE_ARGS="-DEDGELOOP_WERROR=ON -DPython_INCLUDE_DIR=$3 -DPYTHON_MODULE_EXTENSION=.cpython-3$1-$triplet.so" \
    "$tools/bin/python" -m pip wheel -q . --no-build-isolation --no-deps -w "$built" \
    --config-settings="build-dir=$cache/build-$1-$machine" >"$built.log" 2>&1; then
    tail -30 "$built.log" >&2
    return 1
  fi
  # The build ran in another Python: the tags become those of the headers.
  wheel=$("$tools/bin/python" -m wheel tags --remove --python-tag "$tag" --abi-tag "$tag" \
    "$built"/*.whl | tail -1)
  rm -f "$out"/edgeloop-*-"$tag-$tag"-*"_$machine.whl"
  PATH="$tools/bin:$PATH" "$tools/bin/auditwheel" repair --plat auto -w "$out" \
    "$built/${wheel##*/}" >>"$built.log" 2>&1
}

step() { printf '%4s s  %s\n' "$SECONDS" "$1"; }

make_tools
for tool in cc c++ ar ranlib; do ln -sf "$PWD/.ci/cross/zig.sh" "$cross/$tool"; done
built=()
for minor in "${minors[@]}"; do
  if headers=$(interpreter_headers "$minor"); then
    from="headers of $headers"
  elif headers=$(debian_headers "$minor" amd64 x86_64-linux-gnu); then
    from="Debian's headers"
  else
    echo "SKIP: Python 3.$minor is not on this machine, and no headers of it could be had from Debian"
    continue
  fi
  for machine in "${machines[@]}"; do
    step "Python 3.$minor, $machine ($from)"
    build_wheel "$minor" "$machine" "$headers"
    built+=("cp3$minor-$machine")
  done
done
if [ $armv7l = yes ]; then
  if headers=$(debian_headers 11 armhf arm-linux-gnueabihf); then
    step "Python 3.11, armv7l (Debian's headers)"
    build_wheel 11 armv7l "$headers"
    built+=(cp311-armv7l)
  else
    echo "SKIP: armv7l: no armhf headers of Python 3.11 could be had from Debian"
  fi
fi
[ ${#built[@]} -gt 0 ] || { echo ".ci/wheels.sh: nothing was built" >&2; exit 1; }
step "checks"
EDGELOOP_TEST_WHEELS=$out EDGELOOP_TEST_WHEELS_BUILT="${built[*]}" \
  "$tools/bin/python" -m pytest -q --confcutdir=tests/wheels tests/wheels
step "${#built[@]} wheels are in $out"
