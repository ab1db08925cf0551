"""What a profile says: time and share of every operator, by node and by type, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.errors import EdgeloopError, RuntimeFailedError, reasoned
from edgeloop.measure.profile.experiment import ProfiledProcess, block_numbers
from edgeloop.measure.record import header_of
from edgeloop.results.figures import duration_interval, percent
from edgeloop.results.notebook import html_table, one_line
from edgeloop.results.warnings import delegate_warnings
from edgeloop.spec.resolved import Model, ResolvedSpec
from edgeloop.stats.compare import compare_paired
from edgeloop.stats.location import process_centres, student
from edgeloop.stats.processes import FEWEST_PROCESSES

if TYPE_CHECKING:
    import numpy.typing as npt

_TFLITE_FORMATS = ("tflite", "edgetpu")

# Blocks of one process are not independent: however many, they show its own scatter only.
_FEW = f"one process is not enough for an interval; {FEWEST_PROCESSES} are the fewest"


@dataclass(frozen=True)
class Profile:
    """One model in one runtime, profiled. `document` is JSON-able; its times are in ns."""

    document: Mapping[str, Any]
    last_run: tuple[tuple[Optional[float], float], ...]
    """Start since the run began (None: not reported) and duration of each operator, in ns, once."""

    @property
    def operators(self) -> Sequence[Mapping[str, Any]]:
        """A row per operator in the order of execution; see `document["profile"]`."""
        rows: Sequence[Mapping[str, Any]] = self.document["profile"]["operators"]
        return rows

    def __repr__(self) -> str:
        """Return the title, the time of a run and the number of operators in one line."""
        run = _time(self.document["profile"]["run"])
        text = f"{self.document['title']}, a run takes {run} in {len(self.operators)} operators"
        return one_line("Profile", text)

    def _repr_html_(self) -> str:
        """Show the types of operators in a notebook, the longest first."""
        rows = [
            (percent(one["share"]), str(one["calls"]), _time(one), one["operator"], one["owner"])
            for one in self.document["profile"]["by_type"]
        ]
        headings = ("share", "calls", "mean per run [95 %]", "operator", "ran by")
        return html_table(str(self.document["title"]), headings, rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the whole document."""
        return dict(self.document)


def _time(figures: Mapping[str, Any]) -> str:
    return duration_interval(figures["mean_ns"], figures["mean_ci95_ns"])


def summarise(spec: ResolvedSpec, processes: Sequence[ProfiledProcess]) -> Profile:
    """Return the profile that the processes gave."""
    rows = named(processes[0].rows, spec.model)
    if any(process.rows != processes[0].rows for process in processes):
        raise RuntimeFailedError(
            f"{spec.title}: the operators differ from process to process; profile one process with "
            "--processes 1"
        )
    times = _Times(processes)
    top = [number for number, row in enumerate(rows) if row["inside"] is None]
    header = header_of(spec, processes[0].worker)
    return Profile(
        document={
            **header,
            "profile": {
                "resolution": processes[0].resolution,
                "processes": len(processes),
                "runs": sum(len(process.operators_ns) for process in processes),
                "run": times.figures(None),
                **_slow_down(processes),
                "operators": [
                    {**row, **times.figures([number])} for number, row in enumerate(rows)
                ],
                "by_type": _by_type(rows, times),
                "outside": times.figures(top, outside=True),
            },
            "log": processes[0].worker.client.log.text(),
            "warnings": list(delegate_warnings(header)),
        },
        last_run=tuple(zip(processes[-1].starts_ns, map(float, processes[-1].operators_ns[-1]))),
    )


