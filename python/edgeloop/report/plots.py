"""How the charts of a report look: one style, colours that the colour-blind tell apart, as SVG."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Optional

from edgeloop.errors import NotAvailableError

# Okabe & Ito, Color Universal Design (2008), without yellow, which print loses.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#4D4D4D")

# Hatches carry what colour alone would, in grey print too.
HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo")

_WIDTH_IN = 8.0
_DPI = 144

_STYLE = {
    "font.size": 10,
    "svg.fonttype": "none",  # text stays text: small files that can be searched
    "svg.hashsalt": "edgeloop",  # the same results give the same file
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "figure.constrained_layout.use": True,
    "text.parse_math": False,  # names are text, also those with a dollar sign
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


class Chart:
    """One chart: a title for those who cannot see it, and a way to draw it."""

    def __init__(
        self,
        name: str,
        title: str,
        draw: Callable[[Any], None],
        height_in: float,
        first_page: bool = False,
    ) -> None:
        self.name = name
        """Fit for a file name."""
        self.title = title
        self.first_page = first_page
        """Part of the answer; the others are folded."""
        self._draw = draw
        self._height_in = height_in

    def svg(self) -> str:
        """Return the chart as an SVG element, without the XML prologue."""
        buffer = io.StringIO()
        self._save(buffer, "svg", metadata={"Date": None})
        text = buffer.getvalue()
        # Lines and text take the page's colour, which is light in the dark.
        return text[text.index("<svg") :].replace("#000000", "currentColor")

    def save(self, path: str, kind: str) -> None:
        """Write the chart as "svg" or "png"."""
        self._save(path, kind, metadata=None)

    def _save(self, target: Any, kind: str, metadata: Optional[dict[str, Any]]) -> None:
        with _figure(self._height_in) as figure:
            self._draw(figure)
            figure.savefig(target, format=kind, dpi=_DPI, metadata=metadata)


@contextmanager
def _figure(height_in: float) -> Iterator[Any]:
    """Make a figure without a window system. Raises NotAvailableError without matplotlib."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise NotAvailableError(
            "charts need matplotlib: pip install 'edgeloop[report]'; without it there are "
            "--markdown and --csv"
        ) from error
    with matplotlib.rc_context(_STYLE):
        yield Figure(figsize=(_WIDTH_IN, height_in))


def unit_of(values_ns: list[float]) -> tuple[float, str]:
    """Return the divisor and the unit that suit times in ns."""
    largest = max(values_ns, default=0.0)
    for divisor, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if largest >= divisor:
            return divisor, unit
    return 1.0, "ns"
