"""`predict`: what a model sees in pictures; no measurement, and no word about time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.data.categories import background_lines
from edgeloop.data.drawing import Drawn, draw_all, require_folder
from edgeloop.data.images import pictures_in
from edgeloop.data.labels import ClassNames
from edgeloop.data.picture import SUFFIXES
from edgeloop.data.source import Skipped
from edgeloop.errors import ModelError
from edgeloop.measure.data_set import run_outputs, run_placed
from edgeloop.measure.detecting import decoder_of, fit_words, in_picture
from edgeloop.measure.live_worker import LiveWorker, SampleRows
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.observer import Observer
from edgeloop.metrics.alignment import score_rows
from edgeloop.metrics.decoders import SHOWING, Decoder
from edgeloop.metrics.outputs import Label, judged_output
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.metrics import CLASSIFICATION, DETECTION
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.spec.run import RunSpec

if TYPE_CHECKING:
    import numpy.typing as npt

_NO_PICTURES = f"the folder holds no pictures ({', '.join(SUFFIXES)})"
_NO_PICTURE = f"it is not a picture ({', '.join(SUFFIXES)}); data sets are for `edgeloop eval`"


# Of the best class's score: lines for less would only hide the picture.
_LEAST_DRAWN = 0.01


@dataclass(frozen=True)
class Answer:
    """One class and its score, and of a detector where it is."""

    number: int
    name: str
    score: float
    box: Optional[tuple[float, float, float, float]] = None
    """Left, top, right and bottom in pixels of the picture; None of a classifier."""


@dataclass(frozen=True)
class PicturePrediction:
    """One picture and what is seen in it, the highest score first."""

    path: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Predictions:
    """What came of all pictures."""

    title: str
    task: str
    """classification or detection."""
    softmax: bool
    pictures: Sequence[PicturePrediction]
    skipped: Sequence[Skipped]
    notes: Sequence[str]
    """What was decided for the user, one sentence each."""
    warnings: Sequence[str]
    saved: Sequence[str] = ()
    """The pictures that were drawn."""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return {
            "title": self.title,
            "task": self.task,
            "softmax": self.softmax,
            "pictures": [asdict(picture) for picture in self.pictures],
            "skipped": [asdict(one) for one in self.skipped],
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "saved": list(self.saved),
        }

    @property
    def error(self) -> Optional[ModelError]:
        """The error for the first picture that could not be read, or folder without any."""
        if not self.skipped:
            return None
        first = self.skipped[0]
        return ModelError(f"{first.name} cannot be used: {first.reason}")


def predict(
    spec: RunSpec, pictures: Sequence[str], observer: Observer, *,
    top: int, least_score: float, save: Optional[str],
) -> Predictions:  # fmt: skip
    """Run pictures, and those in folders, through the first runtime of a spec, each once.

    `top`: classes of a classifier; `least_score`: of a detector's boxes; `save`: the folder for
    the pictures with what is seen drawn in. A folder without any is skipped, as a picture is that
    cannot be read. Raises ModelError where there is no other, or the model gives neither boxes nor
    a score for each class, CannotWriteError, and what a worker raises.
    """
    found = {given: _pictures(given) for given in pictures}
    empty = [
        Skipped(given, _NO_PICTURES if Path(given).is_dir() else _NO_PICTURE)
        for given, paths in found.items()
        if not paths
    ]
    pictures = [path for given in pictures for path in found[given]]
    if not pictures:
        raise ModelError(f"{empty[0].name} cannot be used: {empty[0].reason}")
    resolved = resolve(replace(spec, data=pictures[0]), "predict")[0]
    if save is not None:
        require_folder(save)
    for choice in resolved.choices:
        observer.note(choice)
    more = tuple(str(Path(picture).resolve()) for picture in pictures[1:])
    inputs = replace(resolved.inputs, pictures=more)
    done = _predicted(replace(resolved, inputs=inputs), top, least_score, observer)
    saved: Sequence[str] = ()
    if save is not None:
        saved = draw_all(save, [(one.path, _drawn(one)) for one in done.pictures])
    return replace(done, skipped=(*done.skipped, *empty), saved=saved)


def _pictures(path: str) -> list[str]:
    if Path(path).is_dir():
        return pictures_in(Path(path))
    return [path] if Path(path).suffix.lower() in SUFFIXES else []


def _drawn(picture: PicturePrediction) -> list[Drawn]:
    best = max((one.score for one in picture.answers), default=0.0)
    return [
        Drawn(f"{one.name} {one.score:.2f}", one.number, one.box)
        for one in picture.answers
        if one.box is not None or one.score >= _LEAST_DRAWN * best
    ]


def _predicted(spec: ResolvedSpec, top: int, least_score: float, observer: Observer) -> Predictions:
    inputs = spec.inputs
    names = None if inputs.labels is None else ClassNames.read(inputs.labels, inputs.labels_archive)
    with Monitor() as monitor, LiveWorker(spec, 0, monitor) as worker:
        data = worker.data
        assert data is not None
        for note in data.notes:
            observer.note(note)
        limits = replace(SHOWING, score=least_score)
        decoder = decoder_of(
            worker.inputs, worker.outputs, worker.source, spec.metrics.decoder, limits
        )
        if decoder is None:
            task, notes = CLASSIFICATION, list(data.notes)
            found, warnings = _classes(worker, spec, top, names, observer)
        else:
            task = DETECTION
            notes = [*data.notes, decoder.words, fit_words(worker.source)]
            for note in notes[len(data.notes) :]:
                observer.note(note)
            found, warnings = _boxes(worker, decoder, names), _about_boxes(names, decoder)
        worker.stop()
    for note in data.found_notes():
        observer.phase(note)
    unread = {one.name for one in data.skipped}
    read = [path for path in (str(inputs.data), *inputs.pictures) if path not in unread]
    return Predictions(
        title=spec.title,
        task=task,
        softmax=spec.metrics.softmax,
        pictures=[PicturePrediction(path, answers) for path, answers in zip(read, found)],
        skipped=tuple(data.skipped),
        notes=(*notes, *data.found_notes()),
        warnings=warnings,
    )


def _boxes(
    worker: LiveWorker, decoder: Decoder, names: Optional[ClassNames]
) -> list[tuple[Answer, ...]]:
    lead = 0 if names is None else background_lines(names, decoder.classes)
    found = []
    for outputs, placements in run_placed(worker):
        for index, placement in enumerate(placements):
            seen = in_picture(decoder([values[index] for values in outputs]), placement)
            answers = []
            for number, score, box in zip(seen.classes, seen.scores, seen.boxes):
                left, top, right, bottom = (float(edge) for edge in box)
                name = f"class {number}" if names is None else names.name(int(number) + lead)
                answers.append(Answer(int(number), name, float(score), (left, top, right, bottom)))
            found.append(tuple(answers))
    return found


def _about_boxes(names: Optional[ClassNames], decoder: Decoder) -> Sequence[str]:
    if names is None or decoder.classes is None:
        return ()
    return _about_names(names, decoder.classes, background_lines(names, decoder.classes))


def _classes(
    worker: LiveWorker, spec: ResolvedSpec, top: int, names: Optional[ClassNames],
    observer: Observer,
) -> tuple[list[tuple[Answer, ...]], Sequence[str]]:  # fmt: skip
    """Return the best classes of each picture, and a warning about their names."""
    assert worker.data is not None
    output = spec.metrics.output
    judged = judged_output(worker.outputs, worker.data.batch_size, Label("i", ()), output)
    if judged.index is None:
        raise ModelError(
            f"the model does not classify: {judged.reason}; where it detects, --decoder NAME says "
            "how its outputs become boxes"
        )
    if judged.words:
        observer.note(f"output '{judged.name}': {judged.words}")
    found: list[tuple[Answer, ...]] = []
    classes = 0
    for outputs in run_outputs(worker, [judged.index]):
        scores = _scores(outputs[0], judged.name, spec.metrics.softmax)
        classes = scores.shape[1]
        found += [_best(row, top, names) for row in scores]
    return found, _about_names(names, classes)


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


def _about_names(names: Optional[ClassNames], classes: int, background: int = 0) -> Sequence[str]:
    """Warn where the names are not as many as the classes: one line too many shifts them all."""
    if names is None or names.count - background == classes:
        return ()
    words = (
        f"{names.path} names {names.count} classes, but the model has {classes} outputs: the "
        "names may be shifted (by a background class, for one)"
    )
    return (words,)
