"""pip's own reason, without what only a programmer reads."""

from __future__ import annotations

import subprocess

import pytest

from edgeloop.envs.pip import pip_reason

BROKEN = "WARNING: Retrying (Retry(total=0)) after connection broken by '{}': /simple/six/\n"
NONE = "ERROR: No matching distribution found for six==1\n"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (BROKEN.format('NewConnectionError("[Errno 111] Connection refused")') + NONE,
         "[Errno 111] Connection refused"),
        (BROKEN.format("NewConnectionError('<pip._vendor.Connection object at 0x7f4>: Failed to "
                       "establish a new connection: [Errno -2] Name or service not known')") + NONE,
         "Failed to establish a new connection: [Errno -2] Name or service not known"),
        (BROKEN.format("SSLError(SSLCertVerificationError(1, 'unable to get issuer'))") + NONE,
         "SSLCertVerificationError(1, 'unable to get issuer')"),
        (NONE, "No matching distribution found for six==1"),
        ("something else\nlast line\n", "last line"),
        ("", "exit status 1"),
    ],
)  # fmt: skip
def test_the_reason_is_quoted(said, reason):
    assert pip_reason(subprocess.CompletedProcess([], 1, "", said)) == reason
