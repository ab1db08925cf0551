"""Which of a model's outputs is judged, and which belongs to which of another model's."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from edgeloop.errors import UsageError, nearest
from edgeloop.metrics.alignment import squeezed
from edgeloop.spec.load import TensorSpec


@dataclass(frozen=True)
class Judged:
    """The output that the labels are held against, or why there is none."""

    index: Optional[int]
    name: str = ""
    words: str = ""
    """How it was chosen among several; empty where there is only one."""
    reason: Optional[str] = None
    """Why no output is judged."""


@dataclass(frozen=True)
class Label:
    """What the choice of an output needs to know of the labels: dtype kind, shape of one."""

    kind: str
    """NumPy's letter: "i", "u", "f", "b", "U" or "S"."""
    shape: tuple[int, ...]

    @property
    def is_class(self) -> bool:
        """Whether one label may be the number or the name of a class."""
        return not squeezed(self.shape) and self.kind != "f"


def sample_shape(shape: Sequence[int], batch_size: int) -> tuple[int, ...]:
    """Return the shape of one sample of an output, dimensions of 1 left out."""
    rest = tuple(shape)
    return squeezed(rest[1:] if rest and rest[0] == batch_size else rest)


def judged_output(
    outputs: Sequence[TensorSpec], batch_size: int, label: Label, wanted: Optional[str]
) -> Judged:
    """Choose the output that is judged: the one that was named, else the only one that fits.

    A class number fits a row of scores, else a single value; any other label an output of its
    shape. Where several fit, none is chosen: their order in the file means nothing.
    Raises UsageError where no output has the name `wanted`.
    """
    names = [spec.name for spec in outputs]
    if wanted is not None:
        if wanted not in names:
            raise UsageError(
                f"--output {wanted}: the model has no such output; {nearest(wanted, names)}"
            )
        return Judged(names.index(wanted), wanted, "named by --output")
    if len(outputs) == 1:
        return Judged(0, names[0])
    if len(outputs) == 4 and any(_lists_boxes(spec, batch_size) for spec in outputs):
        return Judged(
            None,
            reason="the model is a detector, whose output is not one score for each class; it is "
            "judged on data with boxes (edgeloop help accuracy), or beside a --reference",
        )
    fits = _fitting(outputs, batch_size, label)
    if len(fits) == 1:
        return Judged(
            fits[0], names[fits[0]], f"the only one of {len(names)} outputs that fits the labels"
        )
    quoted = ", ".join(f"'{names[index]}'" for index in fits or range(len(names)))
    if fits:
        return Judged(
            None, reason=f"the outputs {quoted} all fit the labels: choose one with --output NAME"
        )
    return Judged(
        None,
        reason=f"none of the outputs {quoted} is one score for each class or fits the labels; "
        "--output NAME chooses one all the same",
    )


@dataclass(frozen=True)
class Pairing:
    """Which outputs of two models belong together."""

    pairs: tuple[tuple[int, int], ...]
    """(place among the first model's outputs, place among the second's)."""
    notes: tuple[str, ...] = ()
    """How they were paired, where it was not by name, one sentence each."""
    doubtful: bool = False
    """Whether some were paired by their order alone."""


def pair_outputs(ours: Sequence[TensorSpec], theirs: Sequence[TensorSpec]) -> Pairing:
    """Pair outputs by name, the others by shape, and those of one shape by their order.

    Shapes count without dimensions of 1 and in any order of the others, which a change of layout
    leaves as they are. An output without a counterpart is left out, with a note.
    """
    by_name = _by_name(ours, theirs)
    left = [index for index in range(len(ours)) if index not in by_name]
    others: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, spec in enumerate(theirs):
        if index not in by_name.values():
            others[_shape_key(spec)].append(index)
    own = Counter(_shape_key(ours[index]) for index in left)
    doubtful = any(own[key] and max(own[key], len(places)) > 1 for key, places in others.items())
    by_shape: dict[int, int] = {}
    for index in left:
        same = others[_shape_key(ours[index])]
        if same:
            by_shape[index] = same.pop(0)
    notes = []
    if by_shape and (len(ours), len(theirs)) != (1, 1):
        named = ", ".join(f"'{ours[a].name}' with '{theirs[b].name}'" for a, b in by_shape.items())
        how = "by their order, as names and shapes do not decide" if doubtful else "by their shapes"
        notes.append(f"outputs paired {how}: {named}")
    pairs = {**by_name, **by_shape}
    alone = [ours[index].name for index in left if index not in by_shape]
    alone += [spec.name for index, spec in enumerate(theirs) if index not in pairs.values()]
    if alone and pairs:
        quoted = ", ".join(f"'{name}'" for name in alone)
        notes.append(f"outputs without a counterpart in the other model, not compared: {quoted}")
    return Pairing(tuple(sorted(pairs.items())), tuple(notes), doubtful)


def _by_name(ours: Sequence[TensorSpec], theirs: Sequence[TensorSpec]) -> dict[int, int]:
    """Pair outputs of one shape whose name is the same and stands once on either side.

    Names like "Identity" are renumbered by every conversion: where the shape differs, the
    name means nothing.
    """
    own, names = [spec.name for spec in ours], [spec.name for spec in theirs]
    return {
        index: names.index(name)
        for index, name in enumerate(own)
        if name
        and own.count(name) == names.count(name) == 1
        and _shape_key(ours[index]) == _shape_key(theirs[names.index(name)])
    }


def _lists_boxes(spec: TensorSpec, batch_size: int) -> bool:
    shape = sample_shape(spec.shape, batch_size)
    return len(shape) == 2 and shape[1] == 4


def _shape_key(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(sorted(squeezed(tuple(spec.shape))))


def _fitting(outputs: Sequence[TensorSpec], batch_size: int, label: Label) -> list[int]:
    """Return the places of the outputs that such labels could belong to."""
    shapes = [sample_shape(spec.shape, batch_size) for spec in outputs]
    if label.is_class:
        # Scores are real numbers: a row of plain integers holds none.
        scores = [
            index
            for index, (shape, spec) in enumerate(zip(shapes, outputs))
            if len(shape) == 1 and (spec.scales or "float" in spec.dtype)
        ]
        return scores or [index for index, shape in enumerate(shapes) if shape == ()]
    wanted = squeezed(label.shape)
    maps = [index for index, shape in enumerate(shapes) if shape == wanted]
    if maps or not wanted or label.kind == "f":
        return maps
    # Class maps: one score for each class at each place.
    return [
        index
        for index, shape in enumerate(shapes)
        if len(shape) == len(wanted) + 1 and wanted in (shape[1:], shape[:-1])
    ]
