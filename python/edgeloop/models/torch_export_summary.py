"""Fill a summary from a torch.export program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from edgeloop.errors import plain
from edgeloop.models.macs import add_up
from edgeloop.models.precision import decide
from edgeloop.models.summary import ModelSummary, OperatorCount, TensorSummary
from edgeloop.models.torch_export import ExportProgram, elements
from edgeloop.models.torch_macs import (
    base_name,
    batch_symbols,
    is_custom,
    matrix_operators,
    opaque_operators,
)

_RULE = "parameters of the exported module; buffers such as batch-norm statistics are left out"
_BYTES = {"64": 8, "32": 4, "16": 2, "8": 1}


def with_program(empty: ModelSummary, program: ExportProgram) -> ModelSummary:
    """Return `empty` with everything that the program states."""
    matrix = matrix_operators(program)
    opaque = opaque_operators(program)
    total = add_up(matrix, tuple(opaque.values()))
    inputs, outputs = _tensors(program, program.inputs), _tensors(program, program.outputs)
    precision, reason = decide(matrix, (*inputs, *outputs))
    counts = Counter((base_name(node), is_custom(node)) for node in program.nodes)
    operators = tuple(
        OperatorCount(
            name=name,
            count=count,
            custom=custom,
            macs=None if name in opaque else total.by_operator.get(name, 0),
        )
        for (name, custom), count in counts.most_common()
    )
    parameters, stored = _parameters(program)
    return replace(
        empty,
        precision=precision,
        precision_reason=reason,
        inputs=inputs,
        outputs=outputs,
        operators=operators,
        parameters=parameters,
        parameters_reason=_RULE,
        parameter_bytes=stored,
        macs=total.macs,
        macs_reason=total.reason,
        fewest_multiplications=total.fewest_multiplications,
        custom_operators=tuple(o.name for o in operators if o.custom),
        metadata={
            "producer": f"torch {program.torch_version}".strip(),
            "schema_version": program.schema_version,
            "opset": dict(program.opset),
        },
        notes=tuple(_notes(program)),
    )


def _tensors(program: ExportProgram, names: tuple[str, ...]) -> tuple[TensorSummary, ...]:
    return tuple(
        TensorSummary(
            name=name,
            dtype=tensor.dtype,
            shape=tuple(size if isinstance(size, int) else None for size in tensor.shape),
            dim_names=tuple(size if isinstance(size, str) else None for size in tensor.shape),
            quantization=None,
        )
        for name, tensor in ((n, program.tensors[n]) for n in names if n in program.tensors)
    )


def _parameters(program: ExportProgram) -> tuple[int, int]:
    count = stored = 0
    seen: set[str] = set()
    for value, name in program.parameters.items():
        tensor = program.tensors.get(value)
        size = elements(tensor.shape, frozenset()) if tensor else None
        if tensor is None or size is None or name in seen:
            continue
        seen.add(name)
        digits = tensor.dtype.split("_", 1)[0].lstrip("abcdefghijklmnopqrstuvwxyz")
        count += size
        stored += size * _BYTES.get(digits, 0)
    return count, stored


def _notes(program: ExportProgram) -> Iterator[str]:
    symbols = sorted(batch_symbols(program))
    if symbols:
        names = ", ".join(plain(symbol) for symbol in symbols)
        yield f"the dynamic first dimension ({names}) is counted as 1"
