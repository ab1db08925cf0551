"""Which class of a model is which category of a data set, and which name each has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

import numpy as np

from edgeloop.data.box_sets import Category
from edgeloop.data.labels import ClassNames
from edgeloop.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

# The first line of label files whose model counts a class for nothing.
_BACKGROUND = ("???", "background", "__background__", "n/a", "unlabeled")

# COCO numbers its 80 classes with 90 numbers: models of 90 classes (or 91 with the background)
# have a place for every number.
_COCO_CLASSES, _COCO_IDS = 80, 90

_HINT = "give --labels FILE with the names of the model's classes, one a line"
_MOST_NAMED = 5


@dataclass(frozen=True)
class ClassMap:
    """From the number of a model's class to the place of a category."""

    places: npt.NDArray[np.int64]
    """(classes,): −1 for a class that the data set does not have."""
    words: str
    """How they were brought together."""

    def category(self, classes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the places of the categories, −1 where there is none."""
        known = (classes >= 0) & (classes < len(self.places))
        found: npt.NDArray[np.int64] = np.where(known, self.places[np.where(known, classes, 0)], -1)
        return found


def background_lines(names: ClassNames, classes: Optional[int]) -> int:
    """Return 1 where the first name stands for nothing and the model's classes begin behind it."""
    first = (names.name(0) or "").strip().lower()
    if first not in _BACKGROUND:
        return 0
    return 1 if classes is None or classes < names.count else 0


def match_classes(
    categories: Sequence[Category], classes: Optional[int], names: Optional[ClassNames], offset: int
) -> ClassMap:
    """Bring the classes of a model (how many, where known) together with a data set's categories.

    By name where the model's names are known, else by number: as many classes as categories are in
    the same order; COCO's 80 categories have places among 90. `offset` is added to every number of
    a category. Raises ModelError where they do not match.
    """
    if names is not None:
        return _by_name(categories, classes, names, offset)
    ids = [one.id for one in categories]
    n = len(ids)
    numbers = list(range(n))
    words = f"by their order, as the model and the data set have {n}"
    numbered = _coco(ids) and classes in (_COCO_IDS, _COCO_IDS + 1)
    if classes not in (None, n) and not numbered:
        raise ModelError(
            f"the model has {classes} classes, and the data set has {n} categories "
            f"({_named(categories)}): {_HINT}"
        )
    if classes != n:
        first = 0 if classes == _COCO_IDS + 1 or ids == numbers else 1
        numbers = [number - first for number in ids]
        words = f"by number: the model's class {numbers[0]} is the category {ids[0]}"
    numbers = [number + offset for number in numbers]
    if min(numbers) < 0:
        raise ModelError(f"--label-offset {offset} makes numbers below 0 of the categories")
    places = np.full(max(numbers) + 1, -1, np.int64)
    places[numbers] = np.arange(n)
    first_name = categories[0].name
    return ClassMap(places, f"{words} ('{first_name}'); --labels FILE decides by name")


def _by_name(
    categories: Sequence[Category], classes: Optional[int], names: ClassNames, offset: int
) -> ClassMap:
    lead = background_lines(names, classes)
    if classes is not None and names.count - lead not in (classes, classes - 1):
        raise ModelError(
            f"{names.path} names {names.count} classes, and the model has {classes}: name the file "
            "that belongs to the model with --labels FILE"
        )
    numbers = [names.number(one.name) for one in categories]
    unknown = [one for one, n in zip(categories, numbers) if n is None and one.objects]
    if unknown:
        example = names.name(lead)
        raise ModelError(
            f"{len(unknown)} of the data set's {len(categories)} categories ({_named(unknown)}) "
            f"are not among the {names.count} names of {names.path} ('{example}', ...): "
            "write the data set's names there, in the order of the model's classes, and give "
            "--labels FILE"
        )
    found = [-1 if number is None else number - lead + offset for number in numbers]
    places = np.full(max(max(found) + 1, 1), -1, np.int64)
    for place, number in enumerate(found):
        if number >= 0:
            places[number] = place
    words = f"by their names in {names.path}"
    if lead:
        words += f", whose first line '{names.name(0)}' is the background"
    return ClassMap(places, words)


def _coco(ids: Sequence[int]) -> bool:
    return len(ids) == _COCO_CLASSES and ids[0] >= 1 and ids[-1] == _COCO_IDS


def _named(categories: Sequence[Category]) -> str:
    more = ", ..." if len(categories) > _MOST_NAMED else ""
    return ", ".join(one.name for one in categories[:_MOST_NAMED]) + more
