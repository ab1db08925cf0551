"""Read the graph of a torch.export program from its JSON.

Schema: torch/_export/serde/schema.py, major versions 5 to 8 (PyTorch 2.3 to 2.13).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from edgeloop.spec.plain_text import plain

_DTYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    9: "complex32",
    10: "complex64",
    11: "complex128",
    12: "bool",
    13: "bfloat16",
    28: "uint16",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
    31: "float8_e4m3fnuz",
    32: "float8_e5m2fnuz",
    33: "float8_e8m0fnu",
    34: "uint32",
    35: "uint64",
}
_SYMBOL = re.compile(r"(?:Symbol\('(\w+)'.*\)|([A-Za-z_]\w*))")
_MAX_DIGITS = 19  # of a number in the JSON; a 64-bit one has no more


@dataclass(frozen=True)
class ExportTensor:
    """One value; a dimension is its size, the name of its symbol, or None for an expression."""

    dtype: str
    shape: tuple[int | str | None, ...]


@dataclass(frozen=True)
class ExportNode:
    """One call; `tensors` and `flags` are its arguments by position and by name."""

    target: str
    tensors: tuple[Optional[str], ...]
    flags: Mapping[str, bool]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class ExportProgram:
    """The program; names are those of graph values. `parameters` maps them to module names."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: Mapping[str, str]
    stored: frozenset[str]
    nodes: tuple[ExportNode, ...]
    tensors: Mapping[str, ExportTensor]
    torch_version: str
    schema_version: str
    opset: Mapping[str, int]


class ExportFormatError(ValueError):
    """The JSON is not what torch.export writes."""


def read_program(text: bytes) -> ExportProgram:
    """Read the JSON of a program; raises ExportFormatError."""
    try:
        return _program(json.loads(text, parse_int=_integer))
    except RecursionError as error:
        raise ExportFormatError("the JSON is nested too deeply") from error
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ExportFormatError(f"the JSON has an unknown structure ({plain(what)})") from error


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS + 1:
        raise ValueError("a number is too long")
    return int(digits)


def _program(document: Any) -> ExportProgram:
    module = document["graph_module"]
    graph, signature = module["graph"], module["signature"]
    inputs, parameters, stored = [], {}, set()
    for spec in signature["input_specs"]:
        (kind, body), *_ = spec.items()
        name = _argument_name(body.get("arg"))
        if name is None:
            continue
        if kind == "user_input":
            inputs.append(name)
        else:
            stored.add(name)
        if kind == "parameter":
            parameters[name] = str(body["parameter_name"])
    outputs = [
        _argument_name(spec["user_output"]["arg"])
        for spec in signature["output_specs"]
        if "user_output" in spec
    ]
    version = document.get("schema_version", {})
    return ExportProgram(
        inputs=tuple(inputs),
        outputs=tuple(name for name in outputs if name is not None),
        parameters=parameters,
        stored=frozenset(stored),
        nodes=tuple(_node(node) for node in graph["nodes"]),
        tensors={str(n): _tensor(meta) for n, meta in graph["tensor_values"].items()},
        torch_version=str(document.get("torch_version", "")),
        schema_version=f"{version.get('major')}.{version.get('minor')}",
        opset={str(k): int(v) for k, v in document.get("opset_version", {}).items()},
    )


def _argument_name(argument: Any) -> str | None:
    """Return the name of a tensor argument, wrapped in `as_tensor` or bare by kind of input."""
    if not isinstance(argument, Mapping):
        return None
    body = argument.get("as_tensor", argument)
    name = body.get("name") if isinstance(body, Mapping) else None
    return None if name is None else str(name)


def _node(node: Any) -> ExportNode:
    arguments = [(str(item["name"]), item["arg"]) for item in node["inputs"]]
    return ExportNode(
        target=str(node["target"]).replace("torch.ops.", "", 1),
        tensors=tuple(_argument_name(argument) for _, argument in arguments),
        flags={name: bool(arg["as_bool"]) for name, arg in arguments if "as_bool" in arg},
        outputs=tuple(name for name in map(_argument_name, node["outputs"]) if name is not None),
    )


def _tensor(meta: Any) -> ExportTensor:
    dtype = _DTYPES.get(meta["dtype"], f"type {meta['dtype']}")
    return ExportTensor(dtype, tuple(_dim(size) for size in meta["sizes"]))


def _dim(size: Any) -> int | str | None:
    if "as_int" in size:
        return max(int(size["as_int"]), 0)
    match = _SYMBOL.fullmatch(str(size["as_expr"]["expr_str"]))
    return (match.group(1) or match.group(2)) if match else None


def elements(shape: tuple[int | str | None, ...], ones: frozenset[str]) -> int | None:
    """Return the number of elements, symbols in `ones` counted as 1; None where unknown."""
    sizes = [1 if size in ones else size for size in shape]
    known = [size for size in sizes if isinstance(size, int)]
    return math.prod(known) if len(known) == len(sizes) else None
