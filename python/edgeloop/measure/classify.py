"""`classify`: what a model sees in pictures; no measurement, and no word about time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.data.images import pictures_in
from edgeloop.data.labels import ClassNames
from edgeloop.data.picture import SUFFIXES
from edgeloop.data.source import Skipped
from edgeloop.errors import ModelError
from edgeloop.measure.data_set import run_outputs
from edgeloop.measure.live_worker import LiveWorker, SampleRows
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.observer import Observer
from edgeloop.metrics.alignment import score_rows
from edgeloop.metrics.outputs import Label, judged_output
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.spec.run import RunSpec

if TYPE_CHECKING:
    import numpy.typing as npt

_NO_PICTURES = f"the folder holds no pictures ({', '.join(SUFFIXES)})"


@dataclass(frozen=True)
class Answer:
    """One class and its score."""

    number: int
    name: str
    score: float


@dataclass(frozen=True)
class Picture:
    """One picture and the classes with the highest scores, the best first."""

    path: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Classified:
    """What came of all pictures."""

    title: str
    softmax: bool
    pictures: Sequence[Picture]
    skipped: Sequence[Skipped]
    notes: Sequence[str]
    """What was decided for the user, one sentence each."""
    warnings: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return {
            "title": self.title,
            "softmax": self.softmax,
            "pictures": [asdict(picture) for picture in self.pictures],
            "skipped": [asdict(one) for one in self.skipped],
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }

    @property
    def error(self) -> Optional[ModelError]:
        """The error for the first picture that could not be read, or folder without any."""
        if not self.skipped:
            return None
        first = self.skipped[0]
        return ModelError(f"{first.name} cannot be used: {first.reason}")


def classify(spec: RunSpec, pictures: Sequence[str], top: int, observer: Observer) -> Classified:
    """Run pictures, and those in folders, through the first runtime of a spec, each once.

    A folder without any is skipped, as a picture is that cannot be read. Raises ModelError where
    there is no other, or the model gives no score for each class, and what a worker raises.
    """
    found = {given: _pictures(given) for given in pictures}
    empty = [Skipped(given, _NO_PICTURES) for given, paths in found.items() if not paths]
    pictures = [path for given in pictures for path in found[given]]
    if not pictures:
        raise ModelError(f"{empty[0].name} cannot be used: {empty[0].reason}")
    resolved = resolve(replace(spec, data=pictures[0]), "classify")[0]
    for choice in resolved.choices:
        observer.note(choice)
    more = tuple(str(Path(picture).resolve()) for picture in pictures[1:])
    inputs = replace(resolved.inputs, pictures=more)
    done = _classified(replace(resolved, inputs=inputs), top, observer)
    return replace(done, skipped=(*done.skipped, *empty))


def _pictures(path: str) -> list[str]:
    return pictures_in(Path(path)) if Path(path).is_dir() else [path]


def _classified(spec: ResolvedSpec, top: int, observer: Observer) -> Classified:
    inputs = spec.inputs
    names = None if inputs.labels is None else ClassNames.read(inputs.labels, inputs.labels_archive)
    found: list[tuple[Answer, ...]] = []
    with Monitor() as monitor, LiveWorker(spec, 0, monitor) as worker:
        data = worker.data
        assert data is not None
        for note in data.notes:
            observer.note(note)
        classes = 0
        judged = judged_output(worker.outputs, data.batch_size, Label("i", ()), spec.metrics.output)
        if judged.index is None:
            raise ModelError(f"the model does not classify: {judged.reason}")
        if judged.words:
            observer.note(f"output '{judged.name}': {judged.words}")
        for outputs in run_outputs(worker, [judged.index]):
            scores = _scores(outputs[0], judged.name, spec.metrics.softmax)
            classes = scores.shape[1]
            found += [_best(row, top, names) for row in scores]
        worker.stop()
    for note in data.found_notes():
        observer.phase(note)
    unread = {one.name for one in data.skipped}
    read = [path for path in (str(inputs.data), *inputs.pictures) if path not in unread]
    return Classified(
        title=spec.title,
        softmax=spec.metrics.softmax,
        pictures=[Picture(path, answers) for path, answers in zip(read, found)],
        skipped=tuple(data.skipped),
        notes=(*data.notes, *data.found_notes()),
        warnings=_about_names(names, classes),
    )


def _scores(outputs: SampleRows, name: str, softmax: bool) -> npt.NDArray[np.float64]:
    scores = score_rows(outputs) if isinstance(outputs, np.ndarray) else None
    if scores is None or scores.shape[1] < 2:
        shape = "x".join(map(str, outputs[0].shape)) or "1"
        raise ModelError(
            f"the model's output '{name}' of {shape} is not one score for each class, so it does "
            "not classify; `edgeloop inspect` shows its outputs"
        )
    if not softmax:
        return scores
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _best(
    scores: npt.NDArray[np.float64], top: int, names: Optional[ClassNames]
) -> tuple[Answer, ...]:
    order = np.argsort(-scores, kind="stable")[:top]
    return tuple(
        Answer(
            int(number),
            f"class {number}" if names is None else names.name(int(number)),
            float(scores[number]),
        )
        for number in order
    )


def _about_names(names: Optional[ClassNames], classes: int) -> Sequence[str]:
    """Warn where the names are not as many as the classes: one line too many shifts them all."""
    if names is None or names.count == classes:
        return ()
    words = (
        f"{names.path} names {names.count} classes, but the model has {classes} outputs: the "
        "names may be shifted (by a background class, for one)"
    )
    return (words,)
