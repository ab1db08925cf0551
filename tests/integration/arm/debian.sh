# Debian's packages and root folders; sourced by the scripts beside it and by .ci/wheels.sh.
# DEBIAN_MIRROR names a mirror; without it the system's own is used, where the system is a Debian.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

skip() {  # REASON
  echo "SKIP: $1"
  exit 0
}

debian_mirror() {
  if [ -n "${DEBIAN_MIRROR:-}" ]; then
    echo "$DEBIAN_MIRROR"
    return
  fi
  local release mirror
  release=$(. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME") || return 1
  # Not piped into head: apt-get would end by SIGPIPE, and pipefail make that a failure.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Release: $release")
  [ -n "$mirror" ] || return 1
  echo "${mirror%%$'\n'*}"
}

# An apt of its own for a suite and an architecture, below the folder: no root and no setting of
# this system is needed. The rest of the line goes to apt-get.
debian_apt() {  # FOLDER SUITE ARCHITECTURE ARGUMENT...
  local apt=$1/apt-$2-$3
  local options=(
    -o "Dir=$apt" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache"
    -o "Dir::State::lists=$apt/state/lists" -o "APT::Architecture=$3" -o "APT::Architectures=$3"
    -o "APT::Sandbox::User="
  )
  if [ ! -e "$apt/ready" ]; then
    local mirror
    mirror=$(debian_mirror) || { echo "no Debian mirror: DEBIAN_MIRROR is not set" >&2; return 1; }
    mkdir -p "$apt"/{etc/apt/{preferences.d,apt.conf.d},state/lists/partial,cache/archives/partial}
    : >"$apt/status"
    printf "%s [signed-by=$keyring] $mirror $2 main\n" deb deb-src >"$apt/etc/apt/sources.list"
    apt-get "${options[@]}" -qq update
    touch "$apt/ready"
  fi
  apt-get "${options[@]}" "${@:4}"
}

# Unpacks a package into FOLDER/PACKAGE-ARCHITECTURE, without installing it.
debian_unpack() {  # FOLDER SUITE ARCHITECTURE PACKAGE
  local target=$1/$4-$3
  if [ -e "$target" ]; then return; fi
  rm -rf "$target.new"
  mkdir -p "$target.new"
  (cd "$target.new" && debian_apt "$1" "$2" "$3" -qq download "$4" && dpkg -x ./*.deb . && rm ./*.deb)
  mv "$target.new" "$target"
}

# Fetches a source package's upstream archive and prints its path. Not by `apt-get source`: mirrors
# that lack the Debian part of it were seen.
debian_upstream() {  # FOLDER SUITE PACKAGE
  local line uri name hash
  line=$(debian_apt "$1" "$2" amd64 source --print-uris --only-source "$3" | grep "\.orig\.tar\.xz'")
  read -r uri name _ hash <<<"$line"
  if [ ! -e "$1/$name" ]; then
    /usr/lib/apt/apt-helper -q -o APT::Sandbox::User= download-file "${uri//\'/}" "$1/$name.new" "$hash" >&2
    mv "$1/$name.new" "$1/$name"
  fi
  echo "$1/$name"
}

# Installs what makes and enters roots, and ends with SKIP where this system does not allow it.
need_roots() {
  [ "$(uname -sm)" = "Linux x86_64" ] || skip "root folders are made on Linux x86-64 only"
  [ "$(id -u)" = 0 ] || skip "not root: mmdebstrap, chroot and mounts need it"
  unshare -m true 2>/dev/null || skip "no private mount namespace is allowed here (unshare -m)"
  local mirror
  mirror=$(debian_mirror) || skip "this is no Debian, and DEBIAN_MIRROR names no mirror"
  if ! command -v mmdebstrap >/dev/null || [ ! -e "$keyring" ]; then
    install_packages mmdebstrap debian-archive-keyring
  fi
}

# The same for roots of another architecture: qemu-user, registered with the kernel.
need_emulation() {
  need_roots
  local binfmt=/proc/sys/fs/binfmt_misc
  if [ ! -e $binfmt/register ]; then
    mount -t binfmt_misc binfmt_misc $binfmt 2>/dev/null || skip "binfmt_misc cannot be mounted"
  fi
  if ! command -v qemu-aarch64-static >/dev/null || ! command -v arch-test >/dev/null; then
    install_packages qemu-user-static binfmt-support arch-test
  fi
  local name
  for name in qemu-aarch64 qemu-arm; do
    [ -e $binfmt/$name ] || update-binfmts --enable $name 2>/dev/null || true
    [ -e $binfmt/$name ] || skip "the kernel does not take $name from update-binfmts"
  done
}

install_packages() {  # PACKAGE...
  local log
  log=$(apt-get -qq update 2>&1 && DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install --no-install-recommends "$@" 2>&1) || {
    echo "$log" | tail -3 >&2
    skip "apt-get cannot install $*"
  }
}
