"""What the user may say of the building of a TensorRT plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.errors import ModelError, UsageError

PRECISIONS = ("fp32", "fp16", "int8")
KEYS = ("precision", "workspace", "timing-cache", "dla-core", "calibration")


@dataclass(frozen=True)
class BuilderSettings:
    """The settings, checked."""

    precision: str = "fp32"
    """The lowest that the builder may choose; layers that are faster without it keep their own."""
    workspace_mib: Optional[int] = None
    """Scratch memory of the device for the choice of kernels; None: as much as there is."""
    timing_cache: Optional[Path] = None
    """Read where it exists, written after the build: another build of like layers is faster."""
    dla_core: Optional[int] = None
    """Layers go to this DLA core as far as it takes them; the others to the GPU."""
    calibration: Optional[Path] = None
    """int8 without Q/DQ in the model: an .npz whose samples give the ranges."""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> BuilderSettings:
        """Read KEY=VALUE. Raises UsageError, and ModelError for a file that is missing."""
        for key in given:
            if key not in KEYS:
                raise UsageError(
                    f"TensorRT's builder has no setting '{key}'; known: {', '.join(KEYS)}"
                )
        precision = given.get("precision", cls.precision)
        if precision not in PRECISIONS:
            raise UsageError(f"precision={precision} is not one of {', '.join(PRECISIONS)}")
        calibration = given.get("calibration")
        if calibration is not None and precision != "int8":
            raise UsageError("calibration=FILE is for precision=int8")
        if calibration is not None and not Path(calibration).is_file():
            raise ModelError(f"the calibration data {calibration} does not exist")
        cache = given.get("timing-cache")
        return cls(
            precision=precision,
            workspace_mib=_whole("workspace", given, 1),
            timing_cache=None if cache is None else Path(cache),
            dla_core=_whole("dla-core", given, 0),
            calibration=None if calibration is None else Path(calibration),
        )


def _whole(key: str, given: Mapping[str, str], least: int) -> Optional[int]:
    text = given.get(key)
    if text is None:
        return None
    if not text.isdecimal() or int(text) < least:
        raise UsageError(f"{key}={text} is not a whole number of at least {least}")
    return int(text)
