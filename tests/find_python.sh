# Which Python of this machine to use; sourced by the scripts that make environments.

# Prints the path of the first CPython of these minors, in this order, that can make environments.
find_python() {  # MINOR...
  local minor candidate check
  for minor in "$@"; do
    check="import sys, venv; sys.exit(sys.version_info[:2] != (3, $minor))"
    for candidate in "python3.$minor" python3 "$HOME"/.pyenv/versions/3."$minor".*/bin/python; do
      if "$candidate" -c "$check" 2>/dev/null; then
        command -v "$candidate"
        return
      fi
    done
  done
  return 1
}
