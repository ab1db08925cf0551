"""A worker with a loaded model, seen from the parent: warm it, take blocks, write it down."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import prod
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from edgeloop.data.model_data import ModelData
from edgeloop.data.opening import open_data
from edgeloop.data.quantized import dequantize
from edgeloop.data.step_times import StepTimes
from edgeloop.errors import EdgeloopError, ModelError, NotAvailableError
from edgeloop.measure import schedule
from edgeloop.measure.data_loop import Stretch
from edgeloop.measure.detecting import as_trained
from edgeloop.measure.monitor import Monitor
from edgeloop.metrics.outputs import Judged, Label, judged_output, sample_shape
from edgeloop.results.probe import Probe
from edgeloop.results.schema import Block, Invocation
from edgeloop.spec.load import TensorSpec, instance_of
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.worker import requests
from edgeloop.worker.client import WorkerClient

if TYPE_CHECKING:
    import numpy.typing as npt

# What an engine of C++ says where its library explains itself on the standard error only.
_ON_STDERR = "; its own words are on stderr"

# A block this long holds many scheduler slices and still lets the parent look often.
BLOCK_S = 0.1

# Of a soak, between two looks at the time.
SOAK_STRETCH_S = 1.0

# Unrecorded runs after another loop has run: its data has to leave the caches.
TRANSITION_RUNS = 3

# The last two stretches of a warm-up differ by less than this when it has done its work.
WARM_AGREEMENT = 0.02
WARM_RUNS = 10
WARM_STRETCH_S = 0.05

# Enough for the interval of a median, and a second at most.
STAGE_RUNS = 50
STAGES_S = 1.0


SampleRows = Union["npt.NDArray[np.float64]", list["npt.NDArray[np.float64]"]]
"""One output of some samples: (samples, ...), or a list where the shape changes with the data."""


@dataclass(frozen=True)
class DataRuns:
    """What some samples of a data set gave."""

    stretches: list[Stretch]
    """Of each instance."""
    elapsed_ns: int
    """Copying in and out included."""
    outputs: list[SampleRows]
    """Of each output that was wanted, as real values."""


class LiveWorker:
    """One worker process that has loaded its model, and what was measured in it so far.

    Use as a context manager: the worker never outlives the block.
    """

    def __init__(
        self,
        spec: ResolvedSpec,
        number: int,
        monitor: Monitor,
        times: Optional[StepTimes] = None,
    ) -> None:
        """Start the `number`-th worker of a configuration and load the model.

        `monitor` is running; its newest reading goes with each block. `times` notes what the
        preprocessing of a data set takes. Odd numbers load the framework's instance first: which
        comes first can decide which of two gets the better memory.
        """
        self.spec = spec
        self._monitor = monitor
        self.framework_first = bool(number % 2)
        self.run_ns: dict[str, float] = {}
        """Loop → typical time of a run, from the warm-up."""
        self.blocks: list[Block] = []
        self.measuring_s = 0.0
        """From the first warm-up to `stop_measuring`."""
        self._warmup_ns: dict[str, list[int]] = {}
        self._last_loop: Optional[str] = None
        self._usage: dict[str, Any] = {}
        self._stages_ns: Optional[dict[str, list[int]]] = None
        self._begun_s: Optional[float] = None
        self.data: Optional[ModelData] = None
        """The data set where there is one."""
        self.source = spec.inputs
        """Where the data comes from, with what the model's kind says of pictures."""
        self.judged: Optional[Judged] = None
        """Which output its labels are held against; None where it has none."""
        begun_s = time.monotonic()
        self.client = WorkerClient(spec.python, spec.timeout_s)
        monitor.neighbours.watch(self.client.pid)
        try:
            self.loaded = self._load()
            if spec.inputs.data is not None:
                self.loaded.update(self._start(times))
                # Only now the shapes of all outputs are known.
                self.source = as_trained(spec.inputs, self.inputs, self.outputs, spec.metrics)
                if self.source != spec.inputs:
                    self.data = open_data(self.source, self.inputs, times)
                self.judged = self._judged()
            _require_forward((self.loaded["import_ns"], *self.loaded["load_ns"].values()))
        except BaseException:
            self.client.close()
            raise
        self.ready_s = time.monotonic() - begun_s
        """What the process took until it could measure."""

    def __enter__(self) -> LiveWorker:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill what is left of the worker."""
        self.stop_measuring()
        self.client.close()
        self.data = None  # its arrays need not live as long as what was measured

    @property
    def inputs(self) -> list[TensorSpec]:
        """Describe the inputs."""
        return [TensorSpec.from_dict(spec) for spec in self.loaded["inputs"]]

    @property
    def outputs(self) -> list[TensorSpec]:
        """Describe the outputs."""
        return [TensorSpec.from_dict(spec) for spec in self.loaded["outputs"]]

    @property
    def resolution_ns(self) -> float:
        """The larger of the clock's tick and the dearest read among the spec's loops."""
        clock = self.client.hello.clock
        reads = [float(clock["read_ns"])]
        if any(loop not in ("native", "callable") for loop in self.spec.loops):
            reads.append(float(clock["python_read_ns"]))
        return max(float(clock["tick_ns"]), *reads)

    def warm_runs(self, loop: str, runs: int) -> float:
        """Run without recording; return the typical time of a run in ns."""
        answer = self.client.request(requests.Warm(loop, runs), f"running the {loop} loop")
        durations_ns = np.frombuffer(answer.frames[0], dtype=np.uint64)
        return _typical_ns(durations_ns, float(self.client.hello.clock["tick_ns"]))

    def warm_up(self, loop: str, cap_s: float, least_s: float) -> None:
        """Run until two stretches agree and the least time is over, but never beyond the cap."""
        medians = self._warmup_ns.setdefault(loop, [])
        begun_s = self.start_measuring()
        runs = 1
        done = 0
        while True:
            medians.append(int(self.warm_runs(loop, runs)))
            self.run_ns[loop] = float(max(1, medians[-1]))
            done += runs
            spent_s = time.monotonic() - begun_s
            settled = len(medians) >= 3 and done >= WARM_RUNS and _agree(medians[-1], medians[-2])
            if spent_s >= cap_s or (settled and spent_s >= least_s):
                return
            runs = max(WARM_RUNS, schedule.block_runs(self.run_ns[loop], 1, WARM_STRETCH_S))
            left = int((cap_s - spent_s) * 1e9 / self.run_ns[loop])
            runs = max(1, min(runs, left))

    def soak(self, duration_s: float) -> None:
        """Run unrecorded for so long that the chip is as hot as it gets; not part of measuring."""
        ends_s = time.monotonic() + duration_s
        while time.monotonic() < ends_s:
            for loop in self.spec.loops:
                first_ns = float(self.loaded["first_run_ns"][instance_of(loop)])
                run_ns = self.run_ns.get(loop, max(1.0, first_ns))
                runs = schedule.block_runs(run_ns, 1, SOAK_STRETCH_S)
                self.run_ns[loop] = max(1.0, self.warm_runs(loop, runs))

    def warm_count(self, loop: str, runs: int) -> None:
        """Do exactly `runs` unrecorded runs."""
        self.start_measuring()
        self._warmup_ns[loop] = []
        self.run_ns[loop] = float(max(1, self.loaded["first_run_ns"][instance_of(loop)]))
        while runs:
            # As short as a block, whatever the count: the time-out is that of one answer.
            stretch = min(runs, schedule.block_runs(self.run_ns[loop], 1, BLOCK_S))
            self.run_ns[loop] = max(1.0, self.warm_runs(loop, stretch))
            self._warmup_ns[loop].append(int(self.run_ns[loop]))
            runs -= stretch

    def block(
        self,
        loop: str,
        runs: int,
        per_sample: int,
        *,
        tail: bool = False,
        interval_ns: Optional[int] = None,
        switched: bool = False,
    ) -> Block:
        """Record one block, after unrecorded runs where another loop ran before.

        `switched`: another worker ran before.
        """
        request = self._block_request(loop, runs, per_sample, interval_ns, switched)
        answer = self.client.request(request, f"running the {loop} loop")
        return self._keep(answer.body, answer.frames[0], request, tail=tail)

    def take_turns(
        self, wanted: Sequence[tuple[str, int]], per_sample: int, round_size: int, most_s: float
    ) -> list[Block]:
        """Record blocks of (loop, runs) in this order, unrecorded runs after each switch.

        One request: on a busy machine the two ends of the connection wait longer for a CPU than a
        short block takes. It ends with the round of `round_size` blocks in which the time runs out.
        """
        blocks = [self._block_request(loop, runs, per_sample) for loop, runs in wanted]
        request = requests.Blocks(blocks, round_size, most_s)
        answer = self.client.request(request, "running the loops")
        found = zip(answer.body["blocks"], answer.frames, blocks)
        return [self._keep(body, frame, request) for body, frame, request in found]

    def _block_request(
        self,
        loop: str,
        runs: int,
        per_sample: int,
        interval_ns: Optional[int] = None,
        switched: bool = False,
    ) -> requests.Block:
        switched = switched or self._last_loop not in (None, loop)
        self._last_loop = loop
        unrecorded = TRANSITION_RUNS if switched else 0
        return requests.Block(loop, runs, per_sample, unrecorded, interval_ns)

    def _keep(
        self, body: dict[str, Any], frame: bytearray, request: requests.Block, tail: bool = False
    ) -> Block:
        """Keep what the worker answered to the request of a block."""
        self.blocks.append(
            Block(
                loop=request.loop,
                start_ns=body["start_ns"],
                runs_per_sample=request.runs_per_sample,
                durations_ns=np.frombuffer(frame, dtype=np.uint64),
                cpu_ns=body["cpu_ns"],
                probe=self._probe(body),
                temperature_c=self._monitor.latest.temperature_c,
                power_w=self._monitor.latest.power_w,
                tail=tail,
                interval_ns=request.interval_ns,
                busy_ns=body["busy_ns"],
            )
        )
        return self.blocks[-1]

    def _probe(self, body: dict[str, Any]) -> Probe:
        """Return the fixed work around a block, with who else had the CPUs."""
        neighbours = self._monitor.neighbours.look()
        return Probe(
            before_ns=body["probe_before_ns"],
            after_ns=body["probe_after_ns"],
            cpu_share=body["probe_cpu_share"],
            other_cpus=None if neighbours is None else neighbours.other_cpus,
            stolen_cpus=None if neighbours is None else neighbours.stolen_cpus,
        )

    def time_stages(self) -> None:
        """Ask a device how long the stages of a run take, apart from everything that was timed."""
        request = requests.Stages(STAGE_RUNS, STAGES_S)
        self._stages_ns = self.client.request(request, "timing the stages").body["stages_ns"]

    def run_data(
        self, inputs: Sequence[npt.NDArray[Any]], outputs: Optional[Sequence[int]]
    ) -> DataRuns:
        """Run samples, (runs, *shape) per input, in the headline loop on the timed instances.

        The numbered `outputs` come back, None: all. A batch's rows are samples; raises ModelError
        where an output has another number of rows.
        """
        kept = list(range(len(self.outputs)) if outputs is None else outputs)
        request = requests.Data(self.spec.loops[0], len(inputs[0]), kept, inputs)
        answer = self.client.request(request, "running the data set")
        values: list[SampleRows] = []
        stretches = [
            Stretch(start_ns, np.frombuffer(frame, dtype=np.uint64))
            for start_ns, frame in zip(answer.body["starts_ns"], answer.frames)
        ]
        stored_outputs = answer.frames[len(stretches) :]
        for described, frame, index in zip(answer.body["outputs"], stored_outputs, kept):
            spec, stored = self.outputs[index], np.frombuffer(frame, described["dtype"])
            if "shape" in described:
                rows = stored.reshape(described["shape"])
                values.append(self._per_sample(dequantize(rows, spec)))
            else:
                values.append(self._ragged(stored, described["shapes"], spec))
        return DataRuns(stretches, answer.body["elapsed_ns"], values)

    def _ragged(
        self, stored: npt.NDArray[Any], shapes: Sequence[Sequence[int]], spec: TensorSpec
    ) -> list[npt.NDArray[np.float64]]:
        """Return one array a sample of an output whose shape changes with the data."""
        assert self.data is not None
        if self.data.batch_size != 1:
            raise ModelError(
                f"output '{spec.name}' changes its shape with the data, so its rows belong to no "
                "sample of a batch: run it with --batch-size 1"
            )
        ends = np.cumsum([prod(shape) for shape in shapes])
        pieces = np.split(stored, ends[:-1])
        rows = [dequantize(one.reshape(shape), spec) for one, shape in zip(pieces, shapes)]
        batched = all(len(shape) > 1 and shape[0] == 1 for shape in shapes)
        return [row[0] for row in rows] if batched else rows

    def _per_sample(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Turn (runs, batch, ...) into (runs × batch, ...); one sample a run stays as it is."""
        assert self.data is not None
        batch_size = self.data.batch_size
        if batch_size == 1:
            # A first dimension of 1 is the batch; an output without one is a row by itself.
            return values[:, 0] if values.ndim > 1 and values.shape[1] == 1 else values
        if values.ndim < 2 or values.shape[1] != batch_size:
            raise ModelError(
                f"an output has shape {values.shape[1:]}, which is not one row for each of the "
                f"{batch_size} samples of a batch"
            )
        return values.reshape((-1, *values.shape[2:]))

    def stop(self) -> None:
        """End the worker; keep what it used."""
        self.stop_measuring()
        self._usage = self.client.stop()

    def invocation(self, stop_reason: str, error: Optional[EdgeloopError] = None) -> Invocation:
        """Return what was measured; call it after the worker has ended, for the whole log."""
        return Invocation(
            interpreter_start_ns=self.client.hello.interpreter_start_ns,
            import_ns=self.loaded["import_ns"],
            load_ns=self.loaded["load_ns"],
            first_run_ns=self.loaded["first_run_ns"],
            warmup_ns=self._warmup_ns,
            blocks=self.blocks,
            stop_reason=stop_reason,
            log=self.client.log.text(),
            framework_first=self.framework_first,
            ready_s=self.ready_s,
            measuring_s=self.measuring_s,
            stages_ns=self._stages_ns,
            threads_started=self.loaded["threads_started"],
            context_switches=self._usage.get("context_switches"),
            migrations=self._usage.get("migrations"),
            peak_rss_bytes=self._usage.get("peak_rss_bytes"),
            host_samples=self._host_samples(),
            error=None if error is None else str(error),
        )

    def _host_samples(self) -> list[dict[str, Any]]:
        """Return what the monitor read from the first block to the last."""
        if not self.blocks:
            return []
        last = self.blocks[-1]
        samples = self._monitor.between(self.blocks[0].start_ns, last.start_ns + last.wall_ns)
        return [sample.as_dict() for sample in samples]

    def start_measuring(self) -> float:
        """Note when the measuring began; return the present time on the monotonic clock, in s."""
        now_s = time.monotonic()
        if self._begun_s is None:
            self._begun_s = now_s
        return now_s

    def stop_measuring(self) -> None:
        """Take the time that warm-up and blocks took; what follows is not measuring."""
        if self._begun_s is not None and not self.measuring_s:
            self.measuring_s = time.monotonic() - self._begun_s

    def _load(self) -> dict[str, Any]:
        """Load the model; what a delegate printed goes with the error that it caused."""
        options = self.spec.options
        words = "loading the model"
        external = [one for one in (*options.delegates, *options.providers) if one.external]
        if external:
            words += f" with {' and '.join(one.name for one in external)}"
        try:
            loaded = dict(self.client.request(self._load_request(), words).body)
        except EdgeloopError as error:
            promised = _ON_STDERR in str(error)
            said = self.client.said() if external or promised else ""
            if promised:
                raise type(error)(str(error).replace(_ON_STDERR, said)) from error
            # Behind a traceback stand the words of the error itself.
            if not said or said in str(error) or "Traceback (most" in self.client.log.text():
                raise
            raise type(error)(f"{error}{said}") from error
        self.client.said()  # takes what is still in the pipe
        loaded["said"] = self.client.log.text()
        return loaded

    def _start(self, times: Optional[StepTimes]) -> dict[str, Any]:
        """Open the data set, which needs to know the inputs, and run its first sample."""
        self.data = open_data(self.spec.inputs, self.inputs, times)
        request = requests.Start(self.spec.loops, self.data.first_inputs())
        return dict(self.client.request(request, "running the first sample").body)

    def _judged(self) -> Optional[Judged]:
        """Choose the output that is judged. Raises UsageError where the named one is none."""
        assert self.data is not None
        if self.data.labels is None:
            return None
        if self.data.boxes is not None:
            return Judged(None, reason="the model is judged by all of its outputs")
        label = Label(self.data.labels.dtype.kind, self.data.labels.shape)
        outputs, batch_size = self.outputs, self.data.batch_size
        judged = judged_output(outputs, batch_size, label, self.spec.metrics.output)
        if self.data.ordered is not None and judged.index is not None:
            classes = prod(sample_shape(outputs[judged.index].shape, batch_size))
            _require_as_many(self.data.source.path, self.data.ordered, classes)
        return judged

    def _load_request(self) -> requests.Load:
        spec = self.spec
        return requests.Load(
            spec.runtime,
            asdict(spec.options),
            spec.loops,
            seed=spec.inputs.seed if spec.inputs.data is None else None,
            framework_first=self.framework_first,
            control=asdict(spec.control),
            instances=spec.instances,
        )


