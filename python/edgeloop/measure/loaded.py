"""A model as a worker holds it: an engine, the framework's object, and the loops over them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop import _core
from edgeloop.errors import UsageError, nearest
from edgeloop.measure import native, pyloop
from edgeloop.runtimes.protocol import Framework, Runtime
from edgeloop.runtimes.shape import shape_text
from edgeloop.spec.load import FRAMEWORK_LOOPS, LoadOptions, TensorSpec, instance_of

if TYPE_CHECKING:
    import numpy.typing as npt


def kernel_threads() -> Optional[set[int]]:
    """Return the ids of this process's threads as the kernel sees them; None without /proc."""
    try:
        return {int(task.name) for task in Path("/proc/self/task").iterdir()}
    except OSError:
        return None


@dataclass
class LoadedModel:
    """One model in one runtime; `engine` and `framework` are there as the loops need them."""

    runtime: Runtime
    clock_id: int
    engine: Optional[_core.Engine] = None
    framework: Optional[Framework] = None
    import_ns: int = 0
    load_ns: dict[str, int] = field(default_factory=dict)
    first_run_ns: dict[str, int] = field(default_factory=dict)
    more: list[tuple[_core.Engine, Optional[Framework]]] = field(default_factory=list)
    """Other instances, which share a data set with the first; a framework where one attaches."""
    threads_before: Optional[set[int]] = field(default_factory=kernel_threads)
    options: Optional[LoadOptions] = None
    """As it was loaded."""
    state: Optional[str] = None
    """What of it outlives a run and decides the next one; None: nothing does."""
    streams: bool = False
    """A stream of samples has begun, which finds what those before it left."""
    fed: dict[int, npt.NDArray[Any]] = field(default_factory=dict)
    """Number of an input → what an output of the sample before left for it."""
    _callable_engine: Optional[_core.Engine] = None

    @property
    def engines(self) -> list[_core.Engine]:
        """All instances of the engine."""
        assert self.engine is not None
        return [self.engine, *(engine for engine, _ in self.more)]

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Describe the inputs."""
        if self.engine is not None:
            return tuple(TensorSpec.of(tensor) for tensor in self.engine.inputs())
        assert self.framework is not None
        return tuple(self.framework.inputs)

    def set_inputs(self, arrays: Sequence[npt.NDArray[Any]]) -> None:
        """Give the same arrays to the engine and to the framework."""
        for engine in self.engines if self.engine is not None else ():
            for tensor, array in zip(engine.inputs(), arrays):
                np.copyto(np.asarray(tensor), array, casting="equiv")
            engine.inputs_written()
        if self.framework is not None:
            self.framework.set_inputs(arrays)

    def outputs(self, loop: str) -> list[npt.NDArray[Any]]:
        """Copy what the last run of that loop left."""
        if loop in FRAMEWORK_LOOPS:
            assert self.framework is not None
            return self.framework.outputs()
        assert self.engine is not None
        return [np.array(tensor) for tensor in self.engine.outputs()]

    def output_specs(self, loop: str) -> list[TensorSpec]:
        """Describe the outputs as the last run of that loop left them."""
        if loop not in FRAMEWORK_LOOPS:
            assert self.engine is not None
            return [TensorSpec.of(tensor) for tensor in self.engine.outputs()]
        declared = None if self.framework is None else self.framework.output_specs
        specs = []
        for index, array in enumerate(self.outputs(loop)):
            spec = TensorSpec(f"output_{index}", str(array.dtype), tuple(array.shape))
            if declared is not None:
                spec = replace(declared[index], dtype=spec.dtype, shape=spec.shape)
            specs.append(spec)
        return specs

    def device(self, options: LoadOptions) -> Optional[str]:
        """Return the accelerator that the engine or the framework runs on, where it reports one."""
        if self.engine is not None and self.engine.device():
            return str(self.engine.device())
        told = None if self.framework is None else self.framework.device
        return told or self.runtime.device(options)

    @property
    def executed_precision(self) -> Optional[str]:
        """What the engine or the framework computes in, where it reports that."""
        if self.engine is not None and self.engine.executed_precision():
            return self.engine.executed_precision()
        return None if self.framework is None else self.framework.executed_precision

    def call(self, loop: str) -> Callable[[], object]:
        """Return what a Python loop of that name calls."""
        if loop == "binding":
            assert self.engine is not None
            return self.engine.run
        assert self.framework is not None
        return self.framework.invoke_io if loop == "framework-io" else self.framework.invoke

    def begin_sample(self, loop: str) -> None:
        """Forget earlier samples; of a stream only the runs before its first one."""
        if self.state is None or self.streams:
            return
        assert self.options is not None
        self.streams = self.options.keep_state
        self._load_again(loop, self.options)

    def feedback(self, loop: str) -> dict[int, int]:
        """Return number of an output → that of the input that gets it with the next sample.

        Raises UsageError for an unknown output, and where the two differ in dtype or shape.
        """
        asked = {} if self.options is None else self.options.feedback
        if not asked:
            return {}
        inputs = {spec.name: (number, spec) for number, spec in enumerate(self.inputs)}
        outputs = {spec.name: (i, spec) for i, spec in enumerate(self.output_specs(loop))}
        pairs = {}
        for name, given in asked.items():
            if name not in outputs:
                hint = nearest(name, list(outputs))
                raise UsageError(f"--feedback: unknown output '{name}'; {hint}")
            (output, a), (target, b) = outputs[name], inputs[given]
            if (a.dtype, a.shape) != (b.dtype, b.shape):
                raise UsageError(
                    f"--feedback {name}={given}: the output is {a.dtype} {shape_text(a.shape)}, "
                    f"the input {b.dtype} {shape_text(b.shape)}"
                )
            pairs[output] = target
        return pairs

    def _load_again(self, loop: str, options: LoadOptions) -> None:
        """Make the instance of a loop again, its variables as the file has them."""
        self._callable_engine = None
        if self.runtime.attaches or loop in FRAMEWORK_LOOPS:
            self.framework = self.runtime.load_framework(options)
        if self.runtime.attaches or loop not in FRAMEWORK_LOOPS:
            self.engine = self.runtime.load_engine(options, self.framework)

    def run_block(
        self, loop: str, runs: int, runs_per_sample: int
    ) -> tuple[int, npt.NDArray[np.uint64]]:
        """Run one block; return its start stamp and its durations, in ns."""
        if loop == "native":
            assert self.engine is not None
            return native.run_block(self.engine, runs, runs_per_sample, self.clock_id)
        if loop == "callable":
            return native.run_block(self._callable(), runs, runs_per_sample, self.clock_id)
        return pyloop.run_block(self.call(loop), runs, runs_per_sample, self.clock_id)

    def run_schedule(
        self, loop: str, runs: int, interval_ns: int
    ) -> tuple[int, npt.NDArray[np.uint64], int]:
        """Run one block at a fixed rate, in a loop that C++ drives; see native.run_schedule."""
        engine = self._callable() if loop == "callable" else self.engine
        assert engine is not None
        return native.run_schedule(engine, runs, interval_ns, self.clock_id)

    def _callable(self) -> _core.Engine:
        if self._callable_engine is None:
            self._callable_engine = _core.create_engine("callable", callable=self.call("callable"))
        return self._callable_engine


def load(
    runtime: Runtime,
    options: LoadOptions,
    loops: Sequence[str],
    clock_id: int,
    framework_first: bool,
) -> LoadedModel:
    """Import what the loops need and load the model; each step is timed on its own.

    `framework_first` is the load order where both instances are needed: it can decide which of
    the two gets the better memory, so the parent alternates it between processes.
    """
    for loop in loops:
        if loop not in runtime.loops and options.package is None:
            raise UsageError(f"{runtime.name} has no {loop} loop: {runtime.missing_loops[loop]}")
    runtime.require_trust(options)
    state = runtime.state_of(options)
    loaded = LoadedModel(runtime=runtime, clock_id=clock_id, options=options, state=state)
    wants_framework = runtime.attaches or any(loop in FRAMEWORK_LOOPS for loop in loops)
    wants_engine = any(loop not in FRAMEWORK_LOOPS for loop in loops)

    before, start = set(sys.modules), time.clock_gettime_ns(clock_id)
    runtime.import_packages(loops)
    took_ns = time.clock_gettime_ns(clock_id) - start
    # The native loops of most runtimes import nothing, and then no import took the microseconds.
    imported = (name for name in sys.modules if name not in before)
    loaded.import_ns = took_ns if any(not name.startswith("edgeloop") for name in imported) else 0

    def load_framework() -> None:
        begun = time.clock_gettime_ns(clock_id)
        loaded.framework = runtime.load_framework(options)
        loaded.load_ns["framework"] = time.clock_gettime_ns(clock_id) - begun

    def load_engine() -> None:
        begun = time.clock_gettime_ns(clock_id)
        loaded.engine = runtime.load_engine(options, loaded.framework)
        loaded.load_ns["engine"] = time.clock_gettime_ns(clock_id) - begun

    steps = [load_engine] if wants_engine else []
    if wants_framework:
        steps.insert(0 if framework_first or runtime.attaches else len(steps), load_framework)
    for step in steps:
        step()
    return loaded


def load_more(loaded: LoadedModel, options: LoadOptions, instances: int) -> None:
    """Load the model again until there are `instances` instances of the engine."""
    chosen = loaded.runtime
    while len(loaded.engines) < instances:
        framework = chosen.load_framework(options) if chosen.attaches else None
        loaded.more.append((chosen.load_engine(options, framework), framework))


def placement(loaded: LoadedModel, probe: bool = True) -> Optional[list[dict[str, Any]]]:
    """Return who runs which node, as JSON; None where the runtime does not tell or is not asked.

    Asked of the engine where there is one, after the load and before anything is timed.
    """
    holder = loaded.engine or loaded.framework
    parts = None if holder is None or not probe else holder.placement()
    if parts is None:
        return None
    names = ("owner", "delegate", "nodes", "subgraph", "indexes", "operators")
    return [{name: getattr(part, name) for name in names} for part in parts]


def first_runs(loaded: LoadedModel, loops: Sequence[str]) -> None:
    """Run each instance once, in the order of the loops, and keep the times."""
    for loop in loops:
        instance = instance_of(loop)
        if instance not in loaded.first_run_ns:
            _, durations = loaded.run_block(loop, 1, 1)
            loaded.first_run_ns[instance] = int(durations[0])
    for engine, _ in loaded.more:
        engine.run()


def started_threads(loaded: LoadedModel) -> Optional[int]:
    """Count the threads that loading and the first run added; None where the kernel hides them."""
    before, now = loaded.threads_before, kernel_threads()
    if before is None or now is None:
        return None
    return len(now - before - {threading.get_native_id()})
