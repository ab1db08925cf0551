#!/usr/bin/env bash
# Sets up everything the tests need and runs them all; see usage().
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=find_python.sh
. tests/find_python.sh

usage() {
  cat <<'EOF'
usage: bash tests/run.sh [--quick | --more | --full]

  (no option)  checks, C++ tests, unit tests and the integration tests that take seconds
  --quick      the inner loop: C++ tests and unit tests, nothing is reinstalled but edgeloop
  --more       what CI adds: C++ tests with sanitizers, the converters' and tflite-runtime's
               environments, and the integration tests that need them or take long
  --full       all of it, the slow tests, ThreadSanitizer and every Python on this machine

Environments and builds go to .cache/ and are used again; delete it to start afresh.
Needs: a Python 3.11 with venv and headers, g++, and the package index.
EOF
}

mode=default
case "${1:-}" in
  "") ;;
  --quick) mode=quick ;;
  --more) mode=more ;;
  --full) mode=full ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

# Whether this mode is one of those named.
is() { case " $* " in *" $mode "*) return 0 ;; *) return 1 ;; esac; }

torch_pin=torch==2.13.0  # has a CPU build; newer ones may bring gigabytes of CUDA packages
cache=$PWD/.cache
envs=$cache/envs
main=$envs/main
tflite=$envs/tflite-runtime
wheels=$cache/wheels
export XDG_DATA_HOME=$cache/data  # results and fetched libraries stay inside the clone
export EDGELOOP_TEST_TFLITE_RUNTIME_PYTHON=$tflite/bin/python
mkdir -p "$envs" "$wheels" "$XDG_DATA_HOME"

# Ends a step of the table that is printed at the end, and begins the next.
steps=()
begun=0
step() {
  if [ -n "${doing:-}" ]; then steps+=("$(printf '%5d s  %s' $((SECONDS - begun)) "$doing")"); fi
  doing=$1
  begun=$SECONDS
  printf '\n== %s (%s s)\n' "$1" "$SECONDS"
}

# An environment is as its requirements file says, or it is made anew.
make_env() {  # FOLDER REQUIREMENTS
  local folder=$1 requirements=$2
  if cmp -s "$requirements" "$folder/requirements.txt"; then return; fi
  rm -rf "$folder"
  local python
  python=$(find_python 11) || {
    echo "tests/run.sh: no Python 3.11 with venv is here; tflite-runtime has wheels up to 3.11" >&2
    return 3
  }
  "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install -q --upgrade pip
  "$folder/bin/python" -m pip install -q -r "$requirements"
  if [ "$folder" = "$main" ]; then install_torch; fi
  cp "$requirements" "$folder/requirements.txt"
}

# The CPU build of torch; where this machine's index would bring CUDA packages, nothing is installed.
install_torch() {
  local report=$cache/torch-report.json
  "$main/bin/python" -m pip install -q --dry-run --report "$report" "$torch_pin"
  "$main/bin/python" - "$report" <<'EOF'
import json, sys
names = [item["metadata"]["name"] for item in json.load(open(sys.argv[1]))["install"]]
cuda = [name for name in names if name.lower().startswith("nvidia-")]
if cuda:
    sys.exit(f"tests/run.sh: torch would bring {len(cuda)} CUDA packages ({cuda[0]}, ...); "
             "point pip at an index that has its CPU build")
EOF
  "$main/bin/python" -m pip install -q "$torch_pin"
}

