"""A profile on one page: what takes the time, who ran it, and what looking costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from edgeloop.cli.pages.columns import columns
from edgeloop.cli.pages.table import heading
from edgeloop.measure.profile.summary import Profile
from edgeloop.results.figures import duration_interval, percent, warning_lines
from edgeloop.spec.plain_text import plain
from edgeloop.stats.ratio import ratio_text

_NAME_LENGTH = 40


def profile_page(profile: Profile, top: int) -> str:
    """Return what `edgeloop profile` prints; `top` operators of each kind."""
    document = profile.document["profile"]
    parts = [heading(profile.document), _run(document)]
    parts.append(_table("by type", _types(document["by_type"], top)))
    ranked = _longest(document["operators"], top)
    parts.append(_table("by node", ranked))
    outside = document["outside"]
    parts.append(f"outside the operators: {_time(outside)}, {percent(outside['share'])} of the run")
    parts.append(f"times: {document['resolution']}")
    return "\n\n".join([*parts, *warning_lines(profile.document["warnings"])])


def _run(document: Mapping[str, Any]) -> str:
    slow_down = document["slow_down"]
    ratio = ratio_text(slow_down["ratio"], slow_down["ratio_ci95"])
    processes = "1 process" if document["processes"] == 1 else f"{document['processes']} processes"
    return columns([
        ("median without the profiler", _median(document["plain_run"])),
        ("median with it", _median(document["profiled_run"])),
        ("a run takes with it", f"{ratio} times as long ({slow_down['pairs']} pairs of blocks)"),
        ("mean with it", f"{_time(document['run'])}: 100 % of the shares below"),
        ("profiled", f"{document['runs']} runs in {processes}"),
    ])  # fmt: skip


def _median(figures: Mapping[str, Any]) -> str:
    return _figure(figures["median_ns"], figures["median_ci95_ns"])


def _table(title: str, rows: Sequence[Sequence[str]]) -> str:
    return f"{title}\n" + columns(rows, right=(0, 1))


def _types(groups: Sequence[Mapping[str, Any]], top: int) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("share", "calls", "mean per run [95 %]", "operator", "ran by")]
    for group in groups[:top]:
        rows.append((
            percent(group["share"]),
            str(group["calls"]),
            _time(group),
            plain(group["operator"], _NAME_LENGTH),
            plain(group["owner"], _NAME_LENGTH),
        ))  # fmt: skip
    left = groups[top:]
    if left:
        share = percent(sum(group["share"] for group in left))
        calls = str(sum(group["calls"] for group in left))
        rows.append((share, calls, "", f"{len(left)} types more (--top {len(groups)})", ""))
    return rows


def _longest(operators: Sequence[Mapping[str, Any]], top: int) -> list[Sequence[str]]:
    """Return the longest operators in the order of their time, numbered as they run."""
    ranked = sorted(enumerate(operators, start=1), key=lambda item: -float(item[1]["mean_ns"]))
    rows: list[Sequence[str]] = [("share", "step", "mean per run [95 %]", "operator", "ran by")]
    for step, row in ranked[:top]:
        rows.append((
            percent(row["share"]),
            str(step),
            _time(row),
            _words(row),
            plain(row["owner"], _NAME_LENGTH),
        ))  # fmt: skip
    if len(ranked) > top:
        rows.append(("", "", "", f"{len(ranked) - top} rows more (--top {len(ranked)})", ""))
    return rows


def _words(row: Mapping[str, Any]) -> str:
    words = plain(row["operator"], _NAME_LENGTH)
    if row["nodes"]:
        words += f" of {len(row['nodes'])} nodes"
    if row["inside"] is not None:
        words = f"· {words}"  # within a partition that has a row of its own
    name = plain(row["name"], _NAME_LENGTH)
    return f"{words} {name}" if name else words


def _time(figures: Mapping[str, Any]) -> str:
    return _figure(figures["mean_ns"], figures["mean_ci95_ns"])


def _figure(value_ns: float, interval_ns: Optional[Sequence[float]]) -> str:
    words = "" if interval_ns is not None else " (no interval)"
    return duration_interval(value_ns, interval_ns) + words
