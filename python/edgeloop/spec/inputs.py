"""What the user says of a data set: where it is, and how its samples become inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from edgeloop.errors import UsageError, nearest

X_KEY = "x_data"
Y_KEY = "y_data"

LAYOUTS = ("nhwc", "nchw")
COLORS = ("rgb", "bgr", "gray")
STRETCH, LETTERBOX = "stretch", "letterbox"
FITS = (STRETCH, LETTERBOX)

# No picture that a network takes is larger; above it is a slip of the finger.
_MOST_PIXELS = 1 << 15


@dataclass(frozen=True)
class Preprocess:
    """From a picture, or a sample of an array, to the values that the model was trained on.

    Pictures: crop (where it is a share), resize, crop (where it is pixels), colour. Then, for
    arrays too: (value × scale − mean) / std, the last two one for all or one per channel.
    """

    resize: tuple[int, ...] = ()
    """(height, width), or (shorter side,); empty: the model's height and width."""
    crop: tuple[int, ...] = ()
    """(height, width) of the middle that is kept after the resizing."""
    crop_share: Optional[float] = None
    """Side of the central square that is kept before the resizing, of the shorter side (0 to 1)."""
    color: Optional[str] = None
    """One of COLORS; None: RGB, or GRAY where the model has one channel."""
    fit: Optional[str] = None
    """STRETCH or LETTERBOX (the aspect is kept, gray fills the rest); None: stretch, or letterbox
    for what was trained so."""
    scale: Optional[float] = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def changes_values(self) -> bool:
        """Whether values are scaled or shifted, and so become real numbers."""
        return self.scale is not None or bool(self.mean) or bool(self.std)


@dataclass(frozen=True)
class InputSource:
    """Where the inputs come from: a seed, or the samples of a data set."""

    seed: int
    data: Optional[str] = None
    x_key: str = X_KEY
    y_key: str = Y_KEY
    layout: Optional[str] = None
    """Arrays: that of the data, where it may differ from the model's. Pictures: the model's."""
    y_file: Optional[str] = None
    """An .npy with the labels of an .npy."""
    labels: Optional[str] = None
    """A file with the names of the classes, one per line, in the order of the model's outputs."""
    labels_archive: Optional[str] = None
    """The model whose own archive holds the file `labels`; None: it is a file by itself."""
    label_offset: int = 0
    """Added to every class number of the data."""
    strict: bool = False
    """A picture that cannot be read ends the run, instead of being counted and named."""
    preprocess: Preprocess = field(default_factory=Preprocess)
    pixels: Preprocess = field(default_factory=Preprocess)
    """What the model's own metadata says of pictures; it counts where the user gave nothing."""
    fed: tuple[str, ...] = ()
    """Inputs that get outputs of the sample before, and so nothing of the data."""
    images: Optional[str] = None
    """The folder of the pictures that a data set of boxes names."""
    pictures: tuple[str, ...] = ()
    """More pictures, where `data` is one."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> InputSource:
        """Read what `dataclasses.asdict` made of one, also after a way through JSON."""
        values = dict(document)
        for name in ("preprocess", "pixels"):
            given: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in values.pop(name, {}).items()
            }
            values[name] = Preprocess(**given)
        pictures = tuple(values.pop("pictures", ()))
        fed = tuple(values.pop("fed", ()))
        return cls(**values, fed=fed, pictures=pictures)


def parse_preprocess(
    *,
    resize: Union[str, int, Sequence[int], None] = None,
    crop: Union[str, float, Sequence[int], None] = None,
    color: Optional[str] = None,
    fit: Optional[str] = None,
    scale: Union[str, float, None] = None,
    mean: Union[str, float, Sequence[float], None] = None,
    std: Union[str, float, Sequence[float], None] = None,
) -> Preprocess:
    """Return what the options of the command line, or the same as numbers, say.

    Raises UsageError that shows the right form.
    """
    share = _share(crop)
    deviations = _numbers("std", std)
    if any(value == 0 for value in deviations):
        raise UsageError("--std holds 0, which nothing can be divided by")
    chosen = None if color is None else color.lower()
    if chosen is not None and chosen not in COLORS:
        raise UsageError(f"unknown colour order '{color}'; {nearest(chosen, COLORS)}")
    if fit is not None and fit not in FITS:
        raise UsageError(f"unknown fit '{fit}'; {nearest(fit, FITS)}")
    if fit is not None and (resize is not None or crop is not None):
        raise UsageError("--fit brings pictures to the model's size: leave --resize and --crop out")
    factors = _numbers("scale", scale)
    if len(factors) > 1:
        raise UsageError(f"--scale is one number (1/255), not {len(factors)}")
    return Preprocess(
        resize=_size("resize", resize),
        crop=() if share is not None else _size("crop", crop),
        crop_share=share,
        color=chosen,
        fit=fit,
        scale=factors[0] if factors else None,
        mean=_numbers("mean", mean),
        std=deviations,
    )


def parse_layout(text: Optional[str]) -> Optional[str]:
    """Return a layout in lower case. Raises UsageError for one that does not exist."""
    layout = None if text is None else text.lower()
    if layout is not None and layout not in LAYOUTS:
        raise UsageError(f"unknown data layout '{layout}'; {nearest(layout, LAYOUTS)}")
    return layout


def _size(option: str, value: Union[str, float, Sequence[int], None]) -> tuple[int, ...]:
    """Read 224 (the shorter side) or 224x192 (height × width)."""
    if value is None:
        return ()
    parts = _parts(value, "x")
    try:
        size = tuple(int(str(part)) for part in parts)
    except ValueError:
        size = ()
    if len(size) not in (1, 2) or not all(1 <= side <= _MOST_PIXELS for side in size):
        raise UsageError(
            f"--{option} {value}: write HEIGHTxWIDTH (224x224) or one number (224), each from 1 to "
            f"{_MOST_PIXELS}"
        )
    return size


def _share(value: Union[str, float, Sequence[int], None]) -> Optional[float]:
    """Read 87.5% or 0.875; None where it is a number of pixels."""
    if isinstance(value, str) and value.strip().endswith("%"):
        text, scale = value.strip()[:-1], 0.01
    elif (isinstance(value, str) and "." in value) or isinstance(value, float):
        text, scale = str(value), 1.0
    else:
        return None
    try:
        share = float(text) * scale
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise UsageError(f"--crop {value}: a share lies above 0 % and at most at 100 % (87.5%)")
    return share


def _numbers(option: str, value: Union[str, float, Sequence[float], None]) -> tuple[float, ...]:
    """Read 127.5, 1/255 or 0.485,0.456,0.406."""
    if value is None:
        return ()
    try:
        numbers = tuple(_fraction(part) for part in _parts(value, ","))
    except (ValueError, ZeroDivisionError):
        numbers = ()
    if not numbers or not all(abs(number) < float("inf") for number in numbers):
        raise UsageError(f"--{option} {value}: write numbers (127.5, 1/255, or 0.485,0.456,0.406)")
    return numbers


def _fraction(part: object) -> float:
    above, slash, below = str(part).partition("/")
    return float(above) / float(below) if slash else float(above)


def _parts(value: Union[str, float, Sequence[float]], separator: str) -> Sequence[object]:
    if isinstance(value, str):
        return value.lower().split(separator)
    return [value] if isinstance(value, (int, float)) else list(value)
