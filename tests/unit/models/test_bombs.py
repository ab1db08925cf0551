"""What a reader spends is bounded by the file: small files that describe very much."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile

import pytest

from edgeloop.errors import ModelError
from edgeloop.models.inspect import inspect_model
from edgeloop.models.onnx_graph import _expanded_nodes

_MOST_BYTES = 200 << 20  # of memory; every file here has less than 5 MB, and none needs half of it


def inspected(path):
    """Return the summary or the sentence; raise where the memory is not bounded."""
    tracemalloc.start()
    try:
        return inspect_model(path)
    except ModelError as error:
        return error
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < _MOST_BYTES


def checkpoint(path, pickle):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickle)
        archive.writestr("a/version", "3")
    return path


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value


@pytest.mark.parametrize("opcode", [b"(", b"]", b"}", b"cm\nn\n"])
def test_a_pickle_of_one_opcode(tmp_path, opcode):
    inspected(checkpoint(tmp_path / "m.pth", b"\x80\x02" + opcode * (2 << 20) + b"."))


def test_tuples_within_tuples_as_a_name(tmp_path):
    """Each holds the one before twice: printed it would be 2 to the power of 60."""
    pickle = b"\x80\x02" + text(b"a") + b"q\x00" + b"(h\x00h\x00tq\x00" * 60 + b"h\x00h\x00\x93."
    assert not isinstance(inspected(checkpoint(tmp_path / "m.pth", pickle)), ModelError)


def test_a_deep_pickle_is_no_internal_error(tmp_path):
    pickle = b"\x80\x02" + text(b"a") + b"q\x00" + b"(h\x00tq\x00" * 100_000 + b"h\x00h\x00\x93."
    inspected(checkpoint(tmp_path / "m.pth", pickle))


def test_one_long_text_as_many_names(tmp_path):
    long = text(b"a" * 100_000) + b"q\x00"
    pickle = b"\x80\x02" + long + b"h\x00h\x00\x930" * 10_000 + b"."
    inspected(checkpoint(tmp_path / "m.pth", pickle))


@pytest.mark.parametrize("values", [b"[]," * 5_000_000, b"[" * 3_000_000])
def test_a_program_of_nothing_but_brackets(tmp_path, values):
    with zipfile.ZipFile(tmp_path / "m.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/models/model.json", b'{"graph_module": [' + values + b"[]]}")
    assert isinstance(inspected(tmp_path / "m.pt2"), ModelError)


def test_a_tensor_of_a_thousand_dimensions(tmp_path):
    """Their product would have twenty thousand digits."""
    from edgeloop.models.torch_export import ExportFormatError, read_program

    sizes = ",".join(['{"as_int": 9223372036854775807}'] * 1000)
    meta = f'{{"dtype": 7, "sizes": [{sizes}]}}'
    graph = f'{{"nodes": [], "tensor_values": {{"x": {meta}}}}}'
    signature = '{"input_specs": [], "output_specs": []}'
    program = f'{{"graph_module": {{"graph": {graph}, "signature": {signature}}}}}'
    with pytest.raises(ExportFormatError, match="dimensions"):
        read_program(program.encode())


def test_functions_that_call_functions_ten_times_each():
    onnx = pytest.importorskip("onnx", reason="pip install onnx")
    helper = onnx.helper
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("d", 1)]
    functions = []
    for level in range(12):
        call = ("Relu", "") if level == 0 else (f"f{level - 1}", "d")
        nodes = [helper.make_node(call[0], ["x"], ["y"], domain=call[1]) for _ in range(10)]
        functions.append(helper.make_function("d", f"f{level}", ["x"], ["y"], nodes, opset))
    node = helper.make_node("f11", ["x"], ["y"], domain="d")
    value = helper.make_tensor_value_info("x", 1, [1])
    graph = helper.make_graph([node], "g", [value], [value])
    model = helper.make_model(graph, opset_imports=opset, functions=functions)
    assert _expanded_nodes(model) == 10**12
    functions[0].node[0].CopyFrom(node)  # and one that ends in itself
    model = helper.make_model(graph, opset_imports=opset, functions=functions)
    assert _expanded_nodes(model) > 10**6
