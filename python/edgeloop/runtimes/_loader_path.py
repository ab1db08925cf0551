"""Where the dynamic loader would find a library."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path


def on_loader_path(name: str) -> Iterator[Path]:
    """Yield what the dynamic loader would find: LD_LIBRARY_PATH, then its cache.

    ctypes.util.find_library names the file without its folder, and starts a compiler to find it.
    """
    for folder in filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")):
        yield Path(folder).absolute() / name
    for ldconfig in ("/sbin/ldconfig", "/usr/sbin/ldconfig"):
        if Path(ldconfig).is_file():
            listing = subprocess.run(
                [ldconfig, "-p"], capture_output=True, text=True, check=False
            ).stdout
            pattern = rf"^\s*{re.escape(name)}(?:\.\S+)? .*=> (\S+)$"
            yield from (Path(path) for path in re.findall(pattern, listing, re.MULTILINE))
            return
