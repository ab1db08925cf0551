"""One picture from its file to an array of the size that a model takes."""

from __future__ import annotations

import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.errors import NotAvailableError
from edgeloop.spec.inputs import LETTERBOX, Preprocess

if TYPE_CHECKING:
    import numpy.typing as npt

# Endings of pictures in a folder; other files are ignored.
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")

# EXIF's tag, and its values other than "upright".
_ORIENTATION = 0x0112
_TURNED = range(2, 9)

# What these are for Pillow, which by itself would try PostScript and forty others.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
# A picture of a camera has 50 million; four bytes each are in memory before it is made smaller.
_MOST_PIXELS = 64_000_000

# The gray of Ultralytics' letterbox.
_PADDING = 114

_MODES = {"rgb": "RGB", "bgr": "RGB", "gray": "L"}

# 8 bits a channel or fewer: what Pillow brings to RGB or gray without losing any.
_EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")


class UnreadablePictureError(Exception):
    """A picture that cannot be used; the text is the end of a sentence."""


def require_pillow() -> None:
    """Raise NotAvailableError, with the command that installs it, where Pillow is missing."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise NotAvailableError(
            "pictures are read by Pillow, which is not installed; install it with: "
            "python -m pip install 'edgeloop[eval]'"
        ) from error


def decode(path: str, color: str) -> tuple[Any, bool]:
    """Return Pillow's picture in RGB or gray, decoded whole, and whether it was turned.

    It is turned upright, as viewers show it, where a camera noted beside the pixels how it was
    held (EXIF). Raises UnreadablePictureError; a picture with so large a number of pixels that
    Pillow takes it for a bomb is one.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if not stat.S_ISREG(Path(path).stat().st_mode):
                raise UnreadablePictureError("it is not a file")
            with Image.open(path, formats=_FORMATS) as picture:
                if picture.width * picture.height > _MOST_PIXELS:
                    raise Image.DecompressionBombError
                if picture.mode not in _EIGHT_BIT:
                    raise UnreadablePictureError(
                        f"its pixels are of mode {picture.mode}, and only 8 bits a channel are read"
                    )
                turned = _orientation(picture) in _TURNED
                upright = ImageOps.exif_transpose(picture) if turned else picture
                return upright.convert(_MODES[color]), turned
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise UnreadablePictureError(
            f"it claims more than {_MOST_PIXELS:,} pixels, as files made to fill the memory do"
        ) from None
    except UnreadablePictureError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadablePictureError("it is not a picture, or of an unknown kind") from error
    except OSError as error:
        # Without an errno it is a decoder that found the file cut short.
        raise UnreadablePictureError(error.strerror or _brief(error, path)) from error
    except Exception as error:
        # A damaged file makes Pillow's decoders raise many kinds.
        raise UnreadablePictureError(_brief(error, path)) from error


def _orientation(picture: Any) -> int:
    """Return EXIF's orientation: 1 where there is none, or none that can be read."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:
        # Damaged EXIF makes Pillow raise many kinds; the pixels are good all the same.
        return 1


def _brief(error: Exception, path: str) -> str:
    return str(error).split("\n", 1)[0].replace(repr(path), "it") or type(error).__name__


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in the input of a model: x × scale + offset, in pixels of the input."""

    width: int
    """Of the picture, turned upright."""
    height: int
    x_scale: float
    y_scale: float
    x_offset: float
    y_offset: float
    input_width: int
    input_height: int

    def to_picture(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return x, y, x, y, ... (n, 2k) in shares of the input as pixels of the picture.

        What lies beyond its edges is moved to them.
        """
        pairs = points.reshape(len(points), points.shape[1] // 2, 2) * (
            self.input_width,
            self.input_height,
        )
        pairs = (pairs - (self.x_offset, self.y_offset)) / (self.x_scale, self.y_scale)
        inside: npt.NDArray[np.float64] = np.clip(pairs, 0.0, (self.width, self.height))
        return inside.reshape(points.shape)


def sized(picture: Any, preprocess: Preprocess, height: int, width: int) -> tuple[Any, Placement]:
    """Crop and resize (bilinear) as asked; by default the whole picture is resized.

    Raises UnreadablePictureError where it is smaller than the crop.
    """
    original = picture.size
    scale, offset = (1.0, 1.0), (0.0, 0.0)
    if preprocess.fit == LETTERBOX:
        picture, ratio, offset = _letterboxed(picture, height, width)
        scale = (ratio, ratio)
    else:
        if preprocess.crop_share is not None:
            side = max(1, round(min(picture.size) * preprocess.crop_share))
            picture, offset = _middle(picture, side, side)
        target = preprocess.resize
        crop: Optional[tuple[int, ...]] = preprocess.crop
        if len(target) == 1:
            factor = target[0] / min(picture.size)
            target = tuple(max(1, round(side * factor)) for side in picture.size[::-1])
            crop = preprocess.crop or (height, width)
        elif not target and not crop:
            target = (height, width)
        if target:
            scale = (target[1] / picture.size[0], target[0] / picture.size[1])
            picture = _resized(picture, target)
        offset = (offset[0] * scale[0], offset[1] * scale[1])
        if crop:
            picture, more = _middle(picture, crop[0], crop[-1])
            offset = (offset[0] + more[0], offset[1] + more[1])
    (x_scale, y_scale), (x_offset, y_offset) = scale, offset
    return picture, Placement(
        original[0],
        original[1],
        x_scale,
        y_scale,
        x_offset,
        y_offset,
        picture.size[0],
        picture.size[1],
    )


def _letterboxed(picture: Any, height: int, width: int) -> tuple[Any, float, tuple[float, float]]:
    """Resize with the aspect kept, in the middle of a gray field, as YOLO's training does."""
    from PIL import Image

    ratio = min(width / picture.size[0], height / picture.size[1])
    inner = (max(1, round(picture.size[0] * ratio)), max(1, round(picture.size[1] * ratio)))
    left, top = round((width - inner[0]) / 2 - 0.1), round((height - inner[1]) / 2 - 0.1)
    gray = _PADDING if picture.mode == "L" else (_PADDING,) * 3
    field = Image.new(picture.mode, (width, height), gray)
    field.paste(_resized(picture, inner[::-1]), (left, top))
    return field, ratio, (float(left), float(top))


def pixels(picture: Any, color: str) -> npt.NDArray[np.uint8]:
    """Return the pixels as (height, width, channels)."""
    values: npt.NDArray[np.uint8] = np.asarray(picture, dtype=np.uint8)
    if values.ndim == 2:
        return values[:, :, np.newaxis]
    return np.ascontiguousarray(values[:, :, ::-1]) if color == "bgr" else values


def _resized(picture: Any, size: tuple[int, ...]) -> Any:
    from PIL import Image

    if picture.size == (size[1], size[0]):
        return picture
    return picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)


def _middle(picture: Any, height: int, width: int) -> tuple[Any, tuple[float, float]]:
    """Return the middle of a picture, and what its crop adds to coordinates (at most 0)."""
    if picture.size[0] < width or picture.size[1] < height:
        raise UnreadablePictureError(
            f"its {picture.size[1]}x{picture.size[0]} pixels are fewer than the {height}x{width} "
            "to crop"
        )
    left, top = (picture.size[0] - width) // 2, (picture.size[1] - height) // 2
    return picture.crop((left, top, left + width, top + height)), (-float(left), -float(top))
