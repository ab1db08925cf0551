"""A profile: pairs of blocks with and without the runtime's profiler, in turn, in two workers."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.errors import NotAvailableError, RuntimeFailedError
from edgeloop.measure import schedule
from edgeloop.measure.bench import preset_of
from edgeloop.measure.live_worker import BLOCK_S, TRANSITION_RUNS, LiveWorker
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.observer import Observer, Progress
from edgeloop.measure.pair import Pair
from edgeloop.runtimes import runtime
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.stats.processes import FEWEST_PROCESSES
from edgeloop.worker import requests

if TYPE_CHECKING:
    import numpy.typing as npt

# As few pairs in a process still give an interval.
_FEWEST_PAIRS = 6

# A block of more runs would say no more, and each of its operators is an object in the worker.
_MOST_RUNS = 300

# Of the time of a process this share goes to warm-up.
_WARM_SHARE = 0.25


@dataclass
class ProfiledProcess:
    """What one pair of processes gave; element k of each list is pair k of blocks."""

    worker: LiveWorker
    """The one with the profiler."""
    plain_ns: list[npt.NDArray[Any]] = field(default_factory=list)
    """Durations of the runs without the profiler."""
    profiled_ns: list[npt.NDArray[Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    operators_ns: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    """A line per profiled run, in order, a column per row."""
    starts_ns: list[Optional[float]] = field(default_factory=list)
    resolution: str = ""


def profiled_loop(spec: ResolvedSpec) -> str:
    """Return the loop that the runtime's profiler watches.

    Raises NotAvailableError where the runtime cannot tell the time of an operator.
    """
    chosen = runtime(spec.runtime)
    if chosen.profiled_loop is not None:
        return chosen.profiled_loop
    raise NotAvailableError(
        f"{spec.runtime} cannot tell the time of an operator: {chosen.missing_profiler}; profile "
        "the model in another runtime that reads it, or measure whole runs with edgeloop bench"
    )


def measure_profile(spec: ResolvedSpec, observer: Observer) -> list[ProfiledProcess]:
    """Profile one configuration in as many pairs of processes as its effort asks for.

    The spec's loop is the one that `profiled_loop` names. Raises what went wrong.
    """
    preset = preset_of(spec)
    processes = spec.processes or max(FEWEST_PROCESSES, preset.processes)
    generator = random.Random(spec.seed)
    observer.phase(f"profiling {spec.title}")
    found: list[ProfiledProcess] = []
    for number in range(processes):
        progress = Progress(
            title=spec.title,
            process=number + 1,
            processes=processes,
            elapsed_s=preset.total_seconds * number / processes,
            budget_s=preset.total_seconds,
            runs=0,
            median_ns=None,
        )
        profiler = TemporaryDirectory(prefix="edgeloop-profile-")
        with profiler as folder, Monitor() as monitor:
            profiled = replace(spec, options=replace(spec.options, profile=folder))
            share_s = preset.total_seconds / processes
            pair = _Pair((spec, profiled), number, monitor, generator)
            with pair:
                found.append(pair.measure(share_s, preset.warmup_s, observer, progress))
    return found


class _Pair(Pair):
    """A worker without the profiler and one with it."""

    _most_runs = _MOST_RUNS
    """That a block with the profiler can record."""

    def measure(
        self, share_s: float, warmup_s: float, observer: Observer, progress: Progress
    ) -> ProfiledProcess:
        """Take pairs of blocks until the share of time is over."""
        self.open()
        for worker in (self.workers[0], self.workers[1]):
            worker.warm_up(self._loop, _WARM_SHARE * share_s / 2, warmup_s / 2)
        found = ProfiledProcess(self.workers[1])
        self._record(1)  # shows how many runs a block can record
        deadline_s = time.monotonic() + (1.0 - _WARM_SHARE) * share_s
        while len(found.plain_ns) < _FEWEST_PAIRS or time.monotonic() < deadline_s:
            self._take(found)
            observer.progress(replace(
                progress,
                runs=sum(block.size for block in found.profiled_ns),
                elapsed_s=progress.elapsed_s + share_s - (deadline_s - time.monotonic()),
                median_ns=float(np.median(found.profiled_ns[-1])),
            ))  # fmt: skip
        self._collect(found)
        self.stop()
        return found

    @property
    def _loop(self) -> str:
        return self.specs[0].loops[0]

    def _take(self, found: ProfiledProcess) -> None:
        """Take a block of either, in random order, each after the other has come to rest."""
        for side in self.order():
            self.rests(side)
            worker = self.workers[side]
            worker.warm_runs(self._loop, TRANSITION_RUNS)
            # Not as short as where loops take turns: until a side rests takes as long as a block,
            # and the operators' times want runs.
            runs = schedule.block_runs(worker.run_ns[self._loop], 1, BLOCK_S)
            if side == 0:
                found.plain_ns.append(worker.block(self._loop, runs, 1).durations_ns)
            else:
                found.profiled_ns.append(self._record(runs))

    def _record(self, runs: int) -> npt.NDArray[Any]:
        """Record a block with the profiler; return the durations of its runs."""
        request = requests.Profile(self._loop, min(runs, self._most_runs))
        answer = self.workers[1].client.request(request, "profiling the model")
        most = answer.body["most_runs"]  # None: any number
        self._most_runs = _MOST_RUNS if most is None else min(most, _MOST_RUNS)
        return np.frombuffer(answer.frames[0], dtype=np.uint64)

    def _collect(self, found: ProfiledProcess) -> None:
        """Fetch what the profiler recorded."""
        answer = found.worker.client.request(requests.Operators(), "reading the profile")
        body = answer.body
        table = np.frombuffer(answer.frames[0], dtype=np.float64)
        recorded = 1 + sum(block.size for block in found.profiled_ns)  # one to try
        if body["runs"] != recorded:
            raise RuntimeFailedError(
                f"{self.specs[0].runtime}'s profiler recorded {body['runs']} of {recorded} runs; "
                "profile for a shorter time with --budget"
            )
        found.rows = body["rows"]
        found.operators_ns = table.reshape(recorded, len(body["rows"]))[1:]
        found.starts_ns = body["starts_ns"]
        found.resolution = body["resolution"]


def block_numbers(blocks: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Return for each run the number of its block."""
    return np.repeat(np.arange(len(blocks)), [block.size for block in blocks])
