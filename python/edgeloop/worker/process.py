"""A worker's process: started in a session of its own, ended with all its children."""

from __future__ import annotations

import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Optional

from edgeloop import errors

# `-m` and `-c` put the working directory first on the path: a numpy.py, or a socket.py, lying
# there must not be imported. It goes before anything but the built-in sys is.
_BOOTSTRAP = (
    "import sys; sys.path[:] = [entry for entry in sys.path if entry]; "
    "from edgeloop.measure.worker import main; main()"
)

# A random environment size per process (0 to 4 kB) keeps one stack alignment from deciding every
# process alike (Mytkowicz et al. 2009).
_PADDING_BYTES = 4096

# Not the generator that the caller may have seeded: the size must differ from run to run.
_chance = random.SystemRandom()

# What a worker that closed its connection may take to end, and how often that is looked at.
_ENDING_S = 5.0
_LOOK_S = 0.01

# What a signal means where it says more than "a bug".
_MEANINGS = {
    signal.SIGKILL: "was killed by SIGKILL, as the kernel does when the memory runs out,",
    signal.SIGILL: "crashed with SIGILL (an instruction that this CPU does not have)",
}


class WorkerProcess:
    """An interpreter that runs `edgeloop.measure.worker`, with a socket and a pipe to it."""

    def __init__(self, python: str, *, repeatable: bool = False) -> None:
        """Start it; `repeatable`: see `environment`.

        Raises NotAvailableError where the interpreter cannot be started.
        """
        with ExitStack() as undo:
            self._folder = _own_folder()
            if self._folder is not None:
                undo.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self.connection, theirs = socket.socketpair()
            undo.enter_context(self.connection)
            with theirs:
                self.log_fd, log_write = os.pipe()
                undo.callback(os.close, self.log_fd)
                try:
                    self._process = _spawn(
                        python, theirs.fileno(), log_write, self._environment(repeatable)
                    )
                finally:
                    os.close(log_write)
            undo.pop_all()
        os.set_blocking(self.log_fd, False)
        self.exit_fd = _exit_fd(self.pid)
        self._killed = False

    @property
    def pid(self) -> int:
        """The process id, and the id of its session and group."""
        return self._process.pid

    def kill(self) -> None:
        """Kill what is left of the process and of its children."""
        if self._process.returncode is not None:
            return
        self._killed = self._killed or not self._ended()
        # Not reaped yet, so the group's number cannot belong to anyone else.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def ending(self) -> str:
        """Say how the process ended; it gets a few seconds to do so, then it is killed."""
        deadline_s = time.monotonic() + _ENDING_S
        while not self._ended() and time.monotonic() < deadline_s:
            time.sleep(_LOOK_S)
        self.kill()
        code = self._process.returncode
        if self._killed:
            return "closed its connection and had to be killed"
        if code >= 0:
            return f"ended by itself with exit code {code}"
        if -code in _MEANINGS:
            return _MEANINGS[signal.Signals(-code)]
        return f"crashed with {_signal_name(-code)}"

    def close(self) -> None:
        """Kill what is left and give the descriptors back."""
        self.kill()
        self.connection.close()
        os.close(self.log_fd)
        if self.exit_fd is not None:
            os.close(self.exit_fd)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _environment(self, repeatable: bool) -> dict[str, str]:
        folder = {} if self._folder is None else {"TMPDIR": self._folder}
        return {**environment(repeatable=repeatable), **folder}

    def _ended(self) -> bool:
        """Look without reaping."""
        if self._process.returncode is not None:
            return True
        try:
            state = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # the caller's program ignores SIGCHLD: the kernel reaps
            return True
        return state is not None


def _own_folder() -> Optional[str]:
    """Make the folder for what a worker writes; None where there is no room for one."""
    try:
        return tempfile.mkdtemp(prefix="edgeloop-worker-")
    except OSError:
        return None


def environment(*, repeatable: bool = False) -> dict[str, str]:
    """Return the environment of a new worker: ours, and a padding of random size.

    `repeatable`: sets of names are walked in one order, which decides the names and the order of
    tensors in what a converter writes. Measuring varies it, so that no order decides a latency.
    ONNX Runtime's wheels upload telemetry from a thread of their own unless it is switched off.
    What torch.compile makes stays where it is kept without us, for the next worker.
    """
    return {
        "ORT_DISABLE_TELEMETRY": "1",
        "TORCHINDUCTOR_CACHE_DIR": f"{os.environ.get('TMPDIR', '/tmp')}/torchinductor_{_user()}",
        **os.environ,
        "EDGELOOP_PADDING": "x" * _chance.randrange(_PADDING_BYTES),
        **({"PYTHONHASHSEED": "0"} if repeatable else {}),
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a number without a name
        return str(os.getuid())


def _spawn(
    python: str, connection_fd: int, log_fd: int, variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [python, "-c", _BOOTSTRAP, "--fd", str(connection_fd), "--parent", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=log_fd,
            stderr=log_fd,
            pass_fds=[connection_fd],
            env=variables,
            start_new_session=True,  # Ctrl-C is the parent's: it decides what is kept
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise errors.NotAvailableError(
            f"the interpreter {python!r} cannot be started ({reason}); "
            "give the path of a Python that has edgeloop with --python"
        ) from error


def _exit_fd(pid: int) -> Optional[int]:
    """Open a descriptor that becomes readable when the process ends; None before Linux 5.3.

    It shows a crash where a child that the runtime forked still holds the connection.
    """
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
