# What the tests beside it share, which source this: options, steps, the x86-64 side of comparisons.

here=tests/integration/arm
work=$PWD/.cache/arm
host=$work/x86_64
tflite_host=$work/x86_64-tflite-runtime
export XDG_DATA_HOME=$work/data
mkdir -p "$work"
# shellcheck source=debian.sh
. $here/debian.sh
# shellcheck source=../../find_python.sh
. tests/find_python.sh

# Sets `full` (yes or no), `given` (--wheels, or nothing) and `wheels`, the folder to take them from.
parse_options() {  # ARGUMENT...
  full=no
  given=
  while [ $# -gt 0 ]; do
    case $1 in
      --full) full=yes ;;
      --wheels)
        [ -d "${2:-}" ] || { echo "--wheels: '${2:-}' is no folder" >&2; exit 2; }
        given=$2
        shift
        ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; exit 2 ;;
    esac
    shift
  done
  wheels=${given:-$work/wheels}
}

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

# What a command says is shown where it fails: the runtimes print a lot when they are loaded.
quietly() {
  if ! "$@" >"$work/log" 2>&1; then
    tail -40 "$work/log" >&2
    echo "failed: $*" >&2
    return 1
  fi
}

# Builds wheels of edgeloop, where --wheels does not say that they are there.
build_wheels() {  # OPTION...
  if [ -z "$given" ]; then bash .ci/wheels.sh --out "$wheels" "$@"; fi
}

wheel() {  # TAG MACHINE
  ls "$wheels"/edgeloop-*-"$1-$1"-*"_$2.whl"
}

# Environments of edgeloop's x86-64 wheel with the runtimes; one for tflite-runtime by itself.
make_host() {
  local python own
  python=$(find_python 11)
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
