"""TensorFlow models as the converters take them: one function, shapes fixed, variables frozen."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeloop.conversion.keras_source import load_keras, named_outputs
from edgeloop.errors import ModelError, NotAvailableError, UsageError, nearest, one_line
from edgeloop.models.formats import detect_format
from edgeloop.models.tensorflow_trust import code_in
from edgeloop.runtimes.shape import fixed_shapes
from edgeloop.spec.load import LoadOptions, TensorSpec

_SERVING = "serving_default"

SIGNATURE = "signature"
"""The setting that names one of several signatures of a SavedModel."""


@dataclass(frozen=True)
class TensorflowSource:
    """A function that takes its inputs by name and returns its outputs by name."""

    function: Callable[..., Mapping[str, Any]]
    inputs: Sequence[TensorSpec]
    outputs: tuple[str, ...]
    parameters: int
    owner: Any
    """What holds the variables: it has to live as long as the function."""
    notes: tuple[str, ...] = ()
    """What was decided, one sentence each."""


def import_tensorflow() -> Any:
    """Import TensorFlow without its start-up talk. Raises NotAvailableError."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    try:
        import tensorflow
    except (ImportError, OSError) as error:
        raise NotAvailableError(
            f"TensorFlow cannot be imported: {error}; run 'edgeloop setup convert'"
        ) from error
    return tensorflow


def load_source(options: LoadOptions) -> TensorflowSource:
    """Load a SavedModel or a Keras model and fix its shapes. Raises ModelError, UsageError."""
    tensorflow = import_tensorflow()
    code = None if options.trust_pickle else code_in(options)
    if code is not None:
        raise ModelError(
            f"{options.model} was not loaded, because it holds {code}: it may run code or touch "
            "files of its author's choice; add --trust-pickle only if you trust it"
        )
    if detect_format(options.model).format == "keras":
        return _keras(tensorflow, options)
    return _saved_model(tensorflow, options)


def frozen(
    function: Callable[..., Mapping[str, Any]],
    inputs: Sequence[TensorSpec],
    outputs: Sequence[str],
) -> Any:
    """Return a concrete function of the inputs by name, its variables made constants.

    A function whose variables stay variables converts to a TFLite file without weights, and
    without an error.
    """
    tensorflow = import_tensorflow()
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    def positional(*tensors: Any) -> list[Any]:
        result = function(**{spec.name: tensor for spec, tensor in zip(inputs, tensors)})
        return [tensorflow.identity(result[name]) for name in outputs]

    signature = [tensorflow.TensorSpec(spec.shape, spec.dtype) for spec in inputs]
    traced = tensorflow.function(positional, input_signature=signature).get_concrete_function()
    constant = convert_variables_to_constants_v2(traced)

    def by_name(**tensors: Any) -> dict[str, Any]:
        return dict(zip(outputs, constant(*(tensors[spec.name] for spec in inputs))))

    named = {
        spec.name: tensorflow.TensorSpec(spec.shape, spec.dtype, name=spec.name) for spec in inputs
    }
    return tensorflow.function(by_name).get_concrete_function(**named)


def write_saved_model(function: Any, path: str) -> None:
    """Write a concrete function of `frozen` as the one signature of a SavedModel.

    The same function gives the same bytes: TensorFlow writes maps in any order, and a random
    number into a fingerprint that nothing needs.
    """
    tensorflow = import_tensorflow()
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    tensorflow.saved_model.save(tensorflow.Module(), path, signatures={_SERVING: function})
    graph = Path(path, "saved_model.pb")
    graph.write_bytes(
        SavedModel.FromString(graph.read_bytes()).SerializeToString(deterministic=True)
    )
    Path(path, "fingerprint.pb").unlink(missing_ok=True)


def ordered(names: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the names in the wanted order, where it is an order of the same names.

    A signature sorts its tensors by name, so the order of the original model is returned with it.
    """
    return tuple(wanted) if set(wanted) == set(names) else tuple(names)


def _saved_model(tensorflow: Any, options: LoadOptions) -> TensorflowSource:
    try:
        owner = tensorflow.saved_model.load(options.model)
    except Exception as error:
        # Damaged files raise a dozen kinds, from OSError to errors of protobuf.
        raise ModelError(
            f"TensorFlow cannot load the SavedModel {options.model}: {one_line(str(error), 400)}"
        ) from error
    signatures = dict(owner.signatures)
    if not signatures:
        raise ModelError(
            f"{options.model} has no signature that names its inputs and outputs; save it with "
            "tf.saved_model.save(model, path, signatures=...) or model.export(path)"
        )
    key, notes = _chosen(sorted(signatures), options)
    function = signatures[key]
    # Both come from maps of protobuf, whose order is another in every process.
    declared = function.structured_input_signature[1]
    names = sorted(declared, key=_numbers_in_order)
    outputs = sorted(function.structured_outputs, key=_numbers_in_order)
    return TensorflowSource(
        function,
        _fixed({name: (declared[name].shape, declared[name].dtype) for name in names}, options),
        tuple(outputs),
        _count(getattr(function, "variables", ())),
        owner,
        notes,
    )


def _chosen(signatures: Sequence[str], options: LoadOptions) -> tuple[str, tuple[str, ...]]:
    """Return the signature to take, and the notes about it. Raises UsageError."""
    wanted = options.settings.get(SIGNATURE)
    if wanted is not None:
        if wanted not in signatures:
            raise UsageError(
                f"{options.model} has no signature '{wanted}'; {nearest(wanted, signatures)}"
            )
        return wanted, ()
    chosen = _SERVING if _SERVING in signatures else signatures[0]
    if len(signatures) == 1:
        return chosen, ()
    note = (
        f"signature '{chosen}' of {len(signatures)} ({', '.join(signatures)}); another one with "
        f"--set {SIGNATURE}=NAME"
    )
    return chosen, (note,)


def _numbers_in_order(name: str) -> tuple[object, ...]:
    """Return a key that sorts output_2 before output_10."""
    parts = re.split(r"(\d+)", name)
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def _keras(tensorflow: Any, options: LoadOptions) -> TensorflowSource:
    loaded = load_keras(options)
    inputs = _fixed(loaded.inputs, options)
    signature = {
        spec.name: tensorflow.TensorSpec(spec.shape, spec.dtype, name=spec.name) for spec in inputs
    }
    traced = tensorflow.function(lambda tensors: loaded.call(**tensors))
    result = traced.get_concrete_function(signature).structured_outputs
    outputs = tuple(named_outputs(options.model, loaded.model, result))

    def function(**tensors: Any) -> dict[str, Any]:
        return named_outputs(options.model, loaded.model, loaded.call(**tensors))

    return TensorflowSource(function, inputs, outputs, loaded.parameters, loaded.model)


def _fixed(declared: Mapping[str, tuple[Any, Any]], options: LoadOptions) -> list[TensorSpec]:
    """Return the inputs with every dimension fixed. Raises ModelError, UsageError."""
    shapes = {}
    for name, (shape, _) in declared.items():
        dims = getattr(shape, "rank", len(shape) if shape is not None else None)
        if dims is None:
            raise ModelError(f"{options.model} does not give the shape of its input '{name}'")
        shapes[name] = [None if dim is None else int(dim) for dim in shape]
    fixed = fixed_shapes(shapes, options)
    return [
        TensorSpec(name, getattr(dtype, "name", str(dtype)), fixed[name])
        for name, (_, dtype) in declared.items()
    ]


def _count(variables: Sequence[Any]) -> int:
    return sum(int(variable.shape.num_elements() or 0) for variable in variables)
