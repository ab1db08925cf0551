"""A comparison on one page: ratio, interval, verdict, reason, and what would settle it."""

from __future__ import annotations

from typing import Optional

from edgeloop.cli.pages.columns import columns
from edgeloop.results.compare import Compared
from edgeloop.results.figures import warning_lines
from edgeloop.stats.quantile import Interval


def comparison_page(compared: Compared) -> str:
    """Return what `edgeloop compare` prints."""
    comparison = compared.comparison
    unit = "pairs of blocks" if comparison.paired else "processes on the smaller side"
    rows = [
        ("A", compared.a),
        ("B", compared.b),
        ("time of B / time of A", _ratio(comparison.ratio, comparison.ratio_ci95)),
        ("Hodges-Lehmann", _ratio(comparison.hodges_lehmann, comparison.hodges_lehmann_ci95)),
        ("verdict", f"B is {_words(comparison.verdict)}"),
        ("because", comparison.reason),
    ]
    if comparison.half_width is not None:
        rows.append(("half-width", f"±{100 * comparison.half_width:.2f} % of the ratio"))
    if comparison.settle is not None:
        rows.append(("to settle it", comparison.settle))
    rows.append(("measured", f"{comparison.count} {unit}"))
    if compared.stop_reason is not None:
        rows.append(("stopped", compared.stop_reason))
    notes = [f"note: {text}" for text in (*comparison.warnings, *compared.notes)]
    return "\n\n".join([columns(rows, indent=""), *notes, *warning_lines(compared.warnings)])


def _ratio(value: float, interval: Optional[Interval]) -> str:
    if interval is None:
        return f"{value:.4f}× (no interval)"
    return f"{value:.4f}× [{interval[0]:.4f}, {interval[1]:.4f}]"


def _words(verdict: str) -> str:
    if verdict == "equivalent":
        return "equivalent to A"
    if verdict in ("faster", "slower"):
        return f"{verdict} than A"
    return f"{verdict} with A" if verdict == "not comparable" else verdict
