#!/usr/bin/env bash
# Runs edgeloop on emulated ARM boards and compares what comes out with x86-64; see usage().
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=host.sh
. tests/integration/arm/host.sh

usage() {
  cat <<'EOT'
usage: bash tests/integration/arm/run.sh [--full] [--wheels FOLDER]

Installs edgeloop's aarch64 wheel with the real aarch64 wheels of the runtimes in an arm64 Debian
bookworm root and runs it there under qemu-user as a Raspberry Pi 5: null engine, the digits models
on every runtime, and the demo. Outputs have to be those of x86-64. Latencies mean nothing here.

  --full    also as a Raspberry Pi 3, on Debian trixie (Python 3.13), on bullseye (3.9), and on
            32-bit bookworm
  --wheels  takes edgeloop's wheels from there instead of building them

Roots and downloads go to .cache/arm/ and are used again. Needs root, a Python 3.11, the package
index and a Debian mirror (the system's own, or DEBIAN_MIRROR); prints SKIP and the reason where
something is missing.
EOT
}

parse_options "$@"
mkdir -p "$work/outputs"

# Puts wheels for another machine into a folder; the versions are those that the other tests use.
download() {  # FOLDER MACHINE PYTHON GLIBC_MINOR ARGUMENT...
  local tags=() minor
  for minor in 17 26 27 28 31 34 35; do
    if [ "$minor" -le "$4" ]; then tags+=(--platform "manylinux_2_${minor}_$2"); fi
  done
  rm -f "$1"/edgeloop-*.whl
  quietly "$host/bin/python" -m pip download --only-binary=:all: --dest "$1" --python-version "$3" \
    "${tags[@]}" --platform "manylinux2014_$2" "${@:5}"
}

run() { "$here/arm64-run" "$@"; }

# Makes an environment in a root from a folder of wheels, without an index. Where all but edgeloop
# is there already, only that is put in again.
install() {  # ROOT ENVIRONMENT WHEELS REQUIREMENT...
  local root=$1 env=/opt/$2 others
  others=$(ls "$3" --ignore 'edgeloop-*')
  rm -rf "${root:?}/wheels"
  cp -r "$3" "$root/wheels"
  cp "$here/outputs.py" "$here/null_engine.py" "$root/"
  local pip=("$env/bin/python" -m pip install --no-index --no-compile --find-links /wheels)
  if [ "$(cat "$root$env/wheels.txt" 2>/dev/null)" = "$others" ]; then
    quietly run "$root" "${pip[@]}" --force-reinstall --no-deps edgeloop
    return
  fi
  rm -rf "${root:?}$env"
  # shellcheck disable=SC2086
  quietly run "$root" python3 -m venv ${VENV_OPTIONS:-} "$env"
  quietly run "$root" "${pip[@]}" "${@:4}"
  echo "$others" >"$root$env/wheels.txt"
}

# Runs the digits models in a root and compares; the reference is of the same runtimes on x86-64.
# OWNER says whose the nodes are, where not the same one's.
compare() {  # ROOT ENVIRONMENT REFERENCE RUNTIME...
  quietly run "$1" "/opt/$2/bin/python" /outputs.py /outputs.npz "${@:4}"
  "$host/bin/python" "$here/check_outputs.py" "$work/outputs/$3.npz" "$1/outputs.npz" \
    ${OWNER:+"$OWNER"}
}

find_python 11 >/dev/null || skip "no Python 3.11 with venv is here to make the x86-64 outputs with"
need_emulation

step "wheels"
build_wheels --python 3.11

step "x86-64"
make_host
quietly "$host/bin/python" $here/outputs.py "$work/outputs/main.npz" litert tflite onnxruntime
quietly "$tflite_host/bin/python" $here/outputs.py "$work/outputs/tflite-runtime.npz" tflite-runtime
if [ "$full" = yes ]; then
  quietly "$host/bin/python" $here/outputs.py "$work/outputs/trixie.npz" litert onnxruntime
fi

step "downloads for bookworm arm64"
download "$work/wheels-main" aarch64 3.11 35 -c tests/requirements/main.txt \
  "$(wheel cp311 aarch64)[demo]"
# Not a dependency: `edgeloop setup tflite-c` takes the C library out of it.
download "$work/wheels-tflite-c" aarch64 3.11 35 --no-deps --implementation py --abi none \
  pymicro-wakeword==2.5.0
download "$work/wheels-tflite-runtime" aarch64 3.11 35 -c tests/requirements/tflite-runtime.txt \
  "$(wheel cp311 aarch64)" tflite-runtime

step "bookworm arm64: root and packages"
root=$(bash $here/root.sh bookworm | tail -1)
install "$root" tflite-runtime "$work/wheels-tflite-runtime" edgeloop tflite-runtime
install "$root" main "$work/wheels-main" 'edgeloop[demo]'
cp "$work"/wheels-tflite-c/*.whl "$root/wheels/"
quietly run "$root" env PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels /opt/main/bin/edgeloop setup tflite-c

boards=(pi5)
if [ "$full" = yes ]; then boards+=(pi3); fi
for BOARD in "${boards[@]}"; do
  export BOARD
  step "bookworm arm64 as $BOARD: null engine"
  run "$root" /opt/main/bin/python /null_engine.py
  quietly run "$root" /opt/main/bin/edgeloop bench null --effort quick --no-save
  step "bookworm arm64 as $BOARD: digits on every runtime"
  compare "$root" main main litert tflite onnxruntime
  compare "$root" tflite-runtime tflite-runtime tflite-runtime
  step "bookworm arm64 as $BOARD: demo"
  quietly run "$root" /opt/main/bin/edgeloop demo --json /demo.json
  "$host/bin/python" $here/check_demo.py "$root/demo.json"
done
unset BOARD

if [ "$full" = yes ]; then
  . $here/full.sh
fi
step "done"
