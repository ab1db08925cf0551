#!/usr/bin/env bash
# Makes a Debian root folder, or uses it again; see usage().
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=debian.sh
. tests/integration/arm/debian.sh

usage() {
  cat <<'EOT'
usage: bash tests/integration/arm/root.sh SUITE [ARCHITECTURE] [PACKAGE...]

Makes a root of the suite below .cache/arm/roots/ with Python, venv and the packages (arm64 is the
default), and prints its path as the last line. The packages are unpacked, not configured: nothing
is emulated while it is made, which takes seconds. Enter it with tests/integration/arm/arm64-run.
EOT
}

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  "" | -*) usage >&2; exit 2 ;;
esac
suite=$1
architecture=${2:-arm64}
packages="base-files coreutils dash libc-bin libstdc++6 python3 python3-venv${3:+ ${*:3}}"
checksum=$(echo "$packages" | cksum)
root=$PWD/.cache/arm/roots/$suite-$architecture-${checksum%% *}

if [ "$architecture" = amd64 ]; then need_roots >&2; else need_emulation >&2; fi
if [ ! -e "$root" ]; then
  rm -rf "$root.new"
  mkdir -p "${root%/*}"
  mmdebstrap -q --arch="$architecture" --variant=extract --include="${packages// /,}" \
    "$suite" "$root.new" "$(debian_mirror)" >&2
  # What configuring ca-certificates would make: trixie's pip reads it as it starts, index or not.
  cat "$root.new"/usr/share/ca-certificates/mozilla/*.crt >"$root.new/etc/ssl/certs/ca-certificates.crt"
  mv "$root.new" "$root"
fi
echo "$root"
