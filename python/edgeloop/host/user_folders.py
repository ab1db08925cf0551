"""Where edgeloop keeps things of a user, by the XDG base directory specification."""

from __future__ import annotations

import os
from pathlib import Path

from edgeloop.errors import CannotWriteError


def data_folder() -> Path:
    """Return $XDG_DATA_HOME/edgeloop: results, and what was installed."""
    return _folder("XDG_DATA_HOME", ".local/share")


def cache_folder() -> Path:
    """Return $XDG_CACHE_HOME/edgeloop: copies that can be had again."""
    return _folder("XDG_CACHE_HOME", ".cache")


def state_folder() -> Path:
    """Return $XDG_STATE_HOME/edgeloop: what has to be undone after a power cut."""
    return _folder("XDG_STATE_HOME", ".local/state")


def _folder(variable: str, below: str) -> Path:
    """Return the folder that a variable names, or the one below the user's home.

    Raises CannotWriteError where the user has none.
    """
    base = Path(os.environ.get(variable, ""))
    if not base.is_absolute():  # the specification: a relative path is invalid and ignored
        try:
            base = Path.home() / below
        except RuntimeError as error:
            raise CannotWriteError(
                f"this user has no home folder; name another with {variable}"
            ) from error
    return base / "edgeloop"
