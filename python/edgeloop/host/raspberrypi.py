"""Ask the Raspberry Pi's firmware whether it slows the chip: mailbox, sysfs, then vcgencmd."""

from __future__ import annotations

import fcntl
import re
import shutil
import struct
from pathlib import Path

from edgeloop.host.program import run_program
from edgeloop.host.pseudofile import Reading, children, read_integer

# RPI_FIRMWARE_GET_THROTTLED of include/soc/bcm2835/raspberrypi-firmware.h. The request value is a
# mask of sticky bits to clear: 0 leaves them as they are.
_GET_THROTTLED = 0x00030046
_CLEAR_NOTHING = 0

# IOCTL_MBOX_PROPERTY of drivers/char/broadcom/vcio.c: _IOWR(100, 0, char *).
_IOC_READ_WRITE, _VCIO_TYPE = 3, 100
_POINTER_BYTES = struct.calcsize("P")
_MBOX_PROPERTY = (_IOC_READ_WRITE << 30) | (_POINTER_BYTES << 16) | (_VCIO_TYPE << 8)

# Total bytes, code (0 request, 0x80000000 answered), tag, value bytes, value code, value, end.
_MESSAGE = struct.Struct("<7I")
_ANSWERED = 0x80000000

_VCGENCMD_TIMEOUT_S = 2.0


def throttled_bits(root: Path = Path("/")) -> Reading[int]:
    """Return the `get_throttled` bits: live ones in the lower half, sticky ones in the upper."""
    tried = []
    for ask in (_mailbox, _sysfs, _vcgencmd):
        bits = ask(root)
        if bits.value is not None:
            return bits
        tried.append(bits.reason or "")
    return Reading(None, "; ".join(tried))


def _mailbox(root: Path) -> Reading[int]:
    path = root / "dev/vcio"
    message = bytearray(_MESSAGE.pack(_MESSAGE.size, 0, _GET_THROTTLED, 4, 0, _CLEAR_NOTHING, 0))
    try:
        with path.open("rb") as device:
            fcntl.ioctl(device, _MBOX_PROPERTY, message, True)
    except OSError as error:
        return Reading(None, f"{path}: {error.strerror} (members of the group video may ask it)")
    _, code, _, _, _, bits, _ = _MESSAGE.unpack(message)
    if code != _ANSWERED:
        return Reading(None, f"{path}: the firmware did not answer")
    return Reading(bits)


def _sysfs(root: Path) -> Reading[int]:
    platform = root / "sys/devices/platform"
    for soc in children(platform, "soc*"):
        for firmware in children(soc, "*firmware"):
            # Hexadecimal without 0x (drivers/firmware/raspberrypi.c prints "%x").
            bits = read_integer(firmware / "get_throttled", base=16)
            if bits.value is not None:
                return bits
    return Reading(None, f"no get_throttled under {platform}/soc*/*firmware")


def _vcgencmd(root: Path) -> Reading[int]:
    program = shutil.which("vcgencmd") if root == Path("/") else None
    if program is None:
        return Reading(None, "no vcgencmd")
    done = run_program([program, "get_throttled"], "vcgencmd", _VCGENCMD_TIMEOUT_S)
    if done.value is None:
        return Reading(None, done.reason)
    return parse_throttled(done.value.stdout)


def parse_throttled(text: str) -> Reading[int]:
    """Read `throttled=0x50000`, as vcgencmd prints it."""
    found = re.search(r"throttled=0x([0-9a-fA-F]{1,8})\b", text)
    if found is None:
        return Reading(None, f"vcgencmd printed {text[:40]!r}")
    return Reading(int(found.group(1), 16))
