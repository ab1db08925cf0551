"""The scores of single samples as text in a result, so that two results can be paired later."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from edgeloop.metrics.paired import (
    CORRECT,
    MOST_SAMPLES,
    PIXEL_ACCURACY,
    SQUARED_ERROR,
    SampleScores,
    paired_difference,
    why_not_paired,
)

_ENCODING = "zlib+base64"
_DTYPE = "<f4"
_KINDS = (CORRECT, PIXEL_ACCURACY, SQUARED_ERROR)


def scores_document(scores: SampleScores) -> dict[str, Any]:
    """Return scores as JSON-able text: a bit each where they are right or wrong, else float32."""
    if scores.kind == CORRECT:
        data = np.packbits(scores.values).tobytes()
    else:
        data = scores.values.astype(_DTYPE).tobytes()
    return {
        "kind": scores.kind,
        "n": len(scores.values),
        "labels_sha256": scores.labels_sha256,
        _ENCODING: base64.b64encode(zlib.compress(data, 6)).decode("ascii"),
    }


def paired_document(
    first: Optional[SampleScores], second: Optional[SampleScores], seed: int
) -> dict[str, Any]:
    """Return `paired`, how much better the first model is on the same samples, or why it is not."""
    reason = why_not_paired(first, second)
    if reason is not None or first is None or second is None:
        return {"paired": None, "paired_reason": reason}
    return {"paired": paired_difference(first, second, seed).as_dict()}


def scores_of(summary: Mapping[str, Any]) -> Optional[SampleScores]:
    """Return the scores that a result's summary keeps; None where it has none, or damaged ones."""
    document: Any = (summary.get("accuracy") or {}).get("samples")
    try:
        kind, n = document["kind"], document["n"]
        packed = base64.b64decode(document[_ENCODING], validate=True)
        if kind not in _KINDS or not isinstance(n, int) or not 0 < n <= MOST_SAMPLES:
            return None
        size = -(-n // 8) if kind == CORRECT else 4 * n
        # One byte more than wanted is enough to see that there is too much.
        data = zlib.decompressobj().decompress(packed, size + 1)
        if len(data) != size:
            return None
        if kind == CORRECT:
            values = np.unpackbits(np.frombuffer(data, np.uint8), count=n).astype(bool)
        else:
            values = np.frombuffer(data, _DTYPE)
        return SampleScores(kind, values, str(document["labels_sha256"]))
    except (KeyError, TypeError, ValueError, zlib.error):
        return None
