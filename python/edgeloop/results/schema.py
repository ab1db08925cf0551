"""The result of one configuration, as objects and as the JSON document that users read.

Every field may be null; then `<field>_reason` says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.errors import EdgeloopError, NotAvailableError, reasoned
from edgeloop.host.virtualisation import NONE
from edgeloop.results.block_labels import (
    BlockLabel,
    ProbedBlock,
    block_labels,
    label_document,
    slowed_between,
)
from edgeloop.results.fields import (
    flag,
    mapping,
    number,
    number_or_null,
    sequence,
    text,
    whole,
    whole_list,
    whole_or_null,
    wholes,
)
from edgeloop.results.loop_figures import Interval, LoopFigures, ResultWarning
from edgeloop.results.notebook import html_table, loop_text, metric_rows, one_line
from edgeloop.results.probe import Probe, probe_document, read_probe
from edgeloop.results.samples import SampleBudget, decode, encode
from edgeloop.stats.run_times import RunTimes

if TYPE_CHECKING:
    import numpy.typing as npt

# Of the samples as a table.
_COLUMNS = (
    *("process", "block", "loop", "start_ns", "runs_per_sample", "tail", "label"),
    "duration_ns",
)


@dataclass(frozen=True)
class Block:
    """A stretch of runs with nothing between them."""

    loop: str
    start_ns: int
    runs_per_sample: int
    durations_ns: npt.NDArray[np.uint64]
    """One entry per sample; each is the time of `runs_per_sample` runs."""
    cpu_ns: Optional[int] = None
    """CPU time of the whole worker process during the block."""
    probe: Optional[Probe] = None
    """Fixed work before and after the block; None where it was switched off."""
    temperature_c: Optional[float] = None
    tail: bool = False
    """One run per sample for the tails, where the other blocks average several runs."""
    power_w: Optional[float] = None
    """The newest reading of the power meter when the block ended."""
    interval_ns: Optional[int] = None
    """Open loop: a run was due every so often, and durations count from when it was due."""
    busy_ns: Optional[int] = None
    """Open loop: time inside runs."""

    def run_times(self) -> RunTimes:
        """Return the samples in ns per run: what every statistic is made of."""
        return RunTimes.of_samples(self.durations_ns, self.runs_per_sample)

    @property
    def wall_ns(self) -> int:
        """Time of the whole block."""
        if self.interval_ns is not None:
            return self.interval_ns * int(self.durations_ns.size)
        return int(self.durations_ns.sum())

    def as_dict(self, label: Optional[BlockLabel] = None) -> dict[str, Any]:
        """Return the JSON form, with what the probes of all blocks say of this one."""
        return {
            "loop": self.loop,
            "tail": self.tail,
            "start_ns": self.start_ns,
            "runs_per_sample": self.runs_per_sample,
            "durations_ns": encode(self.durations_ns),
            **({} if self.interval_ns is None else self._open_loop()),
            **reasoned("cpu_ns", self.cpu_ns, "the CPU time was not read"),
            **probe_document(self.probe),
            **label_document(label),
            **reasoned("temperature_c", self.temperature_c, "no thermal zone can be read"),
            **reasoned("power_w", self.power_w, "no power meter was read"),
        }

    def _open_loop(self) -> dict[str, Any]:
        return {"interval_ns": self.interval_ns, "busy_ns": self.busy_ns}

    @classmethod
    def from_dict(cls, document: Any, budget: Optional[SampleBudget] = None) -> Block:
        """Read the JSON form. Raises ModelError where a field is missing or malformed."""
        document = mapping(document)
        return cls(
            loop=text(document, "loop"),
            tail=flag(document, "tail"),
            start_ns=whole(document, "start_ns"),
            runs_per_sample=whole(document, "runs_per_sample", least=1),
            durations_ns=decode(document.get("durations_ns"), budget),
            cpu_ns=whole_or_null(document, "cpu_ns"),
            probe=read_probe(document),
            temperature_c=number_or_null(document, "temperature_c"),
            power_w=number_or_null(document, "power_w"),
            interval_ns=whole_or_null(document, "interval_ns"),
            busy_ns=whole_or_null(document, "busy_ns"),
        )


@dataclass(frozen=True)
class Invocation:
    """What one worker process measured."""

    interpreter_start_ns: int
    import_ns: int
    load_ns: dict[str, int]
    """Instance ("engine", "framework") → time to load the model in it."""
    first_run_ns: dict[str, int]
    """Instance → its first inference."""
    warmup_ns: dict[str, list[int]]
    """Loop → mean time of a run in each warm-up block, in order."""
    blocks: list[Block]
    stop_reason: str
    log: str
    framework_first: bool = False
    measuring_s: float = 0.0
    """Warm-up and blocks, and what passes between them."""
    ready_s: Optional[float] = None
    """From the start of the process until it could measure; None in older results."""
    stages_ns: Optional[dict[str, list[int]]] = None
    """Stage of a run on a device ("compute", "host to device") → its times, by the device's clock.

    They are of runs of their own, after the blocks."""
    threads_started: Optional[int] = None
    context_switches: Optional[dict[str, int]] = None
    migrations: Optional[int] = None
    peak_rss_bytes: Optional[int] = None
    host_samples: Sequence[dict[str, Any]] = ()
    """The machine about once a second while blocks ran, as measure.monitor writes it."""
    error: Optional[str] = None
    """The sentence of the error that ended the process before its time."""

    @property
    def start_up_s(self) -> float:
        """What the process cost before it could measure, all imports of ours included."""
        if self.ready_s is not None:
            return self.ready_s
        parts = (self.interpreter_start_ns, self.import_ns)
        return sum((*parts, *self.load_ns.values(), *self.first_run_ns.values())) / 1e9

    def run_times(self, loop: str, *, tail: bool = False) -> list[RunTimes]:
        """Return the samples of each block of a loop, in ns per run."""
        return [b.run_times() for b in self.blocks if b.loop == loop and b.tail == tail]

    def probed_blocks(self) -> list[ProbedBlock]:
        """Return what decides on the labels of the blocks."""
        return [
            ProbedBlock(
                kind=(block.loop, block.tail),
                median_ns=block.run_times().median_ns if block.durations_ns.size else 0.0,
                probe=block.probe,
                slowed=slowed_between(
                    self.host_samples, block.start_ns, block.start_ns + block.wall_ns
                ),
            )
            for block in self.blocks
        ]

    def as_dict(self, labels: Sequence[Optional[BlockLabel]] = ()) -> dict[str, Any]:
        """Return the JSON form, with the label of each block where they are given."""
        gone = "the worker ended before it could be asked"
        return {
            "interpreter_start_ns": self.interpreter_start_ns,
            "import_ns": self.import_ns,
            "load_ns": self.load_ns,
            "first_run_ns": self.first_run_ns,
            "framework_first": self.framework_first,
            "ready_s": self.ready_s,
            "measuring_s": self.measuring_s,
            "warmup_ns": self.warmup_ns,
            "blocks": [block.as_dict(label) for block, label in zip_longest(self.blocks, labels)],
            **reasoned(
                "stages_ns", self.stages_ns, "the runtime does not time the stages of a run"
            ),
            **reasoned(
                "threads_started",
                self.threads_started,
                gone if self.context_switches is None else "/proc could not be read",
            ),
            **reasoned("context_switches", self.context_switches, gone),
            **reasoned(
                "migrations",
                self.migrations,
                gone if self.context_switches is None else "the kernel does not report it",
            ),
            **reasoned("peak_rss_bytes", self.peak_rss_bytes, gone),
            "stop_reason": self.stop_reason,
            "log": self.log,
            "host_samples": list(self.host_samples),
            **({} if self.error is None else {"error": self.error}),
        }

    @classmethod
    def from_dict(
        cls, document: dict[str, Any], budget: Optional[SampleBudget] = None
    ) -> Invocation:
        """Read the JSON form. Raises ModelError where a field is missing or malformed."""
        warmup = mapping(document.get("warmup_ns"))
        switches = document.get("context_switches")
        stages = document.get("stages_ns")
        return cls(
            interpreter_start_ns=whole(document, "interpreter_start_ns"),
            import_ns=whole(document, "import_ns"),
            load_ns=wholes(document, "load_ns"),
            first_run_ns=wholes(document, "first_run_ns"),
            framework_first=flag(document, "framework_first"),
            ready_s=number_or_null(document, "ready_s"),
            measuring_s=number(document, "measuring_s"),
            warmup_ns={loop: whole_list(warmup, loop) for loop in warmup},
            blocks=[Block.from_dict(block, budget) for block in sequence(document, "blocks")],
            stages_ns=None
            if stages is None
            else {name: whole_list(mapping(stages), name) for name in mapping(stages)},
            threads_started=whole_or_null(document, "threads_started"),
            context_switches=None if switches is None else wholes(document, "context_switches"),
            migrations=whole_or_null(document, "migrations"),
            peak_rss_bytes=whole_or_null(document, "peak_rss_bytes"),
            stop_reason=text(document, "stop_reason"),
            log=text(document, "log"),
            host_samples=[mapping(one) for one in document.get("host_samples") or ()],
            error=None if document.get("error") is None else text(document, "error"),
        )


@dataclass
class Result:
    """One configuration, measured."""

    header: dict[str, Any]
    """schema_version, command, spec, host, runtime, model, clock, timed_region, placement."""
    invocations: list[Invocation] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    """The last line of the file: summary, loops, overhead, accuracy, warnings."""
    path: Optional[str] = None
    error: Optional[EdgeloopError] = None
    """What ended the measurement early; what was measured before it stands."""

    @property
    def loop_names(self) -> Sequence[str]:
        """The loops that were asked for, the headline first."""
        return list(self.header["spec"]["loops"])

    @property
    def headline(self) -> LoopFigures:
        """The figures of the headline loop; where one is None, `reason` says why."""
        return LoopFigures.of(self.summary.get("summary"), self.summary.get("summary_reason"))

    @property
    def loops(self) -> Mapping[str, LoopFigures]:
        """Loop → its figures, the headline first."""
        found = self.summary.get("loops") or {}
        return {name: LoopFigures.of(document) for name, document in found.items()}

    @property
    def median_ns(self) -> Optional[float]:
        """Median time of a run of the headline loop in ns; None where it has none."""
        return self.headline.median_ns

    @property
    def median_ci95_ns(self) -> Optional[Interval]:
        """Its 95 % interval over processes in ns; None below three processes."""
        return self.headline.median_ci95_ns

    @property
    def p90_ns(self) -> Optional[float]:
        """90th percentile of single runs of the headline loop in ns."""
        return self.headline.p90_ns

    @property
    def p99_ns(self) -> Optional[float]:
        """99th percentile of single runs of the headline loop in ns."""
        return self.headline.p99_ns

    @property
    def accuracy(self) -> Mapping[str, Any]:
        """Metric → value, with `<metric>_ci95`, in scikit-learn's names; empty without data."""
        return self.summary.get("accuracy") or {}

    @property
    def warnings(self) -> Sequence[ResultWarning]:
        """What to know before relying on the figures."""
        return [
            ResultWarning(str(one["code"]), str(one["text"]), one.get("fix"))
            for one in self.summary.get("warnings") or ()
        ]

    def block_labels(self) -> list[list[Optional[BlockLabel]]]:
        """Return the label of each block of each process; None where it was not probed."""
        isolation = self.header.get("host", {}).get("virtualisation", {})
        virtual = isolation.get("virtual_machine", NONE) != NONE
        return block_labels(
            [invocation.probed_blocks() for invocation in self.invocations], virtual
        )

    def sample_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return one row for each sample, in the order of measurement.

        `duration_ns` is the mean of one run where a sample holds several (`runs_per_sample`);
        `start_ns` is that of the sample's block on CLOCK_MONOTONIC_RAW; `tail` marks the samples of
        single runs beside them; `label` is that of the block, empty where it was not probed.
        """
        labels = self.block_labels()
        found: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _COLUMNS}
        for process, invocation in enumerate(self.invocations):
            for index, (block, label) in enumerate(zip(invocation.blocks, labels[process])):
                values = (
                    *(process, index, block.loop, block.start_ns, block.runs_per_sample),
                    *(block.tail, "" if label is None else label.name),
                )
                for name, value in zip(_COLUMNS, values):
                    found[name].append(np.full(block.durations_ns.size, value))
                found["duration_ns"].append(block.run_times().ns)
        return {name: np.concatenate(all_) if all_ else np.empty(0) for name, all_ in found.items()}

    def to_dataframe(self) -> Any:
        """Return the samples as a pandas DataFrame, or a polars one where pandas is missing.

        Raises NotAvailableError where neither is installed.
        """
        columns = self.sample_columns()
        try:
            import pandas
        except ImportError:
            pass
        else:
            return pandas.DataFrame(columns)
        try:
            import polars
        except ImportError:
            raise NotAvailableError(
                "to_dataframe() needs pandas or polars: pip install pandas"
            ) from None
        return polars.DataFrame(columns)

    def __repr__(self) -> str:
        """Return title and median, or the first metric, in one line."""
        first = self._rows()[:1]
        text = "".join(f", {name} {value}" for name, value in first)
        return one_line("Result", f"{self.header.get('title', '')}{text}")

    def _repr_html_(self) -> str:
        """Show title, loops and metrics in a notebook, each with its 95 % interval."""
        return html_table(str(self.header["title"]), ("", "[95 %]"), self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        """Return the medians of the loops and the metrics; what was asked for comes first."""
        loops = self.summary.get("loops") or {}
        medians = [(f"median, {name}", loop_text(loop)) for name, loop in loops.items()]
        metrics = metric_rows(self.summary.get("accuracy") or {})
        for output in (self.summary.get("agreement") or {}).get("outputs", ()):
            metrics += [(f"{output['name']}: {name}", text) for name, text in metric_rows(output)]
        return metrics + medians if self.header.get("command") == "eval" else medians + metrics

    def as_dict(self) -> dict[str, Any]:
        """Return the joined document that --json prints."""
        labels = self.block_labels()
        return {
            **self.header,
            "invocations": [i.as_dict(each) for i, each in zip(self.invocations, labels)],
            **(self.summary or reasoned("summary", None, "the run was ended before its summary")),
        }
