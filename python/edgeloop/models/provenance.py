"""How edgeloop made a model file: the report that lies beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional

from edgeloop.models.identity import identity_of

_SIDECAR = ".conversion.json"

# The axes that moved the channels of an image to the end.
_CHANNELS_LAST = [0, 2, 3, 1]


def sidecar_of(model: str) -> Path:
    """Return where the report of a converted model lies: beside it."""
    return Path(f"{model}{_SIDECAR}")


def read_sidecar(model: str) -> Optional[dict[str, Any]]:
    """Return the report that lies beside a model, None where there is none of this very file."""
    try:
        document = json.loads(sidecar_of(model).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("sha256") != identity_of(model):
        return None
    return document


def provenance(model: str) -> Optional[dict[str, Any]]:
    """Return how edgeloop made a model, without the logs; None where it did not make it."""
    document = read_sidecar(model)
    if document is None:
        return None
    steps = document.get("steps")
    for part in (*(steps if isinstance(steps, list) else ()), document.get("quantization")):
        if isinstance(part, dict):
            part.pop("log", None)
    return document


def layout_of_the_source(model: str) -> Optional[str]:
    """Return "nchw" where a conversion moved the channels of a model's inputs to the end.

    Data for the source is of that layout, and has to be transposed for the model.
    """
    document = read_sidecar(model)
    moved = None if document is None else document.get("transposed_inputs")
    if not isinstance(moved, dict):
        return None
    return "nchw" if _CHANNELS_LAST in moved.values() else None
