"""Summarise a TensorFlow Lite model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeloop.models import tflite_schema as schema
from edgeloop.models.edgetpu_package import read_package
from edgeloop.models.identity import identity_of, model_bytes
from edgeloop.models.macs import MacTotal, add_up
from edgeloop.models.precision import decide
from edgeloop.models.summary import ModelSummary, OperatorCount, TensorSummary, stated
from edgeloop.models.tflite_macs import matrix_operators, opaque_operators
from edgeloop.models.tflite_reader import (
    TfliteModel,
    TfliteSubgraph,
    TfliteTensor,
    bits_of,
    custom_options,
    read_model,
)
from edgeloop.spec.plain_text import plain

_PARAMETERS = (
    "stored floating-point and quantised tensors, biases included; single numbers and integers "
    "that only describe shapes are left out"
)
_COMPILED = "the weights are compiled into the part for the Edge TPU"
_FLOATS = ("float", "bfloat", "complex")


def summarise(path: Path) -> ModelSummary:
    """Summarise a .tflite file, compiled for the Edge TPU or not.

    Raises ModelError where the file is damaged or is something else.
    """
    model = read_model(path)
    main = model.subgraphs[0]
    matrix = matrix_operators(main)
    others = any(matrix_operators(graph) for graph in model.subgraphs[1:])
    opaque = opaque_operators(main, others)
    total = add_up(matrix, tuple(opaque.values()))
    inputs, outputs = _tensors(main, main.inputs), _tensors(main, main.outputs)
    operators = _operators(model, total, opaque)
    custom = tuple(operator.name for operator in operators if operator.custom)
    precision, reason = decide(matrix, (*inputs, *outputs))
    edgetpu = schema.EDGETPU_OPERATOR in custom
    parameters, stored = (None, None) if edgetpu else _parameters(model)
    return ModelSummary(
        path=str(path),
        format="edgetpu" if edgetpu else "tflite",
        kind=None,
        bytes=model_bytes(path),
        sha256=identity_of(path),
        precision=precision,
        precision_reason=reason,
        inputs=inputs,
        outputs=outputs,
        operators=operators,
        parameters=parameters,
        parameters_reason=_COMPILED if edgetpu else _PARAMETERS,
        parameter_bytes=stored,
        macs=total.macs,
        macs_reason=total.reason,
        fewest_multiplications=total.fewest_multiplications,
        custom_operators=custom,
        metadata={**_metadata(model), **(_edgetpu(path) if edgetpu else {})},
        notes=tuple(_notes(model, custom)),
    )


def _edgetpu(path: Path) -> dict[str, Any]:
    """Return what the compiled parts say of themselves, added up."""
    options = list(custom_options(path, schema.EDGETPU_OPERATOR))
    packages = [found for one in options if (found := read_package(one, str(path))) is not None]
    if not packages:
        return {}
    return stated(
        edgetpu_compiled_bytes=sum(map(len, options)),
        edgetpu_chip=", ".join(dict.fromkeys(one.chip for one in packages if one.chip)),
        edgetpu_compiler=", ".join(dict.fromkeys(one.compiler for one in packages if one.compiler)),
        edgetpu_runtime_at_least=max(one.runtime for one in packages),
        edgetpu_cached_parameter_bytes=sum(one.cached_bytes for one in packages),
        edgetpu_streamed_parameter_bytes=sum(one.streamed_bytes for one in packages),
    )


def _tensors(graph: TfliteSubgraph, indices: tuple[int, ...]) -> tuple[TensorSummary, ...]:
    return tuple(
        TensorSummary(
            name=tensor.name,
            dtype=tensor.dtype,
            shape=_shape(tensor),
            dim_names=(None,) * len(tensor.shape),
            quantization=graph.quantization.get(index),
        )
        for index, tensor in ((index, graph.tensors[index]) for index in indices)
    )


def _shape(tensor: TfliteTensor) -> tuple[int | None, ...] | None:
    if not tensor.rank_known:
        return None
    stated = tensor.signature if len(tensor.signature) == len(tensor.shape) else tensor.shape
    return tuple(size if size >= 0 else None for size in stated)


def _operators(
    model: TfliteModel, total: MacTotal, opaque: Mapping[str, str]
) -> tuple[OperatorCount, ...]:
    counts = Counter((o.name, o.custom) for graph in model.subgraphs for o in graph.operators)
    return tuple(
        OperatorCount(
            name=name,
            count=count,
            custom=custom,
            macs=None if name in opaque else total.by_operator.get(name, 0),
        )
        for (name, custom), count in counts.most_common()
    )


def _parameters(model: TfliteModel) -> tuple[int, int]:
    seen: set[object] = set()
    elements = stored = 0
    for number, graph in enumerate(model.subgraphs):
        for index, tensor in enumerate(graph.tensors):
            # Graphs of one file share weights through their buffer.
            key: object = (number, index) if tensor.external else tensor.buffer
            if not _is_parameter(tensor) or key in seen:
                continue
            seen.add(key)
            elements += tensor.elements
            stored += tensor.stored_bytes or -(-tensor.elements * bits_of(tensor.dtype) // 8)
    return elements, stored


def _is_parameter(tensor: TfliteTensor) -> bool:
    computes = tensor.quantized or tensor.dtype.startswith(_FLOATS)
    return tensor.constant and computes and bool(tensor.shape)


def _metadata(model: TfliteModel) -> dict[str, Any]:
    return stated(
        schema_version=model.version,
        description=model.description,
        subgraphs=[graph.name for graph in model.subgraphs],
        min_runtime_version=model.min_runtime_version,
        metadata=list(model.metadata),
        signatures={
            signature.key: {
                "subgraph": signature.subgraph,
                "inputs": dict(signature.inputs),
                "outputs": dict(signature.outputs),
            }
            for signature in model.signatures
        },
    )


def _notes(model: TfliteModel, custom: tuple[str, ...]) -> Iterator[str]:
    if model.version != schema.VERSION:
        yield f"schema version {model.version}; runtimes expect {schema.VERSION}"
    if len(model.subgraphs) > 1:
        yield (
            f"{len(model.subgraphs)} graphs: inputs, outputs and MACs are those of the first, "
            "operators and parameters those of all"
        )
    if schema.EDGETPU_OPERATOR in custom:
        yield "compiled for the Edge TPU: it runs with that device and its delegate only"
    flex = [plain(name) for name in custom if name.startswith(schema.FLEX_PREFIX)]
    if flex:
        yield f"needs the Flex delegate (TensorFlow operators) for {', '.join(flex)}"
    main = model.subgraphs[0]
    for index in (*main.inputs, *main.outputs):
        tensor = main.tensors[index]
        if not tensor.rank_known:
            yield f"the file does not state the shape of '{plain(tensor.name)}'"
        if any(size < 0 for size in tensor.signature):
            yield (
                f"'{plain(tensor.name)}' has a dynamic shape; it is stored, and counted, as "
                f"{list(tensor.shape)}"
            )
    if any(tensor.external for graph in model.subgraphs for tensor in graph.tensors):
        yield "some weights live in other files, which were not opened"
