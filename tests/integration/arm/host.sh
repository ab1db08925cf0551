# The x86-64 side of the tests beside it, which source this; they set `work` and `wheels`.

host=$work/x86_64
tflite_host=$work/x86_64-tflite-runtime
export XDG_DATA_HOME=$work/data

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

find_python() {
  local candidate
  for candidate in python3.11 python3 "$HOME"/.pyenv/versions/3.11*/bin/python; do
    if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# What a command says is shown where it fails: the runtimes print a lot when they are loaded.
quietly() {
  if ! "$@" >"$work/log" 2>&1; then
    tail -40 "$work/log" >&2
    echo "failed: $*" >&2
    return 1
  fi
}

wheel() {  # TAG MACHINE
  ls "$wheels"/edgeloop-*-"$1-$1"-*"_$2.whl"
}

# Environments of edgeloop's x86-64 wheel with the runtimes; one for tflite-runtime by itself.
make_host() {
  local python own
  python=$(find_python)
  own=$(wheel cp311 x86_64)
  [ -x "$host/bin/python" ] || "$python" -m venv "$host"
  [ -x "$tflite_host/bin/python" ] || "$python" -m venv "$tflite_host"
  quietly "$host/bin/python" -m pip install -c tests/requirements/main.txt "$own[litert,onnx]" \
    flatbuffers
  quietly "$tflite_host/bin/python" -m pip install -c tests/requirements/tflite-runtime.txt \
    "$own" tflite-runtime
  local env
  for env in "$host" "$tflite_host"; do
    quietly "$env/bin/python" -m pip install --force-reinstall --no-deps "$own"
  done
  quietly "$host/bin/edgeloop" setup tflite-c
}
