"""Pictures with what a model sees drawn in."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from edgeloop.data.picture import UnreadablePictureError, decode
from edgeloop.errors import CannotWriteError, ModelError

Corners = tuple[float, float, float, float]

# The golden section spreads any number of hues evenly.
_HUE_STEP = 0.618034
_LEAST_FONT, _SIDES_PER_FONT, _SIDES_PER_LINE = 12, 36, 200
_QUALITY = 92
# Above this luminance (0 to 255) of its ground black letters are read better than white ones.
_BRIGHT = 140


@dataclass(frozen=True)
class Drawn:
    """One line of text, with its class for the colour, and a box where there is one."""

    text: str
    number: int
    box: Optional[Corners]


def require_folder(path: str) -> None:
    """Make the folder for drawn pictures. Raises CannotWriteError."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWriteError(f"--save {path}: {error.strerror}") from error


def draw_all(folder: str, pictures: Sequence[tuple[str, Sequence[Drawn]]]) -> list[str]:
    """Draw copies NAME.predicted.jpg of pictures, one after the other; return their paths.

    The second picture of one name is NAME-2. Raises CannotWriteError, ModelError.
    """
    used: set[str] = set()
    saved = []
    for path, seen in pictures:
        name, count = Path(path).stem, 1
        while name in used:
            count += 1
            name = f"{Path(path).stem}-{count}"
        used.add(name)
        target = Path(folder) / f"{name}.predicted.jpg"
        try:
            picture, _ = decode(path, "rgb")
        except UnreadablePictureError as error:
            raise ModelError(f"{path} cannot be drawn: {error}") from error
        draw(picture, seen)
        try:
            picture.save(target, quality=_QUALITY)
        except OSError as error:
            raise CannotWriteError(f"{target} cannot be written: {error.strerror}") from error
        saved.append(str(target))
    return saved


def draw(picture: Any, seen: Sequence[Drawn]) -> None:
    """Draw boxes with their labels into Pillow's RGB picture; lines of text without any."""
    from PIL import ImageDraw

    side = max(picture.size)
    canvas = ImageDraw.Draw(picture)
    font = _font(max(_LEAST_FONT, side // _SIDES_PER_FONT))
    width = max(2, side // _SIDES_PER_LINE)
    taken: list[Corners] = []
    placed = [(one, _label(canvas, font, one, picture.size, taken)) for one in seen]
    placed.reverse()  # the best is drawn last, over all others
    for one, _ in placed:
        if one.box is not None:
            left, top, right, bottom = one.box
            ends = (left, top, max(left, right - 1), max(top, bottom - 1))
            canvas.rectangle(ends, outline=_colour(one.number), width=width)
    for one, label in placed:
        ground = _colour(one.number)
        luminance = 0.299 * ground[0] + 0.587 * ground[1] + 0.114 * ground[2]
        canvas.rectangle(label, fill=ground)
        ink = (0, 0, 0) if luminance > _BRIGHT else (255, 255, 255)
        canvas.text((label[0] + 3, label[1] + 1), _plain(one.text), fill=ink, font=font)


def _label(
    canvas: Any, font: Any, one: Drawn, size: tuple[int, int], taken: list[Corners]
) -> Corners:
    """Return where a label goes: over its box, else in it, and below those that are there."""
    _, _, right, bottom = canvas.textbbox((0, 0), _plain(one.text), font=font)
    width, height = right + 6, bottom + 4
    left, top = (0.0, 0.0) if one.box is None else (one.box[0], one.box[1] - height)
    left, top = max(0.0, min(left, size[0] - width)), max(0.0, top)
    for _ in range(len(taken) + 1):
        hit = [
            other
            for other in taken
            if left < other[2] and other[0] < left + width
            and top < other[3] and other[1] < top + height
        ]  # fmt: skip
        if not hit or hit[0][3] + height > size[1]:
            break
        top = hit[0][3]
    label = (left, top, left + width, top + height)
    taken.append(label)
    return label


def _colour(number: int) -> tuple[int, int, int]:
    # Hues come back, nearly, after 21 classes.
    value = 0.6 if number // 21 % 2 else 0.95
    red, green, blue = colorsys.hsv_to_rgb(number * _HUE_STEP % 1.0, 0.85, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _font(size: int) -> Any:
    from PIL import ImageFont

    try:
        return ImageFont.load_default(size)
    except (TypeError, ImportError):  # before Pillow 10.1, or built without FreeType
        return ImageFont.load_default()


def _plain(text: str) -> str:
    """Return what Pillow's own font can draw."""
    return text.encode("latin-1", "replace").decode("latin-1")
