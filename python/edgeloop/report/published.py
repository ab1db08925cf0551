"""Latencies that others published, to stand beside one's own and never to be mixed with them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

_TABLE = Path(__file__).parent / "published.json"

# Words of a file name that tell the size or the kind of file, not the network.
_NOT_THE_NETWORK = re.compile(r"\b(\d{3,}|quant\w*|int8|fp32|fp16|float\w*|edgetpu|tf|coco)\b")


@dataclass(frozen=True)
class Source:
    """Where figures were published."""

    name: str
    url: str
    revision: Optional[str]
    statistic: str
    """What the figures are: "mean", "mean of 200", "not said"."""
    loop: str
    """The language of the loop that was timed."""
    year: Optional[int]
    caution: Optional[str]


@dataclass(frozen=True)
class Published:
    """One figure of others."""

    source: Source
    board: str
    board_year: Optional[int]
    device: str
    """What computed: "cpu", "gpu", "Edge TPU", "Edge TPU (USB)"."""
    model: str
    runtime: str
    precision: str
    latency_ns: int
    note: Optional[str]
    impossible: Optional[str]
    """Why it cannot be true; None where it can."""


def published(model: Optional[str] = None) -> Sequence[Published]:
    """Return the figures, or those of the network that a model's file name means.

    "mobilenet_v2_1.0_224_quant.tflite" means MobileNet v2; what means none of them has none.
    """
    document = json.loads(_TABLE.read_text(encoding="utf-8"))
    sources = {name: Source(**source) for name, source in document["sources"].items()}
    entries = [
        Published(source=sources[entry.pop("source")], **entry) for entry in document["entries"]
    ]
    if model is None:
        return entries
    wanted = _key(Path(model).stem)
    networks = sorted({entry.model for entry in entries}, key=lambda name: -len(_key(name)))
    meant = next((name for name in networks if wanted.startswith(_key(name))), None)
    return [entry for entry in entries if entry.model == meant]


def _key(name: str) -> str:
    words = re.sub(r"[_\-.()]+", " ", name.lower())
    return re.sub(r"[^a-z0-9]", "", _NOT_THE_NETWORK.sub(" ", words))
