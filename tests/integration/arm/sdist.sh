#!/usr/bin/env bash
# Builds the source distribution with GCC 9, CMake 3.18 and Python 3.9, the oldest that a board may
# have, in a Debian bullseye root of this machine, and imports what comes out.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=host.sh
. tests/integration/arm/host.sh

python=$(find_python 11) || skip "no Python 3.11 with venv is here"
need_roots

step "source distribution"
rm -rf "$work/sdist"
[ -x "$work/sdist-tools/bin/python" ] || "$python" -m venv "$work/sdist-tools"
pip=("$work/sdist-tools/bin/python" -m pip)
quietly "${pip[@]}" install scikit-build-core
(mkdir -p "$work/sdist" && quietly "$work/sdist-tools/bin/python" -c \
  "from scikit_build_core.build import build_sdist; build_sdist('$work/sdist')")
# pip takes the markers of the Python it runs on: what 3.9 needs more is named.
quietly "${pip[@]}" download --only-binary=:all: --dest "$work/sdist" --python-version 3.9 \
  --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 \
  scikit-build-core 'pybind11>=2.13' 'ninja>=1.5' 'numpy<2' \
  tomli exceptiongroup typing-extensions importlib-resources zipp

step "GCC 9 in bullseye amd64"
root=$(bash $here/root.sh bullseye amd64 bash cmake g++-9 make python3-dev | tail -1)
rm -rf "$root/sdist" "$root/opt/main"
cp -r "$work/sdist" "$root/sdist"
cp $here/null_engine.py "$root/"
# shellcheck disable=SC2016
quietly unshare -m bash -c '
mount --make-rprivate /
mount -t proc proc "$1/proc"
exec chroot "$1" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/bin:/bin CC=gcc-9 CXX=g++-9 bash -ec "
python3 -m venv /opt/main
/opt/main/bin/python -m pip install --no-index --find-links /sdist numpy
/opt/main/bin/python -m pip install --no-index --find-links /sdist --no-deps -v /sdist/edgeloop-*.tar.gz
/opt/main/bin/python /null_engine.py"' _ "$root"
grep -aoE "The CXX compiler identification is .*" "$work/log"
tail -1 "$work/log"
