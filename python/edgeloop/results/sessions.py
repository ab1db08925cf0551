"""What earlier results of the same configuration on the same machine add to a new one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeloop.errors import ModelError, reasoned
from edgeloop.results.history import HistoryEntry, entry_of, read_entry
from edgeloop.results.store import SUFFIX
from edgeloop.stats.sessions import RunMedian, between_sessions

# As many as a year of weekly runs; the newest count.
MOST_RUNS = 50

# A file's name begins with the date and may end with a number: what is between is the same for one
# model in one runtime.
_NAME = re.compile(r"^\d+-\d+-(.*?)(?:-\d+)?" + re.escape(SUFFIX) + "$")


def put_sessions(header: Mapping[str, Any], last: dict[str, Any], path: Path) -> None:
    """Add `sessions` to the headline of a result's last line, from the folder of its file.

    `path` is where the result is written; the file itself and those of other models, options,
    versions or machines are left out. Without a headline median there is nothing to add to.
    """
    headline = last.get("summary")
    if header["command"] != "bench" or headline is None or headline["median_ns"] is None:
        return
    own = entry_of(path, dict(header), last)
    earlier = [one for one in _candidates(path) if _same(one, own)]
    chosen = sorted(earlier, key=lambda one: one.created_s)[-MOST_RUNS + 1 :]
    runs = [
        RunMedian(one.created_s, one.median_ns)
        for one in (*chosen, own)
        if one.median_ns is not None and one.median_ns > 0
    ]
    if not runs:
        headline.update(reasoned("sessions", None, "the median is 0 ns"))
        return
    found = between_sessions(runs)
    headline["sessions"] = {
        "runs": found.runs,
        "sessions": found.sessions,
        "span_s": found.span_s,
        "median_ns": found.median_ns,
        **reasoned("median_ci95_ns", found.interval, found.reason or ""),
        "least_ns": found.least_ns,
        "most_ns": found.most_ns,
    }


def _candidates(path: Path) -> list[HistoryEntry]:
    """Return the readable results in the folder whose names fit, without the file itself."""
    kind = _NAME.match(path.name)
    try:
        files = [one for one in path.parent.iterdir() if one.name.endswith(SUFFIX)]
    except OSError:
        return []
    found = []
    for file in files:
        name = _NAME.match(file.name)
        if file.name == path.name or (kind and (name is None or name[1] != kind[1])):
            continue
        try:
            found.append(read_entry(file))
        except ModelError:
            continue
    return found


def _same(one: HistoryEntry, own: HistoryEntry) -> bool:
    return (
        one.command == own.command
        and one.configuration == own.configuration
        and one.setting == own.setting
        and one.median_ns is not None
        and one.created_s <= own.created_s
    )