def _require_as_many(path: str, folders: int, classes: int) -> None:
    """Raise ModelError where class folders, numbered by their order, are not as many as classes.

    A single output is a score of the second of two classes, or the number of any class.
    """
    if classes in (folders, 1):
        return
    raise ModelError(
        f"{path} has {folders} class folders, but the model has {classes} classes, so the folders' "
        "alphabetical order does not show which is which: give --labels FILE with the names of the "
        f"model's {classes} classes, one a line, or name the folders by class number"
    )


def _require_forward(times_ns: Iterable[int]) -> None:
    """Raise NotAvailableError where the clock ran backwards; the loops look at their blocks."""
    if any(time_ns < 0 for time_ns in times_ns):
        raise NotAvailableError(
            "the clock ran backwards while the model was loaded, so it cannot time anything; "
            "choose another clock source of the kernel (/sys/devices/system/clocksource), or "
            "another machine"
        )


def _typical_ns(durations_ns: npt.NDArray[np.uint64], tick_ns: float) -> float:
    """Return the median of single runs, or their mean where the clock hardly sees one of them."""
    median_ns = float(np.median(durations_ns))
    if median_ns >= tick_ns:
        return median_ns
    return max(float(durations_ns.sum()), tick_ns) / durations_ns.size


def _agree(a_ns: float, b_ns: float) -> bool:
    return abs(a_ns - b_ns) < WARM_AGREEMENT * b_ns
