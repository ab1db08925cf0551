"""What this process has used so far, as the kernel counts it."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any, Optional


def usage() -> dict[str, Any]:
    """Return peak memory in bytes, context switches and migrations; None where not reported."""
    counted = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "peak_rss_bytes": _peak_rss_bytes(),
        "context_switches": {"voluntary": counted.ru_nvcsw, "involuntary": counted.ru_nivcsw},
        "migrations": _migrations(),
    }


def _peak_rss_bytes() -> Optional[int]:
    """Read the high-water mark of this program.

    Not ru_maxrss: that one is inherited over fork and exec, so that a worker of a large notebook
    would seem as large as the notebook.
    """
    value = _value("/proc/self/status", "VmHWM")
    return None if value is None else int(value.split()[0]) * 1024  # "kB" there are KiB


def _migrations() -> Optional[int]:
    """Read how often the scheduler moved the main thread."""
    value = _value("/proc/self/sched", "se.nr_migrations")
    return None if value is None else int(value)


def _value(path: str, wanted: str) -> Optional[str]:
    """Return what follows `wanted` and a colon in a file of the kernel, or None."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == wanted:
            return value.strip()
    return None
