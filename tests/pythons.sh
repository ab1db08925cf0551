#!/usr/bin/env bash
# Builds the package and runs the unit tests on every Python from 3.9 to 3.14 that is here.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=$PWD/.cache/pythons
mkdir -p "$cache"

find_python() {  # MINOR
  local candidate
  for candidate in "python3.$1" "$HOME"/.pyenv/versions/3."$1".*/bin/python; do
    if "$candidate" -c "import sys, venv; sys.exit(sys.version_info[:2] != (3, $1))" 2>/dev/null; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

tested=()
for minor in 9 10 11 12 13 14; do
  if ! python=$(find_python "$minor"); then
    echo "SKIP: Python 3.$minor is not on this machine"
    continue
  fi
  echo "== Python 3.$minor"
  env=$cache/3.$minor
  if [ ! -x "$env/bin/python" ]; then
    "$python" -m venv "$env"
    "$env/bin/python" -m pip install -q --upgrade pip
  fi
  "$env/bin/python" -m pip install -q ".[test]"
  "$env/bin/python" -m pip install -q --force-reinstall --no-deps .
  "$env/bin/python" -m pytest -q tests/unit
  tested+=("3.$minor")
done
echo "unit tests passed on Python ${tested[*]}"
