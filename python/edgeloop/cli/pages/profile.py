"""A profile on one page: what takes the time, who ran it, and what looking costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from edgeloop.cli.pages.columns import columns
from edgeloop.cli.pages.placement import placement_lines
from edgeloop.errors import plain
from edgeloop.measure.profile.summary import Profile
from edgeloop.results.figures import duration_interval, percent, warning_lines
from edgeloop.stats.ratio import ratio_text

_NAME_LENGTH = 40


def profile_page(profile: Profile, top: int) -> str:
    """Return what `edgeloop profile` prints; `top` operators of each kind."""
    document = profile.document["profile"]
    names = _delegate_names(profile.document)
    parts = [f"{_answer(document)}\n  {profile.document['title']}"]
    parts.append(_table("by type", _types(document["by_type"], top, names)))
    parts.append(_table("by node", _longest(document["operators"], top, names)))
    parts.append(_run(document))
    parts += ["\n".join(placement_lines(profile.document))]
    return "\n\n".join([*parts, *warning_lines(profile.document["warnings"])])


def _answer(document: Mapping[str, Any]) -> str:
    """Say what takes the most time, and how much is in no operator."""
    outside = f"{percent(document['outside']['share'])} of the run is outside the operators."
    if not document["by_type"]:
        return outside
    longest = document["by_type"][0]
    name = plain(longest["operator"], _NAME_LENGTH)
    calls = "1 call" if longest["calls"] == 1 else f"{longest['calls']} calls"
    return f"{name} takes {percent(longest['share'])} of a run, in {calls}; {outside}"


def _run(document: Mapping[str, Any]) -> str:
    """Say what the shares are of, and what looking costs."""
    slow_down = document["slow_down"]
    ratio = ratio_text(slow_down["ratio"], slow_down["ratio_ci95"])
    processes = "1 process" if document["processes"] == 1 else f"{document['processes']} processes"
    plain_run = document["plain_run"]
    slow = (
        f"with the profiler a run takes {ratio} times as long ({slow_down['pairs']} pairs of "
        f"blocks); without it, {_figure(plain_run['median_ns'], plain_run['median_ci95_ns'])}"
    )
    return columns([
        ("100 %", f"{_time(document['run'])}: the mean of {document['runs']} runs in {processes}"),
        ("outside", f"{_time(document['outside'])} of it is in no operator"),
        ("slow-down", slow),
        ("times", document["resolution"]),
    ])  # fmt: skip


def _delegate_names(header: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the short name of a delegate by the name that the runtime gives its nodes."""
    delegates = (header.get("placement") or {}).get("delegates", ())
    return {owner: one["name"] for one in delegates for owner in one["owners"]}


def _table(title: str, rows: Sequence[Sequence[str]]) -> str:
    return f"{title}\n" + columns(rows, right=(0, 1))


def _types(
    groups: Sequence[Mapping[str, Any]], top: int, names: Mapping[str, str]
) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("share", "calls", "mean per run [95 %]", "operator", "ran by")]
    for group in groups[:top]:
        rows.append((
            percent(group["share"]),
            str(group["calls"]),
            _time(group),
            plain(group["operator"], _NAME_LENGTH),
            plain(names.get(group["owner"], group["owner"]), _NAME_LENGTH),
        ))  # fmt: skip
    left = groups[top:]
    if left:
        share = percent(sum(group["share"] for group in left))
        calls = str(sum(group["calls"] for group in left))
        rows.append((share, calls, "", f"{len(left)} types more (--top {len(groups)})", ""))
    return rows


def _longest(
    operators: Sequence[Mapping[str, Any]], top: int, names: Mapping[str, str]
) -> list[Sequence[str]]:
    """Return the longest operators in the order of their time, numbered as they run."""
    ranked = sorted(enumerate(operators, start=1), key=lambda item: -float(item[1]["mean_ns"]))
    rows: list[Sequence[str]] = [("share", "step", "mean per run [95 %]", "operator", "ran by")]
    for step, row in ranked[:top]:
        rows.append((
            percent(row["share"]),
            str(step),
            _time(row),
            _words(row),
            plain(names.get(row["owner"], row["owner"]), _NAME_LENGTH),
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
