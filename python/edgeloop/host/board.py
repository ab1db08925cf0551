"""Name the board from its device tree, or from the firmware tables of a PC."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.document import Document
from edgeloop.host.pseudofile import read_text, read_words


@dataclass(frozen=True)
class Board(Document):
    """The board's name and the `compatible` strings, which end with the system-on-chip's."""

    model: str | None
    model_reason: str | None
    compatible: tuple[str, ...]

    @property
    def is_raspberry_pi(self) -> bool:
        """Return whether the VideoCore firmware governs clock and voltage."""
        return any(name.startswith("raspberrypi,") for name in self.compatible) or (
            self.model or ""
        ).startswith("Raspberry Pi")

    @property
    def is_jetson(self) -> bool:
        """Return whether `nvpmodel` and `jetson_clocks` govern the clocks."""
        return any(name.startswith("nvidia,tegra") for name in self.compatible)


def board(root: Path = Path("/")) -> Board:
    """Return the board; the serial number is left alone."""
    compatible: tuple[str, ...] = ()
    for tree in ("proc/device-tree", "sys/firmware/devicetree/base"):
        compatible = compatible or read_words(root / tree / "compatible").value or ()
        model = read_text(root / tree / "model").value
        if model:
            return Board(model, None, compatible)
    dmi = root / "sys/class/dmi/id"
    names = [read_text(dmi / name).value for name in ("sys_vendor", "product_name")]
    model = " ".join(name for name in names if name)
    if model:
        return Board(model, None, compatible)
    reason = f"no device tree under {root / 'proc/device-tree'} and no names under {dmi}"
    return Board(None, reason, compatible)
