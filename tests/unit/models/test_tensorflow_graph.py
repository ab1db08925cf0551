"""SavedModels and frozen graphs are read without TensorFlow; their bytes are written here."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.errors import ModelError, UsageError
from edgeloop.models.formats import detect_format
from edgeloop.models.inspect import inspect_model
from edgeloop.models.tensorflow_graph import is_graph_def, read_graph, signature_of

FLOAT, STRING, INT64 = 1, 7, 9
OPEN = (1 << 64) - 1  # -1 as a varint


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, value) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def shape(*sizes: int) -> bytes:
    return b"".join(field(2, field(1, size)) for size in sizes)


def node(name: str, operator: str, *inputs: str, **attributes: bytes) -> bytes:
    content = field(1, name) + field(2, operator) + b"".join(field(3, one) for one in inputs)
    for key, value in attributes.items():
        content += field(5, field(1, key) + field(2, value))
    return field(1, content)


def placeholder(name: str, dtype: int = FLOAT, sizes: bytes = shape(OPEN, 4)) -> bytes:
    return node(name, "Placeholder", dtype=field(6, dtype), shape=field(7, sizes))


def constant(name: str, *sizes: int) -> bytes:
    tensor = field(1, FLOAT) + field(2, shape(*sizes))
    return node(name, "Const", dtype=field(6, FLOAT), value=field(8, tensor))


FROZEN = (
    placeholder("x")
    + constant("w", 4, 3)
    + node("mul", "MatMul", "x", "w", T=field(6, FLOAT))
    + node("out", "Relu", "mul", T=field(6, FLOAT))
    + node("nothing", "NoOp", "^out")
)


def tensor_info(side: int, name: str, place: str, dtype: int, sizes: bytes) -> bytes:
    info = field(1, place) + field(2, dtype) + field(3, sizes)
    return field(side, field(1, name) + field(2, info))


def signature(name: str, *tensors: bytes) -> bytes:
    return field(5, field(1, name) + field(2, b"".join(tensors)))


X = tensor_info(1, "x", "serving_default_x:0", FLOAT, shape(OPEN, 4))
Y = tensor_info(2, "y", "PartitionedCall:0", FLOAT, shape(OPEN, 3))
Z = tensor_info(2, "a", "PartitionedCall:1", INT64, shape(OPEN))
BODY = field(1, field(1, field(1, "inner")) + field(3, node("m", "MatMul", "x")[2:]))


def saved(folder: Path, *signatures: bytes, tag: str = "serve") -> Path:
    graph = (
        placeholder("serving_default_x")
        + node("v", "VarHandleOp", dtype=field(6, FLOAT), shape=field(7, shape(4, 3)))
        + node("PartitionedCall", "StatefulPartitionedCall", "serving_default_x", "v",
               f=field(10, field(1, "inner")))
        + node("unused", "Conv2D", "serving_default_x")
        + field(2, BODY)
    )  # fmt: skip
    meta = field(1, field(4, tag) + field(5, "2.21.0")) + field(2, graph) + b"".join(signatures)
    folder.mkdir(exist_ok=True)
    (folder / "saved_model.pb").write_bytes(field(1, 1) + field(2, meta))
    return folder


def test_a_frozen_graph_takes_its_placeholders_and_gives_its_ends(tmp_path: Path) -> None:
    path = tmp_path / "model.pb"
    path.write_bytes(FROZEN)
    assert detect_format(path).format == "graphdef"
    found = signature_of(path)
    assert [(one.name, one.place, one.shape) for one in found.inputs] == [("x", "x:0", (None, 4))]
    assert [one.place for one in found.outputs] == ["out:0"]
    assert [one.place for one in signature_of(path, ["mul", "w:0"]).outputs] == ["mul:0", "w:0"]
    summary = inspect_model(path)
    assert {one.name: one.count for one in summary.operators} == {"MatMul": 1, "Relu": 1}
    assert (summary.parameters, summary.parameter_bytes, summary.precision) == (12, 48, "fp32")


def test_a_frozen_graph_refuses_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "model.pb"
    path.write_bytes(FROZEN)
    with pytest.raises(UsageError, match="no node 'end' to fetch"):
        signature_of(path, ["end"])
    path.write_bytes(constant("w", 4, 3) + node("out", "Relu", "w"))
    with pytest.raises(ModelError, match="no Placeholder"):
        signature_of(path)


def test_a_saved_model_is_read_by_its_signature(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", signature("serving_default", X, Y, Z))
    found = signature_of(folder)
    # In the order of their names, as TensorFlow's own functions return them.
    assert [(one.name, one.dtype) for one in found.outputs] == [("a", "int64"), ("y", "float32")]
    summary = inspect_model(folder)
    assert summary.format == "savedmodel"
    # What the outputs do not need is not counted; what their functions do is.
    assert {one.name for one in summary.operators} == {"MatMul"}
    assert summary.parameters == 12
    assert summary.metadata == {"tensorflow_version": "2.21.0", "tags": ["serve"]}


def test_which_signature_is_run(tmp_path: Path) -> None:
    both = saved(tmp_path / "both", signature("b", X, Y), signature("c", X, Z))
    with pytest.raises(UsageError, match="several signatures: b, c; choose with --set signature"):
        signature_of(both)
    assert signature_of(both, name="c").outputs[0].name == "a"
    with pytest.raises(UsageError, match="no signature 'd'; it has: b, c"):
        signature_of(both, name="d")
    served = saved(tmp_path / "served", signature("b", X, Y), signature("serving_default", X, Y))
    assert signature_of(served).name == "serving_default"


@pytest.mark.parametrize(
    ("signatures", "sentence"),
    [
        ((), "has no signature, so nothing tells its inputs"),
        ((signature("__saved_model_init_op", Y),), "has no signature"),
        ((signature("s", Y),), "has no input"),
        ((signature("s", X),), "has no output"),
        ((signature("s", tensor_info(1, "t", "t:0", STRING, shape(1)), Y),), "'t' .* is string"),
    ],
)
def test_what_cannot_be_fed_is_refused(tmp_path: Path, signatures, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        signature_of(saved(tmp_path / "m", *signatures))


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_a_graph_that_is_cut_short_is_damaged_or_shorter(tmp_path: Path, cut: int) -> None:
    whole = (
        saved(tmp_path / "m", signature("serving_default", X, Y)) / "saved_model.pb"
    ).read_bytes()
    (tmp_path / "m" / "saved_model.pb").write_bytes(whole[:cut])
    with pytest.raises(ModelError, match="is damaged"):
        read_graph(tmp_path / "m")


def test_other_protobufs_are_no_graphs() -> None:
    assert is_graph_def(FROZEN[:4096])
    assert not is_graph_def(b"\x0a\x03abc")
    assert not is_graph_def(field(1, field(1, "name") + field(2, "not an operator")))
    assert not is_graph_def(b"")
