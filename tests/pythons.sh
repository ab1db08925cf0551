#!/usr/bin/env bash
# Builds the package and runs the unit tests on every Python from 3.9 to 3.14 that is here.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=find_python.sh
. tests/find_python.sh
cache=$PWD/.cache/pythons
mkdir -p "$cache"

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