class _Times:
    """Mean times over all runs; a process's mean is what an interval rests on."""

    def __init__(self, processes: Sequence[ProfiledProcess]) -> None:
        self._processes: list[int] = []
        operators, runs = [], []
        for number, process in enumerate(processes):
            blocks = block_numbers(process.profiled_ns)
            durations_ns = np.concatenate(process.profiled_ns)
            for block in range(len(process.profiled_ns)):
                chosen = blocks == block
                operators.append(process.operators_ns[chosen].mean(axis=0))
                runs.append(float(durations_ns[chosen].mean()))
                self._processes.append(number)
        self._operators = np.array(operators)
        self._runs = np.array(runs)

    def figures(self, columns: Optional[Sequence[int]], *, outside: bool = False) -> dict[str, Any]:
        """Return the mean time per run of some rows together, and its share; None: the run's.

        `outside` is what a run takes beyond them.
        """
        each: npt.NDArray[Any] = self._runs
        if columns is not None:
            each = self._operators[:, list(columns)].sum(axis=1)
            each = self._runs - each if outside else each
        centres = process_centres(each, self._processes, _mean)
        found = student(centres)
        mean_ns = float(centres.mean())
        # No time is negative, whatever Student's interval says of a few blocks.
        interval = None if found is None else [max(0.0, bound) for bound in found.interval()]
        return {
            "mean_ns": mean_ns,
            **reasoned("mean_ci95_ns", interval, _FEW),
            "share": mean_ns / float(process_centres(self._runs, self._processes, _mean).mean()),
        }


def _by_type(rows: Sequence[Mapping[str, Any]], times: _Times) -> list[dict[str, Any]]:
    """Return the times by operator and owner, the longest first.

    A partition whose delegate tells of its operators counts by them.
    """
    opened = {row["inside"] for row in rows}
    groups: dict[tuple[str, str], list[int]] = {}
    for number, row in enumerate(rows):
        if number not in opened:
            groups.setdefault((row["operator"], row["owner"]), []).append(number)
    found = [
        {"operator": operator, "owner": owner, "calls": len(columns), **times.figures(columns)}
        for (operator, owner), columns in groups.items()
    ]
    return sorted(found, key=lambda group: -float(group["mean_ns"]))


def _slow_down(processes: Sequence[ProfiledProcess]) -> dict[str, Any]:
    """Return how much longer a run takes with the profiler on, from pairs of blocks."""
    plain = [float(np.median(block)) for process in processes for block in process.plain_ns]
    profiled = [float(np.median(block)) for process in processes for block in process.profiled_ns]
    numbers = [
        number for number, process in enumerate(processes) for _ in range(len(process.plain_ns))
    ]
    compared = compare_paired(plain, profiled, processes=numbers)
    interval = None if compared.ratio_ci95 is None else list(compared.ratio_ci95)
    return {
        "plain_run": _median(plain, numbers),
        "profiled_run": _median(profiled, numbers),
        "slow_down": {
            "ratio": compared.ratio,
            **reasoned("ratio_ci95", interval, _FEW),
            "pairs": len(plain),
        },
    }


def _median(medians_ns: Sequence[float], processes: Sequence[int]) -> dict[str, Any]:
    """Return the mean of the processes' medians."""
    centres = process_centres(np.array(medians_ns), processes)
    found = student(centres)
    interval = None if found is None else [max(0.0, bound) for bound in found.interval()]
    return {
        "median_ns": float(centres.mean()),
        **reasoned("median_ci95_ns", interval, _FEW),
    }


def _mean(values: npt.NDArray[Any]) -> float:
    """Return the mean: times of operators have to add up to that of the run."""
    return float(values.mean())


def named(rows: Sequence[Mapping[str, Any]], model: Model) -> list[dict[str, Any]]:
    """Return the rows, those without a name named after what their node computes."""
    found = [dict(row) for row in rows]
    if model.format not in _TFLITE_FORMATS:
        return found
    from edgeloop.models.tflite_reader import read_model

    try:
        graphs = read_model(Path(model.path)).subgraphs
    except EdgeloopError:
        return found  # the runtime could read it all the same
    for row in found:
        if row["name"] or row["node"] is None or row["subgraph"] >= len(graphs):
            continue
        graph = graphs[row["subgraph"]]
        if row["node"] < len(graph.operators):
            outputs = graph.operators[row["node"]].outputs
            row["name"] = graph.tensors[outputs[0]].name if outputs else ""
    return found
