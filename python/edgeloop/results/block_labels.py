"""Which blocks ran slower than the others, and whether others had the core or the clock fell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from edgeloop.errors import reasoned
from edgeloop.results.probe import Probe
from edgeloop.stats.levels import SLOW, slowness

CLEAN = "clean"
SLOWER = "slower"
DISTURBED = "disturbed"
THROTTLED = "throttled"
"""The labels; a slower block is one whose cause is unknown."""

# Of the slowness of fixed work, the latency of slow blocks must show this much: work that waits
# for memory follows the clock in part, and work on another device not at all.
_FOLLOWS = 1 / 3


@dataclass(frozen=True)
class BlockLabel:
    """What the probe says of one block."""

    name: str
    """One of the labels."""
    slowness: float
    """Share by which fixed work took longer around the block than at its fastest level."""


def label_document(label: Optional[BlockLabel]) -> dict[str, Any]:
    """Return `slowness` and `label` of a block's JSON form."""
    no_probe = "the probe was switched off"
    return {
        **reasoned("slowness", None if label is None else label.slowness, no_probe),
        **reasoned("label", None if label is None else label.name, no_probe),
    }


@dataclass(frozen=True)
class ProbedBlock:
    """What decides on the label of a block."""

    kind: tuple[str, bool]
    """Loop, and whether its samples are for the tails: blocks of one kind are comparable."""
    median_ns: float
    """Of a run; 0 without samples."""
    probe: Optional[Probe]
    slowed: bool
    """Firmware or kernel named something that slows the CPUs."""


def block_labels(
    processes: Sequence[Sequence[ProbedBlock]], virtual: bool
) -> list[list[Optional[BlockLabel]]]:
    """Return the label of each block of each process, None where it was not probed.

    Fixed work must have run slower both before and after the block, at a level that lasted
    (stats.levels), and the latency must follow. `virtual`: a hypervisor may take the core unseen.
    """
    blocks = [block for process in processes for block in process]
    probes = [block.probe for block in blocks if block.probe is not None]
    times = [ns for probe in probes for ns in (probe.before_ns, probe.after_ns)]
    shares = iter(slowness(times).reshape(-1, 2).min(axis=1).tolist())
    share_of = [None if block.probe is None else float(next(shares)) for block in blocks]
    followed = _latency_follows(blocks, share_of)
    labels = iter([
        None if share is None else BlockLabel(
            _name(block, virtual) if followed and share > SLOW else CLEAN, share
        )
        for block, share in zip(blocks, share_of)
    ])  # fmt: skip
    return [[next(labels) for _ in process] for process in processes]


def slowed_between(samples: Iterable[Mapping[str, Any]], begun_ns: int, ended_ns: int) -> bool:
    """Tell whether firmware or kernel named a cause: at the readings before, in or after a block.

    `samples` are the host samples of a process as JSON.
    """
    taken = [(int(sample.get("taken_ns", 0)), sample.get("causes")) for sample in samples]
    first = max((at for at, _ in taken if at <= begun_ns), default=begun_ns)
    last = min((at for at, _ in taken if at >= ended_ns), default=ended_ns)
    return any(causes for at, causes in taken if first <= at <= last)


def _name(block: ProbedBlock, virtual: bool) -> str:
    assert block.probe is not None
    if block.slowed:
        return THROTTLED
    if block.probe.disturbed:
        return DISTURBED
    return THROTTLED if block.probe.alone and not virtual else SLOWER


def _latency_follows(blocks: Sequence[ProbedBlock], shares: Sequence[Optional[float]]) -> bool:
    """Tell whether the runs of slow blocks took longer than those of the others.

    Each kind is compared with itself, on logs, by the medians of its blocks.
    """
    slow: dict[tuple[str, bool], list[float]] = {}
    others: dict[tuple[str, bool], list[float]] = {}
    for block, share in zip(blocks, shares):
        if share is not None and block.median_ns > 0:
            side = slow if share > SLOW else others
            side.setdefault(block.kind, []).append(math.log(block.median_ns))
    more = [
        log - float(np.median(others[kind]))
        for kind, logs in slow.items()
        if kind in others
        for log in logs
    ]
    if not more:
        return False
    typical = float(np.median([share for share in shares if share is not None and share > SLOW]))
    return float(np.median(more)) >= _FOLLOWS * math.log1p(typical)
