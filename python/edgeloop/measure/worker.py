"""The worker: a process that holds one runtime and answers requests, one at a time.

Started by `worker/process.py` with `--fd N`, a connected socket at descriptor N. It says hello,
then answers the requests of `worker/requests.py`.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Callable

from edgeloop.errors import EdgeloopError, RuntimeFailedError, UsageError, one_line
from edgeloop.worker import requests
from edgeloop.worker.protocol import (
    ConnectionClosedError,
    Message,
    Received,
    error_body,
    receive,
    send,
)

_STARTED_NS = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>

# Of a framework's error message, this much stands in the sentence; all of it is in the log.
_SENTENCE_CHARACTERS = 600


def _die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent is gone, even in the middle of a run."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(PermissionError):  # it is there, under another user
        try:
            os.kill(parent, 0)
        except ProcessLookupError:  # gone before the kernel was asked
            sys.exit(1)


class Worker:
    """Answers the requests of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        from edgeloop.measure.clock import choose_clock

        self._connection = connection
        self._clock = choose_clock()
        self._stopped = False
        self._loaded: Any = None
        self._profiler: Any = None
        self._answers: dict[type[requests.Request], Callable[[Any], Message]] = {
            requests.Find: self._find,
            requests.Import: self._import,
            requests.Load: self._load,
            requests.Start: self._start,
            requests.Warm: self._warm,
            requests.Block: self._block,
            requests.Blocks: self._blocks,
            requests.Outputs: self._outputs,
            requests.Stages: self._stages,
            requests.Data: self._data,
            requests.Profile: self._profile,
            requests.Operators: self._operators,
            requests.Job: self._job,
            requests.Stop: self._stop,
        }

    def serve(self) -> None:
        """Say hello and answer until told to stop, or until the parent is gone."""
        send(self._connection, Message(self._hello()))
        while not self._stopped:
            try:
                received = receive(self._connection)
            except ConnectionClosedError:
                return
            send(self._connection, self._answer(received))

    def _hello(self) -> dict[str, Any]:
        import edgeloop

        return {
            "type": "hello",
            "edgeloop": edgeloop.__version__,
            "python": ".".join(str(part) for part in sys.version_info[:3]),
            "executable": sys.executable,
            "started_ns": _STARTED_NS,
            "ready_ns": time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW),
            "clock": self._clock.as_dict(),
        }

    def _answer(self, received: Received) -> Message:
        try:
            request = requests.decode(received)
            return self._answers[type(request)](request)
        except EdgeloopError as error:
            return Message(error_body(error))
        except MemoryError:
            words = "the worker ran out of memory; a smaller --batch-size needs less"
            return Message(error_body(RuntimeFailedError(words)))
        except Exception as error:
            # A framework may raise anything; its own words are the best there is.
            traceback.print_exc()
            said = one_line(error, _SENTENCE_CHARACTERS)
            return Message(error_body(RuntimeFailedError(said)))

    def _find(self, request: requests.Find) -> Message:
        from edgeloop.runtimes import runtime

        installation = runtime(request.runtime).find(request.library)
        return Message({"installation": asdict(installation)})

    def _import(self, request: requests.Import) -> Message:
        """Load the library and import the package: does this machine bear them?"""
        from edgeloop.runtimes import runtime

        chosen = runtime(request.runtime)
        library = chosen.find(None).library
        if library is not None:
            ctypes.CDLL(library)
        chosen.import_packages(chosen.loops)
        return Message({})

    def _load(self, request: requests.Load) -> Message:
        """Load the model, and run it once where its inputs are random ones.

        Those of a data set come with `start`: the parent reads it, and needs to know the inputs.
        """
        _import_numpy()
        from edgeloop.measure.confinement import confine_for_model
        from edgeloop.runtimes import runtime
        from edgeloop.spec.load import LoadOptions

        options = LoadOptions(**request.options)
        chosen = runtime(request.runtime)
        confine_for_model(chosen, options)
        from edgeloop.data.synthetic import random_inputs
        from edgeloop.measure import loaded as loading
        from edgeloop.measure.placing import place

        placed = place(request.control) if request.control else {}
        installation = chosen.find(options.library)
        model = loading.load(
            chosen, options, request.loops, self._clock.id, request.framework_first
        )
        if request.instances > 1:
            loading.load_more(model, options, request.instances)
        self._loaded = model
        engine = model.engine
        if engine is not None:
            installation = chosen.engine_of(options.package).find(options.library)
        answer = {
            "installation": asdict(installation),
            "runtime_version": installation.version if engine is None else engine.runtime_version(),
            "import_ns": model.import_ns,
            "load_ns": model.load_ns,
            "inputs": [spec.as_dict() for spec in model.inputs],
            "placement": loading.placement(model, options.probe),
            "delegate_libraries": list(chosen.delegate_libraries(options)),
            "control": placed,
            "engine_region": None if engine is None else engine.timed_region() or None,
            "device": model.device(options),
            "executed_precision": model.executed_precision,
            "framework_regions": {}
            if model.framework is None
            else dict(model.framework.timed_region),
        }
        if request.seed is not None:
            inputs = random_inputs(model.inputs, request.seed)
            answer.update(self._started(request.loops, inputs))
        return Message(answer)

    def _start(self, request: requests.Start) -> Message:
        """Run the loaded model once, on the inputs in the frames."""
        import numpy as np

        rows = self._rows(request.frames, 1)
        inputs = [np.asarray(array[0]) for array in rows]
        return Message(self._started(request.loops, inputs))

    def _started(self, loops: Sequence[str], inputs: list[Any]) -> dict[str, Any]:
        """Set the inputs, run each instance once, and describe what that tells."""
        from edgeloop.measure import loaded as loading

        model = self._loaded
        model.set_inputs(inputs)
        loading.first_runs(model, loops)
        gc.collect()
        gc.freeze()
        gc.disable()
        return {
            "first_run_ns": model.first_run_ns,
            "threads_started": loading.started_threads(model),
            "outputs": [spec.as_dict() for spec in model.output_specs(loops[0])],
        }

    def _rows(self, frames: requests.Frames, runs: int) -> list[Any]:
        """Return the frames as one array (runs, *shape) for each input."""
        import numpy as np

        return [
            np.frombuffer(frame, dtype=spec.dtype).reshape((runs, *spec.shape))
            for frame, spec in zip(frames, self._loaded.inputs)
        ]

    def _warm(self, request: requests.Warm) -> Message:
        gc.collect()
        _, durations = self._loaded.run_block(request.loop, request.runs, 1)
        return Message({}, (durations,))

    def _block(self, request: requests.Block) -> Message:
        gc.collect()  # of what the block before left; never by itself in a timed region
        loop, runs, busy_ns = request.loop, request.runs, None
        if request.unrecorded:
            self._loaded.run_block(loop, request.unrecorded, 1)
        before = self._probed()
        cpu_before_ns = time.process_time_ns()
        if request.interval_ns is None:
            start_ns, durations = self._loaded.run_block(loop, runs, request.runs_per_sample)
        else:
            start_ns, durations, busy_ns = self._loaded.run_schedule(
                loop, runs, request.interval_ns
            )
        cpu_ns = time.process_time_ns() - cpu_before_ns
        after = self._probed()
        answer = {
            "start_ns": start_ns,
            "cpu_ns": cpu_ns,
            "busy_ns": busy_ns,
            "probe_before_ns": before[0],
            "probe_after_ns": after[0],
            "probe_cpu_share": min(before[1], after[1]),
        }
        return Message(answer, (durations,))

    def _probed(self) -> tuple[int, float]:
        """Return the time of the fixed work in ns, and the share of it that this thread ran."""
        from edgeloop import _core

        cpu_ns, begun_ns = time.thread_time_ns(), time.monotonic_ns()
        probe_ns = _core.probe_ns(self._clock.id)
        passed_ns = time.monotonic_ns() - begun_ns
        return probe_ns, (time.thread_time_ns() - cpu_ns) / max(1, passed_ns)

    def _blocks(self, request: requests.Blocks) -> Message:
        """Record blocks one after the other; end with the round in which the time is over."""
        ends_s = time.monotonic() + request.most_s
        answers: list[Message] = []
        for one in request.blocks:
            if answers and len(answers) % request.round == 0 and time.monotonic() >= ends_s:
                break
            answers.append(self._block(one))
        frames = [frame for answer in answers for frame in answer.frames]
        return Message({"blocks": [answer.body for answer in answers]}, frames)

    def _outputs(self, request: requests.Outputs) -> Message:
        self._loaded.run_block(request.loop, 1, 1)
        arrays = self._loaded.outputs(request.loop)
        described = [{"dtype": str(a.dtype), "shape": list(a.shape)} for a in arrays]
        return Message({"outputs": described}, [array.tobytes() for array in arrays])

    def _stages(self, request: requests.Stages) -> Message:
        """Time the stages of more runs: at least 3, at most `runs`, for about `most_s` seconds."""
        engine = self._loaded.engine
        stages: dict[str, list[int]] = {}
        begun_s = time.monotonic()
        try:
            for run in range(0 if engine is None else request.runs):
                for name, time_ns in engine.time_stages():
                    stages.setdefault(name, []).append(time_ns)
                if run >= 2 and time.monotonic() - begun_s > request.most_s:
                    break
        except UsageError:  # this engine has none
            pass
        return Message({"stages_ns": stages or None})

    def _data(self, request: requests.Data) -> Message:
        """Run the samples in the frames; return the durations of each instance, and the outputs."""
        import numpy as np

        from edgeloop.measure.data_loop import run_data

        rows = self._rows(request.frames, request.runs)
        done = run_data(self._loaded, request.loop, rows, request.outputs)
        return Message(
            {
                "starts_ns": [one.start_ns for one in done.stretches],
                "elapsed_ns": done.elapsed_ns,
                "outputs": [
                    {"dtype": str(rows[0].dtype), "shapes": [list(row.shape) for row in rows]}
                    if isinstance(rows, list)
                    else {"dtype": str(rows.dtype), "shape": list(rows.shape)}
                    for rows in done.outputs
                ],
            },
            (
                *(one.durations_ns for one in done.stretches),
                *(
                    np.concatenate([row.reshape(-1) for row in rows])
                    if isinstance(rows, list)
                    else rows
                    for rows in done.outputs
                ),
            ),
        )

    def _profile(self, request: requests.Profile) -> Message:
        """Run a block that the runtime's profiler records."""
        model, loop = self._loaded, request.loop
        if self._profiler is None:
            self._profiler = model.runtime.operator_profiler(model.engine, model.framework)
        gc.collect()
        _, durations = self._profiler.block(
            lambda runs: model.run_block(loop, runs, 1), request.runs
        )
        return Message({"most_runs": self._profiler.most_runs}, (durations,))

    def _operators(self, _: requests.Operators) -> Message:
        """Return what the profiler recorded, in rows and columns."""
        from edgeloop.measure.profile.rows import aligned

        found = aligned(self._profiler.operators())
        return Message(
            {
                "rows": found.rows,
                "runs": len(found.durations_ns),
                "starts_ns": found.starts_ns,
                "resolution": self._profiler.resolution,
            },
            (found.durations_ns,),
        )

    def _job(self, request: requests.Job) -> Message:
        from edgeloop.measure.confinement import confine_for_job
        from edgeloop.worker.jobs import run_job

        if request.name != "packages":  # it holds no model
            confine_for_job(request.arguments)

        result = run_job(request.name, request.arguments)
        return Message({"result": result})

    def _stop(self, _: requests.Stop) -> Message:
        from edgeloop.measure.usage import usage

        self._stopped = True
        return Message(usage())


def _import_numpy() -> None:
    """Import numpy without the threads of its BLAS, which no loop calls: half of what it costs.

    A runtime may bring an OpenBLAS of its own, which must not see the variable.
    """
    if "OPENBLAS_NUM_THREADS" in os.environ:
        import numpy

        return
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        del os.environ["OPENBLAS_NUM_THREADS"]


def main() -> None:
    """Serve the connection whose descriptor follows --fd, for the process after --parent."""
    _die_with_parent(int(sys.argv[sys.argv.index("--parent") + 1]))
    descriptor = int(sys.argv[sys.argv.index("--fd") + 1])
    # A program that the runtime starts must not hold the connection: the parent would take its
    # worker for alive.
    os.set_inheritable(descriptor, False)
    Worker(socket.socket(fileno=descriptor)).serve()
