"""Least and greatest values of tensors over all samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Ranges = Mapping[str, Any]
"""A tensor's "min" and "max", arrays of one shape."""


def widen(seen: Ranges, new: Ranges) -> dict[str, Any]:
    """Return the range that holds both; nothing is averaged, forgotten or weighted.

    Called for one sample after the other; before the first, `seen` is empty.
    """
    if not seen:
        return dict(new)
    return {
        "min": np.minimum(seen["min"], new["min"]),
        "max": np.maximum(seen["max"], new["max"]),
    }
