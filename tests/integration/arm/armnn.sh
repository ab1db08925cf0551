#!/usr/bin/env bash
# Builds Arm NN's TFLite delegate and measures with it; see usage().
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=host.sh
. tests/integration/arm/host.sh

usage() {
  cat <<'EOT'
usage: bash tests/integration/arm/armnn.sh [--full] [--wheels FOLDER]

Builds Arm NN's TFLite delegate from Debian's sources in a Debian trixie root and runs models on it
in all three TFLite runtimes: with the reference backend (CpuRef) on x86-64, outputs like XNNPACK's,
and a fallback that has to be said.

  --full    also CpuAcc, Arm NN's kernels for NEON, on emulated arm64
  --wheels  takes edgeloop's wheels from there instead of building them

Needs root, a Python 3.11 outside /usr (pyenv's, for instance: trixie has none, and tflite-runtime
ends there), the package index and a Debian mirror (the system's own, or DEBIAN_MIRROR); prints SKIP
and the reason where something is missing.
EOT
}

parse_options "$@"
mkdir -p "$work/armnn"
packages=(bash findutils libarmnn-dev libflatbuffers-dev)
assets=python/edgeloop/demo/assets

# Puts the sources into a root of this architecture and builds there, for TRIPLET.
build_delegate() {  # ROOT TRIPLET
  local root=$1 armnn tensorflow
  if [ -e "$root/libarmnnDelegate.so" ]; then return; fi
  armnn=$(debian_upstream "$work/armnn" trixie armnn) || skip "no source of armnn from the mirror"
  tensorflow=$(debian_upstream "$work/armnn" sid tensorflow) ||
    skip "no source of tensorflow from the mirror"
  rm -rf "$root/armnn" "$root/tensorflow"
  mkdir "$root/armnn" "$root/tensorflow"
  tar xf "$armnn" -C "$root/armnn" --strip-components=1 --wildcards '*/delegate' '*/profiling' \
    '*/third-party'
  tar xf "$tensorflow" -C "$root/tensorflow" --strip-components=1 --wildcards \
    '*/tensorflow/lite/*.h' '*/tensorflow/core/public/version.h' \
    '*/tensorflow/lite/core/c/common.cc' '*/tensorflow/lite/minimal_logging*.cc'
  cp $here/build_armnn.sh "$root/"
  quietly here_in "$root" bash /build_armnn.sh "$2"
}

# Runs a command in a root of this architecture that sees this Python and this folder as they are.
here_in() {  # ROOT COMMAND...
  # shellcheck disable=SC2016
  unshare -m bash -c '
set -e
root=$1 outside="$2 $3"
shift 3
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
for folder in $outside; do
  mkdir -p "$root$folder"
  mount --rbind "$folder" "$root$folder"
done
exec chroot "$root" "$@"' _ "$1" "$prefix" "$PWD" "${@:2}"
}

python=$(find_python 11) || skip "no Python 3.11 with venv is here"
prefix=$("$python" -c 'import sys; print(sys.base_prefix)')
[ "$prefix" != /usr ] || skip "Python 3.11 is the system's own, in /usr: a trixie root takes only one \
with a folder of its own, such as pyenv's"
need_roots

step "wheels and runtimes"
build_wheels --python 3.11 --machine x86_64
make_host

step "delegate in trixie amd64"
root=$(bash $here/root.sh trixie amd64 "${packages[@]}" g++ libarmnn-cpuref-backend33 | tail -1)
build_delegate "$root" x86_64-linux-gnu

step "CpuRef on x86-64"
half=$work/armnn/half_weights.tflite
PYTHONPATH=tests/integration/models "$host/bin/python" -c '
import pathlib, sys, tiny_tflite
pathlib.Path(sys.argv[1]).write_bytes(tiny_tflite.half_weights())' "$half"
models=("$PWD/$assets/digits_float32.tflite" "$PWD/$assets/digits_int8.tflite")
for check in "$host litert,tflite" "$tflite_host tflite-runtime"; do
  read -r env names <<<"$check"
  here_in "$root" "$env/bin/python" "$PWD/$here/check_armnn.py" /libarmnnDelegate.so CpuRef "$names" \
    "$half" "${models[@]}" 2>"$work/log" || { tail -40 "$work/log" >&2; exit 1; }
done

if [ "$full" = yes ]; then
  . $here/armnn_arm64.sh
fi
step "done"
