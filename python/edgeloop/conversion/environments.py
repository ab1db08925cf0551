"""Which managed environments a conversion needs."""

from __future__ import annotations

from edgeloop.conversion.graph import find_path
from edgeloop.errors import NotAvailableError, UsageError, canonical, nearest
from edgeloop.models.formats import FORMATS, ModelFormat

# What the converters of other tools call the formats.
_ALIASES = {"torch": "pytorch", "tf": "savedmodel", "tensorflow": "savedmodel", "trt": "tensorrt",
            "coral": "edgetpu", "litert": "tflite", "h5": "keras"}  # fmt: skip


def environments_of_route(source: str, target: str) -> list[str]:
    """Return the environments that the way from one format to another needs. Raises UsageError."""
    start = _ALIASES.get(canonical(source), canonical(source))
    if start not in FORMATS:
        raise UsageError(f"no format is called '{source}'; {nearest(source, FORMATS)}")
    way = find_path(ModelFormat(start), _ALIASES.get(canonical(target), target))
    missing = [edge for edge in way if edge.environment is None]
    if missing:
        raise NotAvailableError(
            f"{missing[0].source} to {missing[0].target} needs {missing[0].tool}, which no "
            f"environment can bring: {missing[0].install_hint}"
        )
    return list(dict.fromkeys(str(edge.environment) for edge in way))
