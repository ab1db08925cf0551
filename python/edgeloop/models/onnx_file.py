"""Summarise an ONNX model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from edgeloop.models.identity import identity_of, model_bytes
from edgeloop.models.macs import MacTotal, add_up
from edgeloop.models.onnx_graph import OnnxGraph, analyse, load
from edgeloop.models.onnx_macs import full_name, is_custom, matrix_operators, opaque_operators
from edgeloop.models.onnx_parameters import RULE, Parameters, count_parameters
from edgeloop.models.onnx_quantization import quantization_of
from edgeloop.models.onnx_values import Dim, value_of
from edgeloop.models.precision import decide
from edgeloop.models.summary import ModelSummary, OperatorCount, TensorSummary, stated
from edgeloop.spec.plain_text import plain

_MAX_TEXT = 4096  # characters of one property; some tools store whole files there


def summarise(path: Path, *, infer: bool = True) -> ModelSummary:
    """Summarise an .onnx file; weights in other files are not opened.

    `infer` runs the shape inference of the onnx package, which can abort the process on a
    malformed model: call this through `onnx_worker` for files of unknown origin.
    Raises ModelError where the file is damaged, NotAvailableError without the package onnx.
    """
    model = load(path)
    constants = {initializer.name for initializer in model.graph.initializer}
    scales = quantization_of(model.graph)
    inputs = _tensors([i for i in model.graph.input if i.name not in constants], scales)
    outputs = _tensors(model.graph.output, scales)
    parameters = count_parameters(model, str(path))
    metadata = _metadata(model)
    graph = analyse(model, infer=infer)
    matrix = matrix_operators(graph)
    opaque = opaque_operators(graph)
    total = add_up(matrix, tuple(opaque.values()))
    precision, reason = decide(matrix, (*inputs, *outputs))
    operators = _operators(graph, total, opaque)
    return ModelSummary(
        path=str(path),
        format="onnx",
        kind=None,
        bytes=model_bytes(path),
        sha256=identity_of(path),
        precision=precision,
        precision_reason=reason,
        inputs=inputs,
        outputs=outputs,
        operators=operators,
        parameters=parameters.elements,
        parameters_reason=RULE,
        parameter_bytes=parameters.stored_bytes,
        macs=total.macs,
        macs_reason=total.reason,
        fewest_multiplications=total.fewest_multiplications,
        custom_operators=tuple(o.name for o in operators if o.custom),
        metadata=metadata,
        notes=tuple(_notes(path, graph, parameters)),
    )


def _tensors(items: Any, scales: Mapping[str, Any]) -> tuple[TensorSummary, ...]:
    summaries = []
    for item in items:
        value = value_of(item.type)
        shape: tuple[Dim, ...] = value.shape or ()
        summaries.append(
            TensorSummary(
                name=item.name,
                dtype=value.dtype,
                shape=(
                    None
                    if value.shape is None
                    else tuple(size if isinstance(size, int) else None for size in shape)
                ),
                dim_names=tuple(size if isinstance(size, str) else None for size in shape),
                quantization=scales.get(item.name),
            )
        )
    return tuple(summaries)


def _operators(
    graph: OnnxGraph, total: MacTotal, opaque: Mapping[str, str]
) -> tuple[OperatorCount, ...]:
    nodes = (*graph.nodes, *graph.nested)
    counts = Counter((full_name(node), is_custom(node)) for node in nodes)
    return tuple(
        OperatorCount(
            name=name,
            count=count,
            custom=custom,
            macs=None if name in opaque else total.by_operator.get(name, 0),
        )
        for (name, custom), count in counts.most_common()
    )


def _metadata(model: Any) -> dict[str, Any]:
    return stated(
        ir_version=int(model.ir_version),
        opset={item.domain or "ai.onnx": int(item.version) for item in model.opset_import},
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        description=model.doc_string,
        graph=model.graph.name,
        functions=[function.name for function in model.functions],
        properties={item.key: item.value[:_MAX_TEXT] for item in model.metadata_props},
    )


def _notes(path: Path, graph: OnnxGraph, parameters: Parameters) -> Iterator[str]:
    if graph.problem:
        yield graph.problem
    for name in graph.batch_inputs:
        yield f"the dynamic first dimension of '{plain(name)}' is counted as 1"
    if graph.nested:
        yield f"{len(graph.nested)} operators are in branches or loop bodies"
    for location in parameters.files[:8]:
        where = f"weights are in '{plain(location)}' beside the model"
        inside = PurePosixPath(location)
        if inside.is_absolute() or ".." in inside.parts or "\0" in location:
            yield f"{where}, a path outside of its folder, which runtimes refuse"
        elif not (path.parent / inside).is_file():
            yield f"{where}, and that file is missing"
        else:
            yield where
