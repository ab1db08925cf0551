"""One setup at a time works on an environment, also where an earlier one was killed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from edgeloop.envs.managed import folder_of
from edgeloop.errors import CannotWriteError, UsageError


@contextmanager
def alone(name: str) -> Iterator[int]:
    """Hold the environment; yield the descriptor that holds it.

    A pip that inherits the descriptor holds the environment until it ends, whoever started it:
    pip goes on where only its parent was killed, and two at a time would break each other's files.
    Raises UsageError where another holds it, CannotWriteError where its folder cannot be made.
    """
    path = folder_of(name).with_name(f".{name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise CannotWriteError(
            f"{path.parent} cannot be written ({error.strerror}); choose another data folder with "
            "XDG_DATA_HOME"
        ) from error
    try:
        _lock(held, name)
        yield held
    finally:
        os.close(held)


def _lock(held: int, name: str) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"another setup, or the pip that a killed one left, is at work on {name}; wait until "
            "it has ended"
        ) from None
    except OSError:  # a file system without locks
        return
