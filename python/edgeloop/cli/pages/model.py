"""A model file on one page, and who would run which node of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional

from edgeloop.cli.pages.columns import columns
from edgeloop.cli.pages.placement import rest_lines
from edgeloop.cli.pages.table import heading
from edgeloop.errors import plain
from edgeloop.results.figures import size, warning_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeloop.models.summary import ModelSummary, TensorSummary

_SCALES_SHOWN = 1

# Converters write names of several hundred characters; the whole name is in --json.
_NAME_LENGTH = 60
_NOTE_LENGTH = 1000


def model_page(summary: ModelSummary) -> str:
    """Return what `edgeloop inspect` prints."""
    kind = f" ({summary.kind})" if summary.kind else ""
    facts = [
        ("file", summary.path),
        ("format", summary.format + kind),
        ("size", f"{size(summary.bytes)} ({summary.bytes} bytes)"),
        ("sha256", summary.sha256),
        ("precision", _or_reason(summary.precision, summary.precision_reason)),
        ("parameters", _or_reason(_count(summary.parameters), summary.parameters_reason)),
        ("MACs", _or_reason(_count(summary.macs), summary.macs_reason)),
    ]
    facts += [
        (plain(str(key)).replace("_", " "), plain(_in_words(value), _NOTE_LENGTH))
        for key, value in summary.metadata.items()
    ]
    parts = [columns(facts, indent="")]
    for title, tensors in (("inputs", summary.inputs), ("outputs", summary.outputs)):
        if tensors:
            parts.append(f"{title}\n{columns([_tensor(tensor) for tensor in tensors])}")
    if summary.operators:
        rows = [("operator", "count", "MACs")]
        rows += [
            (_name(op.name, op.custom), str(op.count), _count(op.macs) or "?")
            for op in summary.operators
        ]
        parts.append("operators\n" + columns(rows, right=(1, 2)))
    parts += [f"note: {plain(note, _NOTE_LENGTH)}" for note in summary.notes]
    return "\n\n".join(parts)


def _in_words(value: Any) -> str:
    """Return a value of a model's metadata without the brackets and quotes of Python."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_in_words(one)}" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_in_words, value))
    return str(value)


def _name(name: str, custom: bool = False) -> str:
    """Return an untrusted name fit for a terminal and a column."""
    text = plain(name, _NAME_LENGTH)
    return f"{text} (custom)" if custom else text


def _or_reason(value: Optional[str], reason: str) -> str:
    if value is None:
        return f"unknown: {reason}"
    return f"{value} ({reason})" if reason else value


def _count(value: Optional[int]) -> Optional[str]:
    return None if value is None else f"{value:,}"


def _tensor(tensor: TensorSummary) -> Sequence[str]:
    dims = (
        "?"
        if tensor.shape is None
        else "x".join("?" if dim is None else str(dim) for dim in tensor.shape) or "scalar"
    )
    return (_name(tensor.name), dims, tensor.dtype, _quantization(tensor))


def _quantization(tensor: TensorSummary) -> str:
    quantization = tensor.quantization
    if quantization is None:
        return ""
    if len(quantization.scales) > _SCALES_SHOWN:
        return f"{len(quantization.scales)} scales along axis {quantization.axis}"
    return f"scale {quantization.scales[0]:.9g}, zero point {quantization.zero_points[0]}"


def coverage_page(header: Mapping[str, Any]) -> str:
    """Return what `edgeloop inspect --delegate` prints below the model."""
    placement = header["placement"]
    lines = ["who runs what (loaded, nothing measured)", heading(header)]
    if placement is not None and not placement["delegates"]:
        lines += rest_lines(placement)
    return "\n\n".join(["\n".join(lines), *warning_lines(header["warnings"])])