# One wheel serves both environments.
install_edgeloop() {
  rm -f "$wheels"/*.whl "$wheels"/*.tar.gz
  "$main/bin/python" -m pip wheel -q . --no-deps --no-build-isolation -w "$wheels" \
    --config-settings=cmake.define.EDGELOOP_WERROR=ON
  local wheel
  wheel=$(ls "$wheels"/edgeloop-*.whl)
  local bytes
  bytes=$(stat -c %s "$wheel")
  echo "$(basename "$wheel"): $bytes bytes"
  if [ "$bytes" -gt 2000000 ]; then
    echo "tests/run.sh: the wheel must stay under 2 MB" >&2
    return 1
  fi
  local env
  for env in "$main" "$tflite"; do
    if [ -x "$env/bin/python" ]; then
      "$env/bin/python" -m pip install -q --force-reinstall --no-deps "$wheel"
    fi
  done
}

cpp_tests() {  # NAME [SANITIZERS]
  local build=$cache/cpp-$1
  "$main/bin/cmake" -S . -B "$build" -G Ninja -DCMAKE_MAKE_PROGRAM="$main/bin/ninja" \
    -DEDGELOOP_TESTS=ON -DEDGELOOP_WERROR=ON -DEDGELOOP_SANITIZE="${2:-}" >"$build.log" || { cat "$build.log"; return 1; }
  "$main/bin/cmake" --build "$build" >"$build.log" || { cat "$build.log"; return 1; }
  "$main/bin/ctest" --test-dir "$build" --no-tests=error --output-on-failure -j "$(nproc)" \
    >"$build.log" || { cat "$build.log"; return 1; }
  sed -n '/tests passed/,$p' "$build.log"
}

checks() {
  "$main/bin/ruff" check .
  "$main/bin/ruff" format --check .
  "$main/bin/mypy"
  git ls-files 'cpp/*.h' 'cpp/*.hpp' 'cpp/*.cpp' 'third_party/*.h' 'tests/*.cpp' 'tests/*.hpp' \
    'tests/*.c' 'benchmarks/*.c' |
    xargs "$main/bin/clang-format" --dry-run --Werror
  # Away from the sources, so that the installed extension is what is compared.
  (cd "$cache" && "$main/bin/python" -m mypy.stubtest edgeloop._core \
    --mypy-config-file "$OLDPWD/tests/stubtest.ini" \
    --allowlist "$OLDPWD/tests/stubtest_allowlist.txt")
}

# Two at a time: a test that waits for a worker leaves a core idle.
run_tests() {  # PYTHON ARGUMENT...
  local python=$1
  shift
  "$python" -m pytest -q -n 2 --dist loadfile "$@"
}

step "environments"
make_env "$main" tests/requirements/main.txt
if is more full; then make_env "$tflite" tests/requirements/tflite-runtime.txt; fi
step "package"
install_edgeloop
if is default full; then
  step "checks"
  checks
fi
if is default quick full; then
  step "C++ tests"
  cpp_tests plain
fi
if is more full; then
  step "C++ tests with AddressSanitizer and UndefinedBehaviorSanitizer"
  cpp_tests address address,undefined
fi
if is full; then
  step "C++ tests with ThreadSanitizer"
  cpp_tests thread thread
fi
if is default quick full; then
  step "unit tests"
  run_tests "$main/bin/python" tests/unit
fi
if is default more full; then
  step "tflite-c"
  "$main/bin/edgeloop" setup tflite-c
fi
if is default full; then
  step "integration tests that take seconds"
  run_tests "$main/bin/python" -m "not slow and not heavy" tests/integration
fi
if is more full; then
  # The tests of --host connect to a server of their own; without sshd they skip, and say so.
  if ! PATH=$PATH:/usr/sbin command -v sshd >/dev/null && [ "$(id -u)" = 0 ]; then
    step "sshd"
    (apt-get update -q && apt-get install -qy --no-install-recommends openssh-server) >/dev/null ||
      echo "tests/run.sh: no sshd can be installed; the tests of --host will skip"
  fi
  step "converters"
  "$main/bin/edgeloop" setup convert --wheel-dir "$wheels"
fi
if is full; then  # another Python than this wheel's: it is built from the sources there
  step "onnx2tf"
  "$main/bin/python" -c "from scikit_build_core.build import build_sdist; build_sdist('$wheels')"
  "$main/bin/edgeloop" setup onnx2tf --wheel-dir "$wheels" ||
    echo "tests/run.sh: onnx2tf cannot be set up here; its tests will skip"
fi
if is more full; then
  step "integration tests that are heavy"
  if is full; then marks="heavy or slow"; else marks="heavy and not slow"; fi
  run_tests "$main/bin/python" -m "$marks" tests/integration
  step "integration tests beside tflite-runtime"
  "$tflite/bin/python" -m pytest -q -m "not slow" tests/integration/test_engine_tflite_runtime.py
fi
if is full; then
  step "every Python"
  bash tests/pythons.sh
fi
step "done"
printf '%s\n' "${steps[@]}"
