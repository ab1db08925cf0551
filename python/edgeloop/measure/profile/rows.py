"""The operators of many runs as a table: a row for each operator, its time in every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.runtimes.protocol import OperatorTime

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class Rows:
    """`rows` as JSON, in the order of execution; `durations_ns` has a line per run."""

    rows: list[dict[str, Any]]
    durations_ns: npt.NDArray[np.float64]
    starts_ns: list[Optional[float]]
    """Start of each row in the last run, since the run began; None where it is not reported."""


def aligned(runs: Sequence[Sequence[OperatorTime]]) -> Rows:
    """Put the same operator of every run into one row; one that did not run took 0 ns.

    An operator that occurs several times in a run (a loop's body) has a row for each time.
    """
    places: dict[tuple[Any, ...], int] = {}
    rows: list[dict[str, Any]] = []
    keyed = [_keys(run) for run in runs]
    for run, keys in zip(runs, keyed):
        for one, key in zip(run, keys):
            if key not in places:
                places[key] = len(rows)
                rows.append(_row(one, None if not one.inside else places[key[0]]))
    durations_ns = np.zeros((len(runs), len(rows)))
    starts_ns: list[Optional[float]] = [None] * len(rows)
    for number, (run, keys) in enumerate(zip(runs, keyed)):
        for one, key in zip(run, keys):
            durations_ns[number, places[key]] = one.duration_ns
            if number == len(runs) - 1:
                starts_ns[places[key]] = one.start_ns
    return Rows(rows, durations_ns, starts_ns)


def _keys(run: Sequence[OperatorTime]) -> list[tuple[Any, ...]]:
    """Name each operator of a run: what it is, in which other, and the how manieth such."""
    seen: Counter[tuple[Any, ...]] = Counter()
    outer: tuple[Any, ...] = ()
    keys = []
    for one in run:
        what = (
            outer if one.inside else (),
            *(one.operator, one.owner, one.name, one.node, one.nodes, one.subgraph),
        )
        seen[what] += 1
        keys.append((*what, seen[what]))
        if not one.inside:
            outer = keys[-1]
    return keys


def _row(one: OperatorTime, inside: Optional[int]) -> dict[str, Any]:
    return {
        "operator": one.operator,
        "owner": one.owner,
        "name": one.name,
        "node": one.node,
        "nodes": list(one.nodes),
        "subgraph": one.subgraph,
        "inside": inside,
    }
