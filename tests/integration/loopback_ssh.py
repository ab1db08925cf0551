"""A real sshd on the loopback interface, with keys, configuration and caches of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/sbin")


class LoopbackSsh:
    """The server, and an `ssh` for the PATH that knows it as the host "board".

    Further hosts: "stranger" offers a key that the server does not know, "nobody" is a port where
    none listens, "unknown" has a host key that the client does not know.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        for name in ("host_key", "key", "other_key"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)],
                check=True,
            )
        shutil.copy(folder / "key.pub", folder / "authorized_keys")
        public = (folder / "host_key.pub").read_text()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {public}")
        (folder / "sshd_config").write_text(self._server())
        (folder / "ssh_config").write_text(self._client())
        ssh = folder / "bin" / "ssh"
        ssh.parent.mkdir()
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
        ssh.chmod(0o755)
        if os.geteuid() == 0:  # where sshd locks up what it does not trust
            Path("/run/sshd").mkdir(exist_ok=True)
        self.log = (folder / "sshd.log").open("wb")
        self.server = subprocess.Popen(
            [str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")],
            stdout=self.log,
            stderr=self.log,
        )
        self._wait()

    @property
    def environment(self) -> dict[str, str]:
        """Ours, with that ssh on the PATH."""
        return {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}

    def program(self, name: str, text: str) -> str:
        """Write a program for the board and return its path."""
        path = self.folder / name
        path.write_text(text.replace("PYTHON", sys.executable))
        path.chmod(0o755)
        return str(path)

    def cut(self) -> list[int]:
        """Kill what serves the connections; return the processes that ran behind them."""
        family = _descendants(self.server.pid)
        serving = [pid for pid in family if _name(pid).startswith("sshd")]
        for pid in serving:
            os.kill(pid, signal.SIGKILL)
        return [pid for pid in family if pid not in serving]

    def stop(self) -> None:
        """End the server."""
        self.cut()
        self.server.terminate()
        self.server.wait()
        self.log.close()

    def _wait(self) -> None:
        deadline_s = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                said = (self.folder / "sshd.log").read_text()
                assert self.server.poll() is None, said
                assert time.monotonic() < deadline_s, said
                time.sleep(0.05)
            else:
                return

    def _server(self) -> str:
        folder = self.folder
        return f"""
Port {self.port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
SetEnv XDG_CACHE_HOME={self.cache} PYTHONFAULTHANDLER=0
"""

    def _client(self) -> str:
        folder = self.folder
        return f"""
Host nobody
  Port 1
Host stranger
  IdentityFile {folder}/other_key
Host unknown
  UserKnownHostsFile /dev/null
Host * !stranger
  IdentityFile {folder}/key
Host *
  HostName 127.0.0.1
  Port {self.port}
  User {getpass.getuser()}
  IdentitiesOnly yes
  IdentityAgent none
  StrictHostKeyChecking yes
  UserKnownHostsFile {folder}/known_hosts
"""


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found.append(child)
            waiting.append(child)
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
