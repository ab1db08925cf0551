"""Layer errors of a .tflite: tensors of the same name in interpreters that keep every tensor."""

from __future__ import annotations

import warnings
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeloop.conversion.quantization._base import feeds
from edgeloop.conversion.quantization.layers import RUNS, LayerError
from edgeloop.metrics.snr import Snr, finite_or_none


def compare(source: str, quantised: str, samples: str) -> list[LayerError]:
    """Return one entry for each tensor that both files name, and that an operator makes."""
    original, rounded = _interpreter(source), _interpreter(quantised)
    names = [entry["name"] for entry in original.get_input_details()]
    pairs = _pairs(original, rounded)
    sums = {name: Snr() for name in pairs}
    for feed in islice(feeds(samples, names), RUNS):
        _run(original, list(feed.values()))
        _run(rounded, list(feed.values()))
        for name, (ours, theirs, _) in pairs.items():
            sums[name].add(_real(original, ours), _real(rounded, theirs))
    return [
        LayerError(name, operator, finite_or_none(sums[name].db))
        for name, (_, _, operator) in pairs.items()
    ]


def _interpreter(path: str) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with warnings.catch_warnings():
        # It warns of the memory that keeping every tensor takes, which is what is wanted here.
        warnings.simplefilter("ignore", UserWarning)
        interpreter = Interpreter(
            path,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
    interpreter.allocate_tensors()
    return interpreter


def _pairs(original: Any, rounded: Any) -> dict[str, tuple[Any, Any, str]]:
    """Return name → tensor of the float file, of the other, and the operator that makes it."""
    theirs = {entry["name"]: entry for entry in rounded.get_tensor_details()}
    ours = {entry["index"]: entry for entry in original.get_tensor_details()}
    pairs: dict[str, tuple[Any, Any, str]] = {}
    for operator in original._get_ops_details():
        for index in operator["outputs"]:
            entry = ours.get(int(index))
            if entry is None:  # an optional output that is not there
                continue
            other = theirs.get(entry["name"])
            if other is not None and tuple(entry["shape"]) == tuple(other["shape"]):
                pairs[entry["name"]] = (entry, other, operator["op_name"])
    return pairs


def _run(interpreter: Any, arrays: list[npt.NDArray[Any]]) -> None:
    for entry, values in zip(interpreter.get_input_details(), arrays):
        interpreter.set_tensor(entry["index"], _stored(entry, values))
    interpreter.invoke()


def _stored(entry: Any, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    from edgeloop.data.quantized import fit
    from edgeloop.spec.load import TensorSpec

    scale, zero_point = entry["quantization"]
    quantised = (float(scale),) if scale else ()
    dtype = np.dtype(entry["dtype"]).name
    return fit(values, TensorSpec(entry["name"], dtype, values.shape, quantised, (zero_point,)))


def _real(interpreter: Any, entry: Any) -> npt.NDArray[np.float64]:
    values = np.asarray(interpreter.get_tensor(entry["index"]), dtype=np.float64)
    scale, zero_point = entry["quantization"]
    return (values - zero_point) * scale if scale else values
