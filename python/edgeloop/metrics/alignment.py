"""Which output belongs to which label: by rule, and never by broadcasting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of one sample without its dimensions of 1."""
    return tuple(dim for dim in shape if dim != 1)


def score_rows(outputs: npt.NDArray[Any]) -> Optional[npt.NDArray[Any]]:
    """Return outputs (n, ...) as one score for each class (n, classes); None where they are not."""
    if len(squeezed(outputs.shape[1:])) > 1:
        return None
    return outputs.reshape(len(outputs), -1)


def label_column(labels: npt.NDArray[Any]) -> Optional[npt.NDArray[Any]]:
    """Return labels of one number a sample (n,), (n, 1), ... as (n,); None for other shapes."""
    return labels.reshape(len(labels)) if not squeezed(labels.shape[1:]) else None


def is_one_hot(labels: npt.NDArray[Any], classes: int) -> bool:
    """Return whether every row (n, classes) is one 1 among zeros."""
    rows = labels.reshape(len(labels), -1)
    if classes < 2 or squeezed(labels.shape[1:]) != (classes,):
        return False
    ones = rows == 1
    return bool((ones.sum(axis=1) == 1).all() and ((rows == 0) | ones).all())


def value_rows(
    outputs: npt.NDArray[Any], labels: npt.NDArray[Any]
) -> Optional[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Return outputs and labels as (n, values); None where a sample's shapes differ.

    Dimensions of 1 do not count: (n,), (n, 1) and (n, 1, 1) are the same.
    """
    if squeezed(outputs.shape[1:]) != squeezed(labels.shape[1:]):
        return None
    return (
        outputs.reshape(len(outputs), -1).astype(np.float64),
        labels.reshape(len(labels), -1).astype(np.float64),
    )
