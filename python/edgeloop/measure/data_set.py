"""A data set through the instance that is timed: outputs to metrics, chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

import numpy as np

from edgeloop.data.model_data import Batches
from edgeloop.errors import ModelError, UsageError, reasoned
from edgeloop.measure.detecting import DetectionEvaluation, decoder_of, detection_evaluation
from edgeloop.measure.live_worker import DataRuns, LiveWorker, SampleRows
from edgeloop.metrics.agreement import Agreement
from edgeloop.metrics.decoders import COMPARING, Decoder
from edgeloop.metrics.evaluation import Evaluation
from edgeloop.metrics.outputs import Judged
from edgeloop.results.sample_scores import paired_document, scores_document
from edgeloop.spec.load import instance_of
from edgeloop.spec.metrics import DETECTION, REGRESSION
from edgeloop.stats.quantile import quantile_interval

if TYPE_CHECKING:
    from edgeloop.data.model_data import ModelData
    from edgeloop.data.picture import Placement

# One request to the worker: this long, so that the parent looks often, and this much of outputs.
_REQUEST_S = 1.0
_REQUEST_BYTES = 8 << 20

# As many names of pictures that could not be read go into the result.
_MOST_NAMED = 20

NO_LABELS = "the data has no labels"
_OF_ALL_PICTURES = "average precision is of all pictures together: no picture has one of its own"

OnRuns = Callable[[DataRuns], None]


COMPUTING = "computing the metrics and their intervals"


@dataclass
class DataResult:
    """What a data set gave."""

    data: ModelData
    samples: int = 0
    evaluation: Union[Evaluation, DetectionEvaluation, None] = None
    """None where the data has no labels."""
    agreement: Optional[Agreement] = None
    """None without a reference."""
    reference: Optional[str] = None
    """The reference's title."""
    reference_evaluation: Union[Evaluation, DetectionEvaluation, None] = None
    """Of the reference, on the same samples and labels."""
    reference_judged: Optional[Judged] = None
    seed: int = 0
    """Of the bootstrap."""
    reference_data: Optional[ModelData] = None
    notes: list[str] = field(default_factory=list)
    """What was decided about the data of one model for the other's sake."""
    judged: Optional[Judged] = None
    """Which output the labels are held against; None where the data has no labels."""
    instances: int = 1
    samples_per_s: list[float] = field(default_factory=list)
    """Of each request, all instances together, copying in and out included."""

    def as_dict(self) -> dict[str, Any]:
        """Return `accuracy`, `agreement` and `data` of a result.

        Imports scipy and scikit-learn: call it after measuring.
        """
        document: dict[str, Any] = {"accuracy": None, "accuracy_reason": self.why_no_accuracy}
        if self.evaluation is not None and self.judged is not None:
            document = _accuracy(self.evaluation, self.judged)
            scores = self.evaluation.kept.scores()
            if document["accuracy"] is not None and scores is not None:
                document["accuracy"]["samples"] = scores_document(scores)
        if self.reference_evaluation is not None:
            theirs = _accuracy(self.reference_evaluation, self.reference_judged)
            document.update({f"reference_{name}": value for name, value in theirs.items()})
            document.update(self._paired())
        if self.agreement is not None:
            document["agreement"] = {
                "reference": self.reference,
                "outputs": self.agreement.as_dict(classes=self._may_be_classes()),
                "notes": [*self.notes, *self.agreement.pairing.notes],
            }
            if self.agreement.detections is not None:
                document["agreement"]["detections"] = self.agreement.detections.as_dict()
        document["data"] = {
            "samples": self.samples,
            "listed": self.data.n,
            "skipped": len(self.data.skipped),
            "skipped_first": [
                {"name": one.name, "reason": one.reason} for one in self.data.skipped[:_MOST_NAMED]
            ],
            "clipped_shares": self.data.clipped_shares(),
            "notes": [*self.data.notes, *self.data.found_notes()],
            "instances": self.instances,
            **self._throughput(),
        }
        return document

    @property
    def why_no_accuracy(self) -> str:
        """Why nothing is judged: there are no labels, or no output that is theirs."""
        return NO_LABELS if self.judged is None else self.judged.reason or NO_LABELS

    def _paired(self) -> dict[str, Any]:
        """Return `paired`: how much better the model is than the reference."""
        assert self.evaluation is not None
        assert self.reference_evaluation is not None
        for evaluation in (self.evaluation, self.reference_evaluation):
            if isinstance(evaluation, DetectionEvaluation):
                return {"paired": None, "paired_reason": _OF_ALL_PICTURES}
            if evaluation.reason is not None:
                return {"paired": None, "paired_reason": evaluation.reason}
        return paired_document(
            self.evaluation.kept.scores(), self.reference_evaluation.kept.scores(), self.seed
        )

    def _throughput(self) -> dict[str, Any]:
        if not self.samples_per_s:
            return reasoned("samples_per_s", None, "no sample was run")
        found = quantile_interval(self.samples_per_s, 0.5)
        interval = None if found.interval is None else list(found.interval)
        return {
            "samples_per_s": float(np.median(self.samples_per_s)),
            **reasoned("samples_per_s_ci95", interval, found.reason or "there are too few samples"),
        }

    def _may_be_classes(self) -> bool:
        if self.agreement is not None and self.agreement.detections is not None:
            return False
        task = None if self.evaluation is None else self.evaluation.task
        return task is None or task.name != REGRESSION


