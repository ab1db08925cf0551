"""What the reader of a result should know of the data set: a cause and a remedy for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional, Union

from edgeloop.results.sample_warnings import warning

if TYPE_CHECKING:
    from edgeloop.data.model_data import ModelData
    from edgeloop.measure.data_set import DataResult
    from edgeloop.measure.detecting import DetectionEvaluation
    from edgeloop.metrics.evaluation import Evaluation

# A few outliers are clipped in any data set; more is another scale.
SHARE_CLIPPED = 0.05

DATA_CODES = ("data-clipped", "data-not-scaled", "data-skipped", "labels-shifted")
"""What data_warnings warns of."""

# As many pictures that could not be read are named in a warning.
_MOST_NAMED = 5


def data_warnings(result: DataResult) -> list[dict[str, Any]]:
    """Return what a data set warns of: clipped values, skipped samples, shifted labels."""
    return [
        *_clipped(result.data.clipped_shares()),
        *_unscaled(result.data, result.reference_data),
        *_skipped(result.data),
        *_shifted_labels(result.evaluation),
    ]


def _clipped(shares: Mapping[str, float]) -> list[dict[str, Any]]:
    """Warn of shares of an input's values that it could not hold."""
    return [
        warning(
            "data-clipped",
            f"{100 * share:.0f} % of the values for input '{name}' lie outside what its tensor can "
            "hold and were clipped: the data is probably not scaled as in training",
            "give data in the units the model was trained on, or of the tensor's own dtype",
        )
        for name, share in shares.items()
        if share > SHARE_CLIPPED
    ]


def _unscaled(*sets: Optional[ModelData]) -> list[dict[str, Any]]:
    """Warn of 8-bit integers that a float input got as they are."""
    found = {
        name: dtype for data in sets if data is not None for name, dtype in data.unscaled().items()
    }
    return [
        warning(
            "data-not-scaled",
            f"the {dtype} data went into the float input '{name}' unscaled, in steps of 1: most "
            "models are trained on scaled values",
            ("" if dtype.kind == "u" else "for quantised samples --mean ZERO_POINT --std 1/SCALE; ")
            + "give --scale, --mean and --std as in the training (--scale 1/255, or --mean 127.5 "
            "--std 127.5); --scale 1 where whole numbers are right",
        )
        for name, dtype in found.items()
    ]  # fmt: skip


def _skipped(data: ModelData) -> list[dict[str, Any]]:
    if not data.skipped:
        return []
    names = ", ".join(f"{one.name} ({one.reason})" for one in data.skipped[:_MOST_NAMED])
    more = len(data.skipped) - _MOST_NAMED
    return [warning(
        "data-skipped",
        f"{len(data.skipped)} of {data.n} pictures could not be read and are left out: {names}"
        + (f", and {more} more" if more > 0 else ""),
        "fix or remove them; --strict stops at the first",
    )]  # fmt: skip


def _shifted_labels(
    evaluation: Union[Evaluation, DetectionEvaluation, None],
) -> list[dict[str, Any]]:
    shift = None if evaluation is None else evaluation.label_shift()
    if shift is None:
        return []
    offset, now, then = shift
    return [warning(
        "labels-shifted",
        f"with {offset:+d} added to every label the accuracy would be {100 * then:.1f} % instead "
        f"of {100 * now:.1f} %: the labels and the model probably disagree about a background "
        "class",
        f"add --label-offset {offset}",
    )]  # fmt: skip
