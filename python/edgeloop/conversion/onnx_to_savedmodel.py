"""ONNX to TensorFlow SavedModel, by onnx2tf."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.image_layout import TO_FIRST, TO_LAST, has_channels_first
from edgeloop.conversion.onnx2tf_call import run_onnx2tf
from edgeloop.conversion.onnx_source import OnnxSource, fix_shapes, fold_constants
from edgeloop.conversion.tensorflow_source import frozen, import_tensorflow, write_saved_model
from edgeloop.data.synthetic import random_inputs
from edgeloop.spec.load import TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

_FIXED = "fixed.onnx"
_FOLDED = "folded.onnx"

# onnx2tf 1.x fetches this file for any input of four dimensions with three channels, unless it
# lies in the working directory. What is in it only serves quantisation, which is not used here.
_CALIBRATION = "calibration_image_sample_data_20x128x128x3_float32.npy"
_CALIBRATION_SHAPE = (20, 128, 128, 3)


def import_packages() -> None:
    """Import TensorFlow and onnx2tf."""
    import_tensorflow()
    import onnx2tf  # noqa: F401


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Write a SavedModel with the names of the ONNX file, in its layout or channels last.

    Raises ModelError where onnx2tf does not know an operator.
    """
    np.save(_CALIBRATION, np.zeros(_CALIBRATION_SHAPE, np.float32))
    model = fix_shapes(source, _FIXED, options)
    fold_constants(_FIXED, _FOLDED)
    network = run_onnx2tf(_FOLDED, "onnx2tf", model, disable_model_save=True)
    moved = [
        spec.name
        for spec in model.inputs
        if options.layout == "nhwc" and has_channels_first(spec.shape)
    ]
    left = _channels_last_outputs(model, network)
    kept = {} if options.layout == "nhwc" else left
    names = tuple(model.outputs)
    function = _function(network, model, moved, kept)
    inputs = [_moved(spec) if spec.name in moved else spec for spec in model.inputs]
    write_saved_model(frozen(function, inputs, names), target)
    return Converted(
        notes=tuple(f"input '{name}' has its channels at the end" for name in moved),
        inputs=tuple(spec.name for spec in inputs),
        outputs=names,
        transposed_inputs=dict.fromkeys(moved, TO_LAST[4]),
        transposed_outputs={name: TO_LAST[left[name]] for name in left if name not in kept},
        parameters=model.parameters,
    )


def _moved(spec: TensorSpec) -> TensorSpec:
    return TensorSpec(spec.name, spec.dtype, tuple(spec.shape[axis] for axis in TO_LAST[4]))


def _function(
    network: Any, model: OnnxSource, moved: Sequence[str], restored: Mapping[str, int]
) -> Callable[..., dict[str, Any]]:
    """Return the network by names: channels of `moved` inputs come last, of outputs first again.

    TensorFlow's converter cancels a transposition with the one at the network's entrance.
    """
    tensorflow = import_tensorflow()

    def function(**tensors: Any) -> dict[str, Any]:
        given = [
            tensorflow.transpose(tensors[spec.name], TO_FIRST[4])
            if spec.name in moved
            else tensors[spec.name]
            for spec in model.inputs
        ]
        results = network(given if len(given) > 1 else given[0])
        if not isinstance(results, (list, tuple)):
            results = [results]
        named = dict(zip(model.outputs, results))
        for name, rank in restored.items():
            named[name] = tensorflow.transpose(named[name], TO_FIRST[rank])
        return named

    return function


def _channels_last_outputs(model: OnnxSource, network: Any) -> dict[str, int]:
    """Return name → rank of the outputs whose channels onnx2tf moved to the end.

    Where equal dimensions hide it, both are run on one sample.
    """
    found, hidden = {}, []
    for name, tensor in zip(model.outputs, network.outputs):
        shape, ours = model.outputs[name], [int(dim) for dim in tensor.shape]
        rank = len(ours)
        if rank not in TO_LAST:
            continue
        if shape is None or None in shape:
            hidden.append(name)
            continue
        last = [shape[axis] for axis in TO_LAST[rank]]
        if list(shape) == last == ours:
            hidden.append(name)
        elif ours == last:
            found[name] = rank
    if hidden:
        found.update(_told_by_running(model, network, hidden))
    return found


def _told_by_running(model: OnnxSource, network: Any, names: Sequence[str]) -> dict[str, int]:
    import onnxruntime

    session = onnxruntime.InferenceSession(_FIXED, providers=["CPUExecutionProvider"])
    samples = dict(zip((spec.name for spec in model.inputs), random_inputs(model.inputs, seed=0)))
    expected = dict(zip(model.outputs, session.run(list(model.outputs), samples)))
    results = _function(network, model, (), {})(**samples)
    found = {}
    for name in names:
        ours, theirs = np.asarray(results[name]), expected[name]
        last = theirs.transpose(TO_LAST[theirs.ndim])
        if ours.shape == last.shape and _distance(ours, last) < _distance(ours, theirs):
            found[name] = theirs.ndim
    return found


def _distance(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    if a.shape != b.shape:
        return float("inf")
    return float(np.max(np.abs(a.astype(np.float64) - b.astype(np.float64)), initial=0.0))
