"""Who would run which node of a model that was loaded and not measured, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeloop.cli.pages.placement import rest_lines
from edgeloop.cli.pages.table import heading
from edgeloop.results.figures import warning_lines


def coverage_page(header: Mapping[str, Any]) -> str:
    """Return what `edgeloop inspect --delegate` prints below the model."""
    placement = header["placement"]
    lines = ["who runs what (loaded, nothing measured)", heading(header)]
    if placement is not None and not placement["delegates"]:
        lines += rest_lines(placement)
    return "\n\n".join(["\n".join(lines), *warning_lines(header["warnings"])])