class _Runner:
    """Runs batches in a worker, in requests of about a second."""

    def __init__(
        self, worker: LiveWorker, outputs: Optional[Sequence[int]], on_runs: OnRuns
    ) -> None:
        self._worker = worker
        self._outputs = outputs
        self._on_runs = on_runs
        loop = worker.spec.loops[0]
        first_ns = worker.loaded["first_run_ns"][instance_of(loop)]
        self._run_ns = max(1.0, worker.run_ns.get(loop, float(first_ns)))
        described = worker.outputs
        kept = range(len(described)) if outputs is None else outputs
        row_bytes = sum(8 * math.prod(described[index].shape) for index in kept)  # as float64
        self.samples_per_s: list[float] = []
        """Of each request."""
        self.most_runs = max(1, _REQUEST_BYTES // max(1, row_bytes))

    def run(self, batches: Batches) -> Iterator[tuple[int, list[SampleRows]]]:
        """Yield for each piece its first sample and the outputs of its samples."""
        data = self._worker.data
        assert data is not None
        start = 0
        while start < batches.runs:
            at_once = self._worker.spec.instances
            runs = min(self.most_runs, max(at_once, int(at_once * _REQUEST_S * 1e9 / self._run_ns)))
            stop = min(start + runs, batches.runs)
            rows = [array[start:stop] for array in batches.inputs]
            done = self._worker.run_data(rows, self._outputs)
            self._run_ns = max(1.0, float(np.median(done.stretches[0].durations_ns)))
            self._on_runs(done)
            first = start * data.batch_size
            count = min(batches.samples - first, (stop - start) * data.batch_size)
            self.samples_per_s.append(count / (done.elapsed_ns / 1e9))
            yield first, [values[:count] for values in done.outputs]
            start = stop


def run_data_set(
    worker: LiveWorker, reference: Optional[LiveWorker] = None, on_runs: OnRuns = lambda runs: None
) -> DataResult:
    """Run all samples of the worker's data set; the same through the reference, where given.

    `on_runs` is called for each request. Nothing is run where nothing could come of it. Raises
    ModelError where the data is damaged, or the two models cannot be compared.
    """
    data = worker.data
    assert data is not None
    spec = worker.spec
    result = DataResult(data, instances=spec.instances)
    result.judged = worker.judged
    result.evaluation = _evaluation(worker, result.judged)
    if reference is not None:
        result.agreement = Agreement(
            worker.outputs, reference.outputs, data.n, spec.seed,
            (comparing_decoder(worker), comparing_decoder(reference)),
        )  # fmt: skip
        result.reference, result.seed = reference.spec.title, spec.seed
        if result.evaluation is not None:
            if not isinstance(result.evaluation, DetectionEvaluation):
                result.reference_judged = _judged_of(reference, result)
            result.reference_evaluation = _evaluation(reference, result.reference_judged)
        _run_both(worker, reference, result, on_runs)
        return result
    if result.evaluation is None:
        return result
    detecting = isinstance(result.evaluation, DetectionEvaluation)
    runner = _Runner(worker, None if detecting else [_judged_index(result)], on_runs)
    result.samples_per_s = runner.samples_per_s
    for batches in data.batches():
        for first, outputs in runner.run(batches):
            result.samples += len(outputs[0])
            _judge(result.evaluation, outputs, 0, batches.part(first, len(outputs[0])))
        if result.evaluation.ended:
            break
    return result


def comparing_decoder(worker: LiveWorker) -> Optional[Decoder]:
    """Return what reads a model's outputs for a comparison; None where it does not detect."""
    choice = worker.spec.metrics.decoder
    try:
        return decoder_of(worker.inputs, worker.outputs, worker.source, choice, COMPARING)
    except UsageError:
        if choice is not None:
            raise
        return None


def _judge(
    evaluation: Union[Evaluation, DetectionEvaluation],
    outputs: Sequence[SampleRows],
    judged: int,
    part: Batches,
) -> None:
    """Add the outputs of some samples: all of a detector's, else the one that is judged."""
    if isinstance(evaluation, DetectionEvaluation):
        evaluation.add(outputs, part.labels, part.placements)
    else:
        evaluation.add(outputs[judged], part.labels)


def _evaluation(
    worker: LiveWorker, judged: Optional[Judged]
) -> Union[Evaluation, DetectionEvaluation, None]:
    """Return what takes the judged output of a worker; None where there is none."""
    if worker.data is not None and worker.data.boxes is not None:
        spec = worker.spec
        return detection_evaluation(
            worker.data, worker.inputs, worker.outputs, worker.source, spec.metrics, spec.seed
        )
    if worker.spec.metrics.task == DETECTION:
        raise UsageError(
            f"--task detection needs data with boxes, and {worker.spec.inputs.data} has none: name "
            "a COCO json"
        )
    if judged is None or judged.index is None:
        return None
    assert worker.data is not None
    output = worker.outputs[judged.index]
    return Evaluation(
        worker.data.n,
        worker.spec.metrics,
        max(output.scales, default=0.0),
        worker.spec.seed,
        whole="int" in output.dtype and not output.scales,
    )


def _judged_of(reference: LiveWorker, result: DataResult) -> Optional[Judged]:
    """Return the reference's output that is judged: the one named for it, else the pair of ours."""
    assert result.agreement is not None
    partner = dict(result.agreement.pairing.pairs).get(_judged_index(result))
    if reference.spec.metrics.output is not None or partner is None:
        return reference.judged
    return Judged(partner, reference.outputs[partner].name)


def _accuracy(
    evaluation: Union[Evaluation, DetectionEvaluation], judged: Optional[Judged]
) -> dict[str, Any]:
    """Return `accuracy` with the name of the output that was judged."""
    document = evaluation.as_dict()
    if document["accuracy"] is not None and judged is not None and judged.index is not None:
        words = {"output_reason": judged.words} if judged.words else {}
        document["accuracy"].update({"output": judged.name, **words})
    return document


def _place(judged: Optional[Judged]) -> int:
    """Return the place of the judged output; 0 where all are."""
    return 0 if judged is None or judged.index is None else judged.index


def _judged_index(result: DataResult) -> int:
    assert result.judged is not None
    assert result.judged.index is not None
    return result.judged.index


def run_outputs(
    worker: LiveWorker, outputs: Optional[Sequence[int]] = None
) -> Iterator[list[SampleRows]]:
    """Yield piece by piece the outputs of all samples of the worker's data, as real values."""
    for values, _ in run_placed(worker, outputs):
        yield values


def run_placed(
    worker: LiveWorker, outputs: Optional[Sequence[int]] = None
) -> Iterator[tuple[list[SampleRows], Sequence[Placement]]]:
    """Yield what run_outputs does, and where each picture lies in the model's input."""
    assert worker.data is not None
    runner = _Runner(worker, outputs, lambda runs: None)
    for batches in worker.data.batches():
        for first, values in runner.run(batches):
            yield values, batches.part(first, len(values[0])).placements


def _run_both(
    worker: LiveWorker, reference: LiveWorker, result: DataResult, on_runs: OnRuns
) -> None:
    """Run the same samples through both, each with the data as its own inputs take it."""
    ours, theirs = worker.data, reference.data
    assert ours is not None
    assert theirs is not None
    assert result.agreement is not None
    result.reference_data = theirs
    result.notes = [*ours.describe_by(theirs), *theirs.describe_by(ours)]
    whole = math.lcm(ours.batch_size, theirs.batch_size)
    runner, other = _Runner(worker, None, on_runs), _Runner(reference, None, lambda runs: None)
    result.samples_per_s = runner.samples_per_s
    limits = (ours.chunk_samples(), theirs.chunk_samples(), runner.most_runs, other.most_runs)
    most = max(1, min(limits) // whole) * whole
    for our_batches, their_batches in zip(ours.batches(most), theirs.batches(most)):
        if our_batches.samples != their_batches.samples:
            raise ModelError("the model and the reference do not read the same samples of the data")
        a, b = _all(runner, our_batches), _all(other, their_batches)
        result.agreement.add(a, b)
        result.samples += our_batches.samples
        if result.evaluation is not None:
            _judge(result.evaluation, a, _place(result.judged), our_batches)
        if result.reference_evaluation is not None:
            _judge(result.reference_evaluation, b, _place(result.reference_judged), their_batches)


def _all(runner: _Runner, batches: Batches) -> list[SampleRows]:
    pieces = [outputs for _, outputs in runner.run(batches)]
    return [_joined(parts) for parts in zip(*pieces)]


def _joined(parts: Sequence[SampleRows]) -> SampleRows:
    arrays = [part for part in parts if not isinstance(part, list)]
    if len(arrays) == len(parts) and len({array.shape[1:] for array in arrays}) == 1:
        return np.concatenate(arrays)
    return [row for part in parts for row in part]
