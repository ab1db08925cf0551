"""Set the CPU governor for a while, so that it comes back whatever happens to us.

Before anything is changed the old governors are written to a state file. A small guardian process
waits at the other end of a pipe: when our end closes, because we are done or because we were
killed, it restores them and removes the file. After a power cut the file is left, and
`edgeloop doctor --restore` reads it.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Optional

from edgeloop.errors import CannotWriteError, ModelError, UsageError, nearest, plain
from edgeloop.host.frequency import frequency_policies
from edgeloop.host.pseudofile import read_words
from edgeloop.host.user_folders import state_folder

_CPUFREQ = "sys/devices/system/cpu/cpufreq"

# The guardian restores in milliseconds; a kernel that takes longer is broken.
_GUARDIAN_TIMEOUT_S = 10.0

_MOST_BYTES = 1 << 16  # of a state file


def state_path() -> Path:
    """Return where the old governors are kept."""
    return state_folder() / "governor.json"


@contextmanager
def governor_held(
    name: Optional[str], root: Path = Path("/"), state: Optional[Path] = None
) -> Iterator[dict[str, Any]]:
    """Hold all policies at governor `name` inside the block; yield what holds, as JSON.

    Where the system refuses, `governor` is null with its reason and the block runs all the same.
    Raises UsageError for a governor that the kernel does not offer.
    """
    if name is None:
        yield {}
        return
    state = state or state_path()
    old = {p.name: p.governor for p in frequency_policies(root) if p.governor is not None}
    refused = _why_not(name, old, root)
    if refused is not None:
        yield {"governor": None, "governor_reason": refused}
        return
    _write_state(state, old)
    guardian = _start_guardian(state, root)
    try:
        try:
            _set(dict.fromkeys(old, name), root)
        except OSError as error:
            yield {
                "governor": None,
                "governor_reason": f"the kernel refused it: {error.strerror}; root may set it",
            }
        else:
            yield {"governor": name}
    finally:
        assert guardian.stdin is not None
        guardian.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            guardian.wait(_GUARDIAN_TIMEOUT_S)


def restore(state: Optional[Path] = None, root: Path = Path("/")) -> dict[str, str]:
    """Set the governors that a state file names and remove it; return policy → governor.

    Empty where there is no file. Raises ModelError where it is damaged, CannotWriteError where the
    kernel refuses.
    """
    state = state or state_path()
    text = _own_text(state)
    if text is None:
        return {}
    old = _read_state(state, text)
    try:
        _set(old, root)
    except OSError as error:
        raise CannotWriteError(
            f"the governors cannot be restored: {error.strerror}; run it as root"
        ) from error
    state.unlink()
    return dict(old)


def _why_not(name: str, old: Mapping[str, str], root: Path) -> Optional[str]:
    """Return why the governor cannot be set. Raises UsageError where there is none of the name."""
    if not old:
        return "the kernel publishes no frequency policies here"
    for policy in old:
        offered = read_words(root / _CPUFREQ / policy / "scaling_available_governors").value
        if offered and name not in offered:
            raise UsageError(f"{policy} has no governor '{name}'; {nearest(name, offered)}")
    if not all(os.access(root / _CPUFREQ / one / "scaling_governor", os.W_OK) for one in old):
        return "only root may set the governor: run it with sudo"
    return None


def _set(governors: Mapping[str, str], root: Path) -> None:
    for policy, governor in governors.items():
        path = root / _CPUFREQ / policy / "scaling_governor"
        if path.exists():  # its CPUs may have been switched off meanwhile
            path.write_text(governor, encoding="ascii")


def _write_state(state: Path, old: Mapping[str, str]) -> None:
    """Keep the old governors, on the disk; those of an earlier run that was cut off stand."""
    if _own_text(state) is not None:
        return
    try:
        state.parent.mkdir(parents=True, exist_ok=True)
        with state.open("x", encoding="utf-8") as file:
            json.dump({"governors": dict(old)}, file)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CannotWriteError(
            f"the old governors cannot be kept in {state}: {error.strerror}; nothing was changed"
        ) from error


def _own_text(state: Path) -> Optional[str]:
    """Return what a state file holds, None where there is none.

    Root would set what it says: so it has to be ours or root's, no link, and in a folder that only
    its owner changes. Raises ModelError otherwise.
    """
    try:
        descriptor = os.open(state, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"{state} cannot be read: {error.strerror}; remove it") from error
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        found, folder = os.fstat(descriptor), state.parent.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in (0, os.geteuid()):
            raise ModelError(f"{state} is another user's; remove it")
        if folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
            raise ModelError(f"{state} lies in a folder that everybody may change; remove it")
        return file.read(_MOST_BYTES)


def _read_state(state: Path, text: str) -> dict[str, str]:
    try:
        governors = json.loads(text)["governors"]
        found = {str(policy): str(governor) for policy, governor in governors.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{state} is damaged ({plain(str(error))}); remove it") from error
    for policy, governor in found.items():
        if not (policy.isalnum() and governor.isidentifier()):
            raise ModelError(
                f"{state} is damaged: '{plain(policy)}' is not a frequency policy; remove it"
            )
    return found


def _start_guardian(state: Path, root: Path) -> subprocess.Popen[bytes]:
    """Start the process that restores when our end of its standard input closes."""
    return subprocess.Popen(
        [sys.executable, "-m", "edgeloop.host.governor", str(state), str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C and a closed terminal are not for it
    )


def _guard() -> None:
    """Wait until the parent is done or gone, then restore."""
    while sys.stdin.buffer.read(1):
        pass
    with suppress(Exception):  # nobody is left to report to; the file stays for `doctor --restore`
        restore(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    _guard()
