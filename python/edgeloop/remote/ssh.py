"""The system's ssh: how it is called, and what its endings mean."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence

from edgeloop.errors import EdgeloopError, NotAvailableError, RuntimeFailedError, UsageError

PYTHON = "python3"

# ssh's own exit code; any other is that of the command on the board.
_SSH_FAILED = 255
_NOT_FOUND = 127

# A line that is dead, not slow: four unanswered questions in a minute end it.
_OPTIONS = (
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "ConnectTimeout=20",
    "ClearAllForwardings=yes",
)

_BOOTSTRAP = (
    "import sys; sys.path[:] = [entry for entry in sys.path if entry]; "
    "from edgeloop.remote.agent import main; main()"
)

# What ssh says → what it means, and what to do.
_MEANINGS = {
    "Permission denied": "refuses the key that ssh offers; ssh-copy-id {host} brings yours there",
    "Host key verification failed": "has a host key that ssh does not know, or another than it "
    "knows; connect once with 'ssh {host}' and read what it prints",
}


def command(host: str, python: str) -> list[str]:
    """Return the command that starts the agent under `python` on the board.

    Keys, ports, user names and jump hosts are those of the user's own configuration. Raises
    UsageError for a host that ssh would take for an option, NotAvailableError without ssh.
    """
    if not host or host.startswith("-") or any(one.isspace() for one in host):
        raise UsageError(f"'{host}' is not a host; write USER@BOARD, or a name from ~/.ssh/config")
    ssh = shutil.which("ssh")
    if ssh is None:
        raise NotAvailableError("there is no ssh on the PATH, which --host needs; install OpenSSH")
    options = list(_OPTIONS)
    if not sys.stdin.isatty():  # nobody could answer a question
        options.append("BatchMode=yes")
    remote = shlex.join([python, "-c", _BOOTSTRAP])
    flags = [word for option in options for word in ("-o", option)]
    return [ssh, "-T", *flags, "--", host, f"exec {remote}"]


def start(arguments: Sequence[str], log_fd: int) -> subprocess.Popen[bytes]:
    """Start ssh; Ctrl-C does not reach it, but it may ask for a password on the terminal."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(
            list(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_fd,
            bufsize=0,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def why_not_started(host: str, python: str, code: int, said: str, version: str) -> EdgeloopError:
    """Return the error for an agent that never said hello."""
    tail = f"; it said: {said}" if said else ""
    if code == _SSH_FAILED:
        for text, meaning in _MEANINGS.items():
            if text in said:
                return NotAvailableError(f"{host} {meaning.format(host=host)}{tail}")
        return NotAvailableError(
            f"{host} cannot be reached; 'ssh {host}' must connect without a question{tail}"
        )
    install = f"ssh {host} {python} -m pip install edgeloop=={version}"
    if code == _NOT_FOUND:
        return NotAvailableError(
            f"{host} has no {python}; name the board's interpreter with --python{tail}"
        )
    if "No module named 'edgeloop" in said:
        return NotAvailableError(f"{python} on {host} has no edgeloop; install it there: {install}")
    return NotAvailableError(
        f"no agent starts under {python} on {host} (exit code {code}); install edgeloop there: "
        f"{install}{tail}"
    )


def connection_cut(host: str, doing: str, said: str) -> RuntimeFailedError:
    """Return the error for an agent that is gone."""
    tail = f"; ssh said: {said}" if said else ""
    return RuntimeFailedError(
        f"the connection to {host} was cut while {doing}; what had arrived is kept{tail}"
    )
