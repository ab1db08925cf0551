"""Multiply-accumulates of one inference, added up over operators.

Only convolutions and matrix products are counted: they are where the work of a network is. A
multiplication by padding counts like any other. One multiply-accumulate is one multiplication and
one addition, so that twice the figure is what others print as FLOPs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SAVING = 4

COUNTED = "multiply-accumulates of convolution and matrix operators, padding included"


@dataclass(frozen=True)
class Operand:
    """What goes into a product; `constant` means that it is stored in the model."""

    dtype: str
    constant: bool
    elements: int | None


@dataclass(frozen=True)
class MatrixOperator:
    """One convolution or matrix product; `reason` says why `macs` is None."""

    name: str
    macs: int | None
    reason: str
    activation: Operand
    weight: Operand
    fewest_multiplications: int | None = None
    """With Winograd's method where it applies; None where that is `macs` itself."""


@dataclass(frozen=True)
class MacTotal:
    """The sum, or None and what stands in its way."""

    macs: int | None
    reason: str
    by_operator: Mapping[str, int | None]
    fewest_multiplications: int | None
    """As `macs`, but each operator by the method that multiplies least."""


def add_up(operators: Sequence[MatrixOperator], opaque: Sequence[str]) -> MacTotal:
    """Add up; one operator that cannot be counted leaves no total, only the known part.

    `opaque` are sentences about operators that multiply in a way that is not visible.
    """
    by_operator: dict[str, int | None] = {}
    reasons = list(dict.fromkeys([*opaque, *(o.reason for o in operators if o.macs is None)]))
    known = fewest = 0
    for operator in operators:
        before = by_operator.get(operator.name, 0)
        known += operator.macs or 0
        fewest += operator.fewest_multiplications or operator.macs or 0
        by_operator[operator.name] = (
            None if before is None or operator.macs is None else before + operator.macs
        )
    if not reasons:
        return MacTotal(known, COUNTED, by_operator, fewest)
    more = f", and {len(reasons) - 3} more reasons" if len(reasons) > 3 else ""
    text = f"{'; '.join(reasons[:3])}{more}; the rest adds up to {known:,}"
    return MacTotal(None, text, by_operator, None)


def fewest_multiplications(
    macs: int, kernel: Sequence[int], source: Sequence[int], result: Sequence[int]
) -> int:
    """Return the fewest multiplications of a convolution of `macs` multiply-accumulates.

    `kernel`, `source` and `result` are the spatial sizes of weights, input and output. The stride
    follows from the sizes; where they are too small to decide, it is taken as 1.
    """
    if tuple(kernel) != (3, 3) or len(source) != 2 or len(result) != 2:
        return macs
    stride_1 = all(2 * out > size or out >= size - 2 for size, out in zip(source, result))
    return -(-macs // SAVING) if stride_1 else macs
