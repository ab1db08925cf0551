"""A profile: pairs of blocks with and without the runtime's profiler, in turn, in two workers."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.errors import NotAvailableError, RuntimeFailedError
from edgeloop.measure import schedule
from edgeloop.measure.bench import preset_of
from edgeloop.measure.invocation import Attempt
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.observer import Observer, Progress
from edgeloop.measure.rest import comes_to_rest
from edgeloop.measure.session import BLOCK_S, TRANSITION_RUNS, Session
from edgeloop.runtimes import runtime
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.stats.location import FEWEST_SESSIONS
from edgeloop.worker import requests

if TYPE_CHECKING:
    import numpy.typing as npt

# As few pairs in a process still give an interval.
_FEWEST_PAIRS = 6

# Threads that spin after a run get this long to stop.
_REST_TIMEOUT_S = 2.0

# A block of more runs would say no more, and each of its operators is an object in the worker.
_MOST_RUNS = 300

# Of the time of a process this share goes to warm-up.
_WARM_SHARE = 0.25


@dataclass
class ProfiledProcess:
    """What one pair of processes gave; element k of each list is pair k of blocks."""

    attempt: Attempt
    """Of the worker with the profiler, without its blocks."""
    plain_ns: list[npt.NDArray[Any]] = field(default_factory=list)
    """Durations of the runs without the profiler."""
    profiled_ns: list[npt.NDArray[Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    operators_ns: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    """A line per profiled run, in order, a column per row."""
    starts_ns: list[Optional[float]] = field(default_factory=list)
    resolution: str = ""
    log: str = ""


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
    processes = spec.processes or max(FEWEST_SESSIONS, preset.processes)
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
        with TemporaryDirectory(prefix="edgeloop-profile-") as folder:
            pair = _Pair(spec, folder, number, generator)
            share_s = preset.total_seconds / processes
            found.append(pair.measure(share_s, preset.warmup_s, observer, progress))
    return found


class _Pair:
    """A worker without the profiler and one with it."""

    def __init__(
        self, spec: ResolvedSpec, folder: str, number: int, generator: random.Random
    ) -> None:
        profiled = replace(spec, options=replace(spec.options, profile=folder))
        self._specs = (spec, profiled)
        self._number = number
        self._generator = generator
        self._loop = spec.loops[0]
        self._most_runs: Optional[int] = None

    def measure(
        self, share_s: float, warmup_s: float, observer: Observer, progress: Progress
    ) -> ProfiledProcess:
        """Take pairs of blocks until the share of time is over."""
        with Monitor() as monitor, ExitStack() as stack:
            # In random order: the later one may get the worse memory.
            sessions: dict[int, Session] = {}
            for side in self._generator.sample((0, 1), 2):
                session = Session(self._specs[side], self._number, monitor)
                sessions[side] = stack.enter_context(session)
            plain, profiled = sessions[0], sessions[1]
            for session in (plain, profiled):
                session.warm_up(self._loop, _WARM_SHARE * share_s / 2, warmup_s / 2)
            hello = profiled.worker.hello
            found = ProfiledProcess(Attempt(
                clock=hello.clock,
                loaded=profiled.loaded,
                python=(hello.python, hello.executable),
            ))  # fmt: skip
            self._record(profiled, 1)  # shows how many runs a block can record
            deadline_s = time.monotonic() + (1.0 - _WARM_SHARE) * share_s
            while len(found.plain_ns) < _FEWEST_PAIRS or time.monotonic() < deadline_s:
                self._take(plain, profiled, found)
                done = len(found.plain_ns)
                observer.progress(replace(
                    progress,
                    runs=sum(block.size for block in found.profiled_ns),
                    elapsed_s=progress.elapsed_s + share_s - (deadline_s - time.monotonic()),
                    median_ns=float(np.median(found.profiled_ns[done - 1])),
                ))  # fmt: skip
            self._collect(profiled, found)
            plain.stop()
            profiled.stop()
        found.log = profiled.worker.log.text()
        return found

    def _take(self, plain: Session, profiled: Session, found: ProfiledProcess) -> None:
        """Take a block of either, in random order, each after the other has come to rest."""
        for side in self._generator.sample((0, 1), 2):
            session, other = (plain, profiled) if side == 0 else (profiled, plain)
            comes_to_rest(other.worker.pid, _REST_TIMEOUT_S)
            session.warm_runs(self._loop, TRANSITION_RUNS)
            runs = schedule.block_runs(session.run_ns[self._loop], 1, BLOCK_S)
            if side == 0:
                found.plain_ns.append(session.block(self._loop, runs, 1).durations_ns)
            else:
                found.profiled_ns.append(self._record(session, runs))

    def _record(self, session: Session, runs: int) -> npt.NDArray[Any]:
        """Record a block with the profiler; return the durations of its runs."""
        runs = min(runs, _MOST_RUNS if self._most_runs is None else self._most_runs, _MOST_RUNS)
        answer = session.worker.request(requests.Profile(self._loop, runs), "profiling the model")
        self._most_runs = answer.body["most_runs"]
        return np.frombuffer(answer.frames[0], dtype=np.uint64)

    def _collect(self, session: Session, found: ProfiledProcess) -> None:
        """Fetch what the profiler recorded."""
        answer = session.worker.request(requests.Operators(), "reading the profile")
        body = answer.body
        table = np.frombuffer(answer.frames[0], dtype=np.float64)
        recorded = 1 + sum(block.size for block in found.profiled_ns)  # one to try
        if body["runs"] != recorded:
            raise RuntimeFailedError(
                f"{session.spec.runtime}'s profiler recorded {body['runs']} of {recorded} runs; "
                "profile for a shorter time with --budget"
            )
        found.rows = body["rows"]
        found.operators_ns = table.reshape(recorded, len(body["rows"]))[1:]
        found.starts_ns = body["starts_ns"]
        found.resolution = body["resolution"]


def block_numbers(blocks: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Return for each run the number of its block."""
    return np.repeat(np.arange(len(blocks)), [block.size for block in blocks])
