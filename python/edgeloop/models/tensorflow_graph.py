"""Read the graph of a SavedModel, or a frozen one (GraphDef), without TensorFlow.

Numbers of the fields: tensorflow/core/protobuf/saved_model.proto, meta_graph.proto and
tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape,types}.proto; wire format:
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union

from edgeloop.errors import ModelError, UsageError, plain
from edgeloop.models.summary import Shape

GRAPH_FILE = "saved_model.pb"
SERVING = "serving_default"
_INITIALISER = "__saved_model_init_op"

_DTYPES = {
    **{1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string"},
    **{8: "complex64", 9: "int64", 10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128"},
    **{19: "float16", 20: "resource", 21: "variant", 22: "uint32", 23: "uint64"},
}


@dataclass(frozen=True)
class GraphTensor:
    """An input or output: what people call it, and its place in the graph ("operation:0")."""

    name: str
    place: str
    dtype: str
    shape: Optional[Shape]


@dataclass(frozen=True)
class Signature:
    """What can be run: inputs and outputs in the order of their names."""

    name: str
    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]


@dataclass
class GraphNode:
    name: str = ""
    operator: str = ""
    inputs: list[str] = field(default_factory=list)
    dtype: str = ""
    shape: Optional[Shape] = None
    constant: Optional[tuple[str, Shape]] = None
    functions: list[str] = field(default_factory=list)


@dataclass
class TensorflowGraph:
    """The nodes of a graph, the bodies of its functions, and its signatures."""

    nodes: list[GraphNode] = field(default_factory=list)
    functions: dict[str, list[GraphNode]] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    version: str = ""


_Value = Union[int, memoryview]


def read_graph(path: str | Path, outputs: Sequence[str] = ()) -> TensorflowGraph:
    """Read a SavedModel folder, or a frozen graph whose one signature follows from its nodes.

    `outputs`: names of the nodes, or tensors, to fetch from a frozen graph; else those that no
    other node reads. Raises ModelError where the file is damaged, UsageError for an output that
    the graph lacks.
    """
    target = Path(path)
    file = target / GRAPH_FILE if target.is_dir() else target
    try:
        content = memoryview(file.read_bytes())
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror or error}") from error
    try:
        graph = _saved_model(content) if target.is_dir() else _graph_def(content)
    except (IndexError, ValueError, TypeError) as error:
        raise ModelError(f"{file} is damaged: it is not the protobuf of a graph") from error
    if not target.is_dir():
        graph.signatures[SERVING] = _frozen_signature(graph.nodes, target, outputs)
    return graph


def signature_of(path: str | Path, outputs: Sequence[str] = (), name: str = "") -> Signature:
    """Return the signature that is run: the one named, else the serving one, else the only one.

    Raises ModelError where there is none, or an input takes something else than numbers;
    UsageError where there are several and none was chosen.
    """
    graph = read_graph(path, outputs)
    known = graph.signatures
    listed = ", ".join(map(plain, sorted(known))) or "none"
    if name and name not in known:
        raise UsageError(f"{path} has no signature '{name}'; it has: {listed}")
    if not known:
        raise ModelError(
            f"{path} has no signature, so nothing tells its inputs and outputs; export it with "
            "model.export(folder) or tf.saved_model.save(module, folder, signatures=function)"
        )
    chosen = name or (SERVING if SERVING in known else "")
    if not chosen and len(known) > 1:
        raise UsageError(
            f"{path} has several signatures: {listed}; choose with --set signature=NAME"
        )
    found = known[chosen or next(iter(known))]
    for one in found.inputs:
        if one.dtype in ("string", "resource", "variant") or one.dtype.startswith("complex"):
            raise ModelError(
                f"the input '{plain(one.name)}' of {path} is {one.dtype}, which edgeloop cannot "
                "fill; export the model behind that step, with number inputs"
            )
    if not found.inputs or not found.outputs:
        what = "input" if not found.inputs else "output"
        raise ModelError(f"the signature '{plain(found.name)}' of {path} has no {what}")
    return found


def is_graph_def(head: bytes) -> bool:
    """Say whether a file begins as a GraphDef does: a node with its name and its operator."""
    try:
        view = memoryview(head)
        tag, at = _varint(view, 0)
        size, at = _varint(view, at)
        texts = []
        for number in (1, 2):
            inner, at = _varint(view, at)
            length, at = _varint(view, at)
            if inner != number << 3 | 2 or not 0 < length < size:
                return False
            texts.append(bytes(view[at : at + length]).decode())
            at += length
    except (IndexError, ValueError):
        return False
    return tag == 0x0A and all(text.isprintable() for text in texts) and texts[1].isidentifier()


def _frozen_signature(nodes: Sequence[GraphNode], path: Path, outputs: Sequence[str]) -> Signature:
    """Return what a frozen graph takes and gives: placeholders, and what no other node reads."""
    by_name = {node.name: node for node in nodes}
    inputs = [
        GraphTensor(node.name, f"{node.name}:0", node.dtype, node.shape)
        for node in nodes
        if node.operator == "Placeholder"
    ]
    read = {one.split(":")[0] for node in nodes for one in node.inputs if one[:1] != "^"}
    if not outputs:
        ends = [node for node in nodes if node.name not in read]
        outputs = [one.name for one in ends if one.operator not in ("NoOp", "Const", "Assert")]
    for name in outputs:
        if name.split(":")[0] not in by_name:
            raise UsageError(f"{path} has no node '{name}' to fetch with --set outputs=NAME")
    if not inputs:
        raise ModelError(
            f"{path} has no Placeholder, so nothing can be fed; freeze the graph with its inputs"
        )
    places = [name if ":" in name else f"{name}:0" for name in outputs]
    return Signature(
        SERVING,
        tuple(inputs),
        tuple(
            GraphTensor(name, place, by_name[name.split(":")[0]].dtype or "unknown", None)
            for name, place in zip(outputs, places)
        ),
    )


def _saved_model(content: memoryview) -> TensorflowGraph:
    """SavedModel{2: MetaGraphDef*}; the first graph that is made for serving."""
    graphs = []
    for number, value in _fields(content):
        if number == 2:
            graphs.append(_meta_graph(_bytes(value)))
    if not graphs:
        raise ValueError("no graph")
    return next((one for one in graphs if "serve" in one.tags), graphs[0])


def _meta_graph(content: memoryview) -> TensorflowGraph:
    """MetaGraphDef{1: meta_info{4: tag, 5: version}, 2: graph, 5: signatures}."""
    graph = TensorflowGraph()
    for number, value in _fields(content):
        if number == 1:
            for inner, text in _fields(_bytes(value)):
                if inner == 4:
                    graph.tags.append(_text(text))
                elif inner == 5:
                    graph.version = _text(text)
        elif number == 2:
            read = _graph_def(_bytes(value))
            graph.nodes, graph.functions = read.nodes, read.functions
        elif number == 5:
            signature = _signature(_bytes(value))
            if signature.name != _INITIALISER:
                graph.signatures[signature.name] = signature
    return graph


def _graph_def(content: memoryview) -> TensorflowGraph:
    """GraphDef{1: node*, 2: library{1: FunctionDef{1: signature{1: name}, 3: node*}*}}."""
    graph = TensorflowGraph()
    for number, value in _fields(content):
        if number == 1:
            graph.nodes.append(_node(_bytes(value)))
        elif number == 2:
            for inner, function in _fields(_bytes(value)):
                if inner == 1:
                    name, nodes = "", []
                    for part, one in _fields(_bytes(function)):
                        if part == 1:
                            name = next((_text(t) for n, t in _fields(_bytes(one)) if n == 1), "")
                        elif part == 3:
                            nodes.append(_node(_bytes(one)))
                    graph.functions[name] = nodes
    return graph


def _node(content: memoryview) -> GraphNode:
    """NodeDef{1: name, 2: op, 3: input*, 5: attr{1: key, 2: AttrValue}*}."""
    node = GraphNode()
    for number, value in _fields(content):
        if number == 1:
            node.name = _text(value)
        elif number == 2:
            node.operator = _text(value)
        elif number == 3:
            node.inputs.append(_text(value))
        elif number == 5:
            entry = dict(_fields(_bytes(value)))
            _attribute(node, _text(entry.get(1, memoryview(b""))), _bytes(entry.get(2, _EMPTY)))
    return node


_EMPTY = memoryview(b"")


def _attribute(node: GraphNode, key: str, content: memoryview) -> None:
    """AttrValue{6: type, 7: shape, 8: tensor{1: dtype, 2: shape}, 10: func{1: name}}."""
    for number, value in _fields(content):
        if number == 6 and key in ("dtype", "T"):
            node.dtype = _dtype(value)
        elif number == 7 and key in ("shape", "_output_shapes"):
            node.shape = _shape(_bytes(value))
        elif number == 8 and node.operator == "Const":
            tensor = dict(_fields(_bytes(value)))
            node.constant = (_dtype(tensor.get(1, 0)), _shape(_bytes(tensor.get(2, _EMPTY))) or ())
        elif number == 10:
            names = [_text(text) for inner, text in _fields(_bytes(value)) if inner == 1]
            node.functions += names


def _signature(entry: memoryview) -> Signature:
    """Map entry {1: name, 2: SignatureDef{1: inputs, 2: outputs}}, each a map to TensorInfo."""
    name = ""
    tensors: Mapping[int, list[GraphTensor]] = {1: [], 2: []}
    for number, value in _fields(entry):
        if number == 1:
            name = _text(value)
        elif number == 2:
            for side, item in _fields(_bytes(value)):
                if side in tensors:
                    tensors[side].append(_tensor_info(_bytes(item)))
    # TensorFlow's own functions return their outputs in the order of the names.
    inputs, outputs = (tuple(sorted(one, key=lambda t: t.name)) for one in tensors.values())
    return Signature(name, inputs, outputs)


def _tensor_info(entry: memoryview) -> GraphTensor:
    """Map entry {1: name, 2: TensorInfo{1: "operation:0", 2: dtype, 3: shape}}."""
    fields = dict(_fields(entry))
    info = dict(_fields(_bytes(fields.get(2, _EMPTY))))
    shape = _shape(_bytes(info[3])) if 3 in info else None
    place = _text(info.get(1, _EMPTY))
    return GraphTensor(_text(fields.get(1, _EMPTY)), place, _dtype(info.get(2, 0)), shape)


def _shape(content: memoryview) -> Optional[Shape]:
    """TensorShapeProto{2: dim{1: size, -1: open}*, 3: unknown_rank}."""
    sizes: list[Optional[int]] = []
    for number, value in _fields(content):
        if number == 3 and value:
            return None
        if number == 2:
            size = dict(_fields(_bytes(value))).get(1, 0)
            whole = size if isinstance(size, int) else 0
            sizes.append(whole if whole < 1 << 63 else None)
    return tuple(sizes)


def _dtype(value: _Value) -> str:
    # A reference to a variable has the number of its dtype and 100.
    number = value % 100 if isinstance(value, int) else 0
    return _DTYPES.get(number, f"data type {number}")


def _text(value: _Value) -> str:
    return bytes(_bytes(value)).decode("utf-8")


def _bytes(value: _Value) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message belongs")
    return value


def _fields(content: memoryview) -> Iterator[tuple[int, _Value]]:
    """Yield number and value of each field. Raises ValueError, IndexError where it is cut short."""
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(content, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _varint(content, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("not a field")
        if at + size > len(content):
            raise ValueError("a field runs past the end")
        yield tag >> 3, content[at : at + size]
        at += size


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
