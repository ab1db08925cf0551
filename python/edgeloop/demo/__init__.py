"""The bundled model in each format, its held-out data, and (in `train`) how both were made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True)
class Variant:
    """The demo model in one format and precision, with the data to run it on.

    The data are uint8 pixels from 0 to 16, real values for every variant; the layouts are
    "nhwc" or "nchw".
    """

    name: str
    path: Path
    format: str
    precision: str
    layout: str
    data_path: Path
    data_layout: str


def variants() -> tuple[Variant, ...]:
    """Return every bundled variant, as the manifest lists them."""
    manifest = json.loads((ASSETS / "MANIFEST.json").read_text(encoding="utf-8"))
    data = manifest["data"]
    return tuple(
        Variant(
            name=f"{model['format']}-{model['precision']}",
            path=ASSETS / model["file"],
            format=model["format"],
            precision=model["precision"],
            layout=model["layout"],
            data_path=ASSETS / data["file"],
            data_layout=data["layout"],
        )
        for model in manifest["models"]
    )
