"""The proof that a conversion kept the model: source and result, run on the same samples."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Optional

from edgeloop.conversion.agreement import OutputAgreement, compare_detections, compare_runs
from edgeloop.conversion.samples import TENSORFLOW, TENSORFLOW_FORMATS, SampleRun, read
from edgeloop.envs.interpreter import look_for
from edgeloop.errors import EdgeloopError, NotAvailableError, RuntimeFailedError
from edgeloop.runtimes import RUNTIME_NAMES, runtime
from edgeloop.runtimes.protocol import Verifier
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import LoadOptions
from edgeloop.worker.client import WorkerClient

LEAST_SAMPLES = 8


@dataclass(frozen=True)
class Verification:
    """What the comparison gave; `passed` is None where the result could not be run here."""

    passed: Optional[bool]
    samples: int
    origin: str
    """Where the samples came from, in words."""
    precision: str
    outputs: tuple[OutputAgreement, ...] = ()
    """Nothing for detectors, whose outputs are lists in an order of their own."""
    detections: Optional[Mapping[str, Any]] = None
    """Of two detectors: what both see; fields as DetectionAgreement has them."""
    faults: tuple[str, ...] = ()
    """Everything that is wrong, one sentence each."""
    reason: Optional[str] = None
    """Why there is no comparison."""
    basis: Optional[str] = None
    """What decided instead of the distance of the outputs."""
    start_ns: int = 0
    """Starting interpreters and importing packages."""
    work_ns: int = 0
    """All the rest: loading and running both models, comparing, ending the workers."""

    def with_faults(self, faults: Sequence[str]) -> Verification:
        """Return this one with what was found in the files themselves."""
        if not faults:
            return self
        return replace(self, passed=False, faults=(*faults, *self.faults))

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return asdict(self)


@dataclass(frozen=True)
class Subject:
    """A model that is run for a comparison."""

    model: str
    format: str
    options: LoadOptions


def judges() -> Mapping[str, tuple[str, Verifier]]:
    """Return format → the runtime that runs it for a comparison, and what that needs."""
    tensorflow = (TENSORFLOW, Verifier(("tensorflow",), "convert"))
    found = dict.fromkeys(TENSORFLOW_FORMATS, tensorflow)
    for name in RUNTIME_NAMES:
        for model_format, needs in runtime(name).verifies.items():
            found.setdefault(model_format, (name, needs))
    return found


class Reference:
    """The source on its samples, run once, to which any number of results is held."""

    def __init__(
        self,
        subject: Subject,
        inputs: InputSource,
        folder: Path,
        python: Optional[str],
        timeout_s: float,
        *,
        samples: int = LEAST_SAMPLES,
        drawn: bool = False,
    ) -> None:
        """Hold results to `subject`, on at most `samples` samples of the data.

        They are the first ones, or where `drawn` random ones. Where the data has too few, and
        without any, random values make up for them.
        """
        self._subject = subject
        self._inputs = inputs
        self._folder = folder
        self._python = python
        self._timeout_s = timeout_s
        self._samples = samples
        self._drawn = drawn
        self._run: Optional[tuple[SampleRun, dict[str, Any]]] = None

    def _origin(self, answer: Optional[Mapping[str, Any]]) -> str:
        """Say where the samples of a run come from."""
        values = f"random values, seed {self._inputs.seed}"
        if self._inputs.data is None or answer is None:
            return values if self._inputs.data is None else str(self._inputs.data)
        given, made = answer["given"], answer["n"] - answer["given"]
        if self._drawn and not made:
            return f"drawn from {self._inputs.data}, seed {self._inputs.seed}"
        if not made:
            return f"the first of {self._inputs.data}"
        return f"{given} of {self._inputs.data}, which has no more, and {made} of {values}"

    def verify(
        self,
        result: Subject,
        precision: str,
        transposed_inputs: Mapping[str, Sequence[int]],
        transposed_outputs: Mapping[str, Sequence[int]],
    ) -> Verification:
        """Run the result on the source's samples and compare all outputs."""
        begun_ns, first = time.monotonic_ns(), self._run is None
        if result.format not in judges():
            return self._unverified(precision, f"no installed runtime runs {result.format}")
        try:
            source, source_answer = self._source()
        except NotAvailableError as error:
            return self._unverified(precision, f"the source cannot be run: {error}")
        try:
            answer, path = self._ask(
                result,
                {"samples": str(self._folder / "source.npz"), "transposed": transposed_inputs},
                "result",
            )
        except NotAvailableError as error:
            return self._unverified(precision, f"the result cannot be run: {error}")
        except EdgeloopError as error:
            return self._failed(precision, f"the result does not run: {error}")
        run = read(path, answer)
        seen = compare_detections(source, run, precision)
        agreements: list[OutputAgreement] = []
        if seen is not None:
            faults = seen[1]
        else:
            agreements, faults = compare_runs(source, run, precision, transposed_outputs)
            for item in agreements:
                faults += [f"output '{item.name}': {fault}" for fault in item.faults]
        fresh = (source_answer, answer) if first else (answer,)
        starts_ns = sum(item["start_ns"] + item["import_ns"] for item in fresh)
        return Verification(
            passed=not faults,
            samples=source_answer["n"],
            origin=self._origin(source_answer),
            precision=precision,
            outputs=tuple(agreements),
            detections=None if seen is None else seen[0].as_dict(),
            faults=tuple(faults),
            start_ns=starts_ns,
            work_ns=time.monotonic_ns() - begun_ns - starts_ns,
        )

    def _unverified(self, precision: str, reason: str) -> Verification:
        return Verification(None, 0, self._origin(None), precision, reason=reason)

    def _failed(self, precision: str, fault: str) -> Verification:
        return Verification(False, 0, self._origin(None), precision, faults=(fault,))

    def _source(self) -> tuple[SampleRun, dict[str, Any]]:
        if self._run is None:
            given = asdict(self._inputs)
            asked = {
                "n": self._samples,
                "least": LEAST_SAMPLES,
                "drawn": self._drawn,
                "seed": self._inputs.seed,
                "data": None if self._inputs.data is None else given,
            }
            answer, path = self._ask(self._subject, asked, "source")
            self._run = (read(path, answer), answer)
        return self._run

    def _ask(
        self, subject: Subject, asked: Mapping[str, Any], name: str
    ) -> tuple[dict[str, Any], str]:
        judging, needs = judges()[subject.format]
        found = look_for(needs.packages, needs.environment, self._python)
        if found.python is None:
            found = look_for(needs.packages, needs.environment)
        if found.python is None:
            raise NotAvailableError(found.reason)
        path = str(self._folder / f"{name}.npz")
        arguments = {
            "runtime": judging,
            "options": {
                **asdict(subject.options),
                "settings": {**needs.settings, **subject.options.settings},
            },
            "write": path,
            **asked,
        }
        with WorkerClient(found.python, self._timeout_s) as worker:
            try:
                answer = worker.job("run-samples", arguments, f"running the {name}")
            except RuntimeFailedError as error:
                raise RuntimeFailedError(f"{error}{worker.said()}") from error
            answer["start_ns"] = worker.hello.interpreter_start_ns
            worker.stop()
        return answer, path
