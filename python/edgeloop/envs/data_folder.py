"""Where edgeloop keeps what it installs, by the XDG base directory specification."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path:
    """Return $XDG_DATA_HOME/edgeloop, or ~/.local/share/edgeloop."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "edgeloop"
