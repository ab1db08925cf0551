"""What a Raspberry Pi's firmware is asked, and in which order."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from edgeloop.host import raspberrypi
from edgeloop.host.raspberrypi import parse_throttled, throttled_bits

SYSFS = "sys/devices/platform/soc/soc:firmware/get_throttled"


def firmware(bits: int, code: int = 0x80000000) -> Any:
    """Stand in for the mailbox driver of the kernel."""

    def ioctl(device: Any, request: int, message: bytearray, mutate: bool) -> int:
        assert request == 0xC0086400 if struct.calcsize("P") == 8 else 0xC0046400
        words = list(struct.unpack("<7I", message))
        assert words[0] == len(message)
        assert words[2:4] == [0x00030046, 4]
        assert words[5] == 0, "the sticky bits must stay"
        words[1], words[5] = code, bits
        message[:] = struct.pack("<7I", *words)
        return 0

    return ioctl


@pytest.fixture
def pi(fake: Any) -> Path:
    fake.device_tree("Raspberry Pi 4 Model B Rev 1.4", "raspberrypi,4-model-b", "brcm,bcm2711")
    fake.write("dev/vcio", "")
    fake.write(SYSFS, "0")
    return fake.root


def test_the_mailbox_is_asked_first(pi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raspberrypi.fcntl, "ioctl", firmware(0x50005))
    assert throttled_bits(pi).value == 0x50005


def test_a_mailbox_that_does_not_answer_is_passed_over(
    pi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raspberrypi.fcntl, "ioctl", firmware(0x50005, code=0x80000001))
    assert throttled_bits(pi).value == 0


def test_without_the_mailbox_sysfs_answers(pi: Path) -> None:
    """The stand-in for /dev/vcio is a plain file: the ioctl fails as it does without the driver."""
    (pi / SYSFS).write_text("50000\n", encoding="ascii")
    assert throttled_bits(pi).value == 0x50000


def test_where_nothing_answers_all_places_are_named(pi: Path) -> None:
    (pi / SYSFS).unlink()
    reason = throttled_bits(pi).reason or ""
    assert "dev/vcio" in reason
    assert "get_throttled" in reason
    assert "vcgencmd" in reason


@pytest.mark.parametrize(
    ("text", "bits"),
    [("throttled=0x50000\n", 0x50000), ("throttled=0x0", 0), ("error=1", None), ("", None)],
)
def test_what_vcgencmd_prints(text: str, bits: Any) -> None:
    assert parse_throttled(text).value == bits


def test_a_vcgencmd_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text("#!/bin/sh\nexec sleep 60\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + ":/bin:/usr/bin")
    monkeypatch.setattr(raspberrypi, "_VCGENCMD_TIMEOUT_S", 0.1)
    reading = raspberrypi._vcgencmd(Path("/"))
    assert reading.value is None
    assert "did not answer" in (reading.reason or "")
