"""What an ONNX model holds, on models made here for one property each."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgeloop.errors import ModelError, NotAvailableError
from edgeloop.models import onnx_file, onnx_values
from edgeloop.models.summary import Quantization

onnx = pytest.importorskip("onnx")
FLOAT = onnx.TensorProto.FLOAT
INT8 = onnx.TensorProto.INT8
UINT8 = onnx.TensorProto.UINT8


def value(name, shape, kind=FLOAT):
    return onnx.helper.make_tensor_value_info(name, kind, shape)


def stored(name, shape, kind=np.float32):
    return onnx.numpy_helper.from_array(np.ones(shape, kind), name)


def node(operator, inputs, outputs, **attributes):
    return onnx.helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


@pytest.fixture
def summary(tmp_path):
    def make(nodes, inputs, outputs, constants=(), *, opset=17, functions=(), domains=(), **more):
        graph = onnx.helper.make_graph(nodes, "g", inputs, outputs, list(constants))
        opsets = [onnx.helper.make_opsetid("", opset)]
        opsets += [onnx.helper.make_opsetid(domain, 1) for domain in domains]
        model = onnx.helper.make_model(
            graph, opset_imports=opsets, functions=list(functions), producer_name="test"
        )
        path = tmp_path / "model.bin"
        path.write_bytes(model.SerializeToString())
        found = onnx_file.summarise(path, **more)
        json.dumps(found.as_dict(), allow_nan=False)
        return found

    return make


@pytest.mark.parametrize(
    ("operator", "x", "w", "y", "attributes", "macs"),
    [
        ("Conv", (1, 3, 8, 8), (4, 3, 3, 3), (1, 4, 6, 6), {}, 144 * 27),
        ("Conv", (1, 4, 8, 8), (4, 1, 3, 3), (1, 4, 6, 6), {"group": 4}, 144 * 9),
        ("Conv", (1, 3, 8), (4, 3, 3), (1, 4, 6), {}, 24 * 9),
        ("ConvTranspose", (1, 3, 8, 8), (3, 4, 2, 2), None, {"strides": [2, 2]}, 192 * 16),
        ("Gemm", (5, 7), (7, 3), (5, 3), {}, 105),
        ("Gemm", (7, 5), (3, 7), (5, 3), {"transA": 1, "transB": 1}, 105),
        ("MatMul", (2, 5, 7), (7, 3), (2, 5, 3), {}, 210),
        ("MatMul", (7,), (7, 3), (3,), {}, 21),
        ("Add", (2, 7), (2, 7), (2, 7), {}, 0),
    ],
)
def test_macs_follow_the_formula(summary, operator, x, w, y, attributes, macs):
    found = summary(
        [node(operator, "x w", "y", **attributes)],
        [value("x", x)],
        [value("y", y)],
        [stored("w", w)],
    )
    assert found.macs == macs
    assert found.operators[0].macs == macs
    assert found.parameters == np.prod(w)
    assert found.parameter_bytes == 4 * np.prod(w)
    assert found.metadata["opset"] == {"ai.onnx": 17}


def test_a_dynamic_batch_counts_as_one(summary):
    nodes = [node("MatMul", "x w", "h"), node("Relu", "h", "y")]
    found = summary(
        nodes, [value("x", ("batch", 7))], [value("y", ("batch", 3))], [stored("w", (7, 3))]
    )
    assert found.macs == 21
    assert found.inputs[0].shape == (None, 7)
    assert found.inputs[0].dim_names == ("batch", None)
    assert "the dynamic first dimension of 'x' is counted as 1" in found.notes


def test_a_dynamic_inner_dimension_leaves_no_total(summary):
    nodes = [node("MatMul", "x w", "y"), node("MatMul", "a w", "b")]
    found = summary(
        nodes,
        [value("x", (1, "words", 7)), value("a", (2, 7))],
        [value("y", (1, "words", 3)), value("b", (2, 3))],
        [stored("w", (7, 3))],
    )
    assert found.macs is None
    assert "'words' is dynamic" in found.macs_reason
    assert "adds up to 42" in found.macs_reason


def qdq(name, dtype=np.int8):
    """Return a stored tensor's dequantisation, and its scale and zero point."""
    return (
        node("DequantizeLinear", f"{name}_q s {name}_z", name),
        onnx.numpy_helper.from_array(np.zeros((), dtype), f"{name}_z"),
    )


def test_quantise_dequantise_pairs_are_int8(summary):
    scale = onnx.numpy_helper.from_array(np.float32(0.5), "s")
    weight, weight_zero = qdq("w")
    source, source_zero = qdq("x")
    found = summary(
        [
            node("QuantizeLinear", "image s x_z", "x_q"),
            source,
            weight,
            node("Transpose", "w", "t"),
            node("MatMul", "x t", "y"),
        ],
        [value("image", (1, 7))],
        [value("y", (1, 3))],
        [scale, weight_zero, source_zero, stored("w_q", (3, 7), np.int8)],
    )
    assert found.precision == "int8"
    assert found.macs == 21
    assert (found.parameters, found.parameter_bytes) == (21, 21)


@pytest.mark.parametrize(("zero", "expected"), [(np.int8, "dynamic"), (None, "fp16")])
def test_only_the_weights_are_small(summary, zero, expected):
    if zero is None:
        decode, constants = node("Cast", "w_q", "w", to=FLOAT), []
        weight = stored("w_q", (7, 3), np.float16)
    else:
        decode, zero_point = qdq("w")
        constants = [zero_point, onnx.numpy_helper.from_array(np.float32(0.5), "s")]
        weight = stored("w_q", (7, 3), np.int8)
    found = summary(
        [decode, node("MatMul", "x w", "y")],
        [value("x", (1, 7))],
        [value("y", (1, 3))],
        [weight, *constants],
    )
    assert found.precision == expected
    assert found.parameters == 21


def test_integers_fed_by_dynamic_quantisation_are_dynamic(summary):
    found = summary(
        [
            node("DynamicQuantizeLinear", "x", "x_q x_s x_z"),
            node("MatMulInteger", "x_q w x_z", "y"),
        ],
        [value("x", (1, 7))],
        [value("y", (1, 3), onnx.TensorProto.INT32)],
        [stored("w", (7, 3), np.uint8)],
    )
    assert found.precision == "dynamic"
    assert found.macs == 21


def test_quantised_operators_with_contrib_ones_between(summary):
    one, zero = np.float32(1), np.uint8(128)
    constants = [
        onnx.numpy_helper.from_array(one, "s"),
        onnx.numpy_helper.from_array(zero, "z"),
        stored("w", (4, 3, 3, 3), np.uint8),
        stored("v", (4, 4, 1, 1), np.uint8),
        stored("b", (4,), np.int32),
    ]
    nodes = [
        node("QLinearConv", "x s z w s z s z b", "h"),
        node("QLinearAdd", "h s z h s z s z", "i", domain="com.microsoft"),
        node("QLinearConcat", "s z i s z i s z", "c", domain="com.microsoft", axis=2),
        node("QLinearConv", "c s z v s z s z", "y"),
    ]
    found = summary(
        nodes,
        [value("x", (1, 3, 8, 8), UINT8)],
        [value("y", (1, 4, 12, 6), UINT8)],
        constants,
        domains=["com.microsoft"],
    )
    assert found.precision == "int8"
    assert found.macs == 144 * 27 + 288 * 4
    assert found.parameters == 108 + 16 + 4
    assert found.parameter_bytes == 108 + 16 + 16
    assert found.inputs[0].quantization == Quantization((1.0,), (128,), None)
    assert found.outputs[0].quantization == Quantization((1.0,), (128,), None)
    assert found.custom_operators == ("com.microsoft.QLinearAdd", "com.microsoft.QLinearConcat")


def test_padding_sizes_that_a_chain_of_constants_makes(summary):
    """As the PyTorch exporter writes them; plain shape inference stops there."""
    constants = [
        onnx.numpy_helper.from_array(np.array([4], np.int64), "four"),
        onnx.numpy_helper.from_array(np.array([0, 0, 1, 1], np.int64), "first"),
    ]
    nodes = [
        node("ConstantOfShape", "four", "zeros", value=stored("value", (1,), np.int64)),
        node("Sub", "zeros zeros", "none"),
        node("Concat", "first none", "pads", axis=0),
        node("Pad", "x pads", "p"),
        node("Conv", "p w", "y"),
    ]
    found = summary(
        nodes,
        [value("x", (1, 3, 8, 8))],
        [value("y", None)],
        [*constants, stored("w", (4, 3, 3, 3))],
    )
    assert found.macs == 4 * 7 * 7 * 27


def test_loops_and_branches(summary):
    body = onnx.helper.make_graph(
        [node("MatMul", "x w", "r")], "then", [], [value("r", (2, 3))], [stored("w", (7, 3))]
    )
    other = onnx.helper.make_graph(
        [node("Identity", "c", "q")], "else", [], [value("q", (2, 3))], [stored("c", (2, 3))]
    )
    found = summary(
        [node("If", "flag", "y", then_branch=body, else_branch=other)],
        [value("x", (2, 7)), value("flag", (), onnx.TensorProto.BOOL)],
        [value("y", (2, 3))],
    )
    assert found.macs is None
    assert "If runs another graph" in found.macs_reason
    assert found.parameters == 27
    assert {o.name for o in found.operators} == {"If", "MatMul", "Identity"}


def test_functions_are_expanded(summary):
    function = onnx.helper.make_function(
        "local",
        "Twice",
        ["a", "w"],
        ["b"],
        [node("MatMul", "a w", "t"), node("MatMul", "t w", "b")],
        [onnx.helper.make_opsetid("", 17)],
    )
    found = summary(
        [node("Twice", "x w", "y", domain="local")],
        [value("x", (1, 7))],
        [value("y", (1, 7))],
        [stored("w", (7, 7))],
        functions=[function],
        domains=["local"],
    )
    assert found.macs == 98
    assert found.custom_operators == ()


@pytest.mark.parametrize(
    ("operator", "domain", "reason"),
    [
        ("Fancy", "my.company", "the custom operator my.company.Fancy cannot be inspected"),
        ("Einsum", "", "Einsum multiplies inside and is not counted"),
        ("QAttention", "com.microsoft", "multiplies inside"),
    ],
)
def test_what_cannot_be_seen_leaves_no_total(summary, operator, domain, reason):
    attributes = {"equation": "ij,jk->ik"} if operator == "Einsum" else {}
    found = summary(
        [node(operator, "x w", "y", domain=domain, **attributes)],
        [value("x", (2, 7))],
        [value("y", (2, 3))],
        [stored("w", (7, 3))],
        domains=[domain] if domain else (),
    )
    assert found.macs is None
    assert reason in found.macs_reason
    assert bool(found.custom_operators) == bool(domain)


def test_weights_in_other_files(summary, tmp_path):
    outside = stored("w", (700, 3))
    for location, words in (
        ("weights.bin", "that file is missing"),
        ("../w", "outside of its folder"),
        ("/etc/passwd", "outside of its folder"),
    ):
        outside.ClearField("raw_data")
        outside.data_location = onnx.TensorProto.EXTERNAL
        del outside.external_data[:]
        outside.external_data.add(key="location", value=location)
        args = [node("MatMul", "x w", "y")], [value("x", (1, 700))], [value("y", (1, 3))]
        found = summary(*args, [outside])
        assert any(words in note for note in found.notes)
        assert (found.macs, found.parameters, found.parameter_bytes) == (2100, 2100, 8400)
    outside.external_data[0].value = "here"
    (tmp_path / "here").write_bytes(b"")
    found = summary(*args, [outside])
    assert "weights are in 'here' beside the model" in found.notes


def test_constants_in_nodes_count_and_scalars_do_not(summary):
    tensor = stored("c", (7, 3))
    found = summary(
        [
            node("Constant", "", "w", value=tensor),
            node("MatMul", "x w", "h"),
            node("Mul", "h two", "y"),
        ],
        [value("x", (1, 7))],
        [value("y", (1, 3))],
        [onnx.numpy_helper.from_array(np.float32(2), "two"), stored("shape", (2,), np.int64)],
    )
    assert found.parameters == 21


def test_a_tensor_smaller_than_its_shape_is_damage(summary):
    short = stored("w", (7, 3))
    short.dims[0] = 700
    with pytest.raises(ModelError, match=r"'w' of shape \[700, 3\] needs 8400 bytes and has 84"):
        summary([node("MatMul", "x w", "y")], [value("x", (1, 7))], [value("y", None)], [short])


def test_without_inference_only_what_the_file_states_is_known(summary):
    args = [node("MatMul", "x w", "h"), node("MatMul", "h w", "y")]
    found = summary(
        args, [value("x", (1, 7))], [value("y", (1, 7))], [stored("w", (7, 7))], infer=False
    )
    assert found.macs is None
    assert "'h', whose shape is not known" in found.macs_reason
    assert any("shapes were not inferred" in note for note in found.notes)


def test_sequences_have_no_tensor_type(summary):
    sequence = onnx.helper.make_tensor_sequence_value_info("y", FLOAT, None)
    found = summary([node("SequenceConstruct", "x", "y")], [value("x", (1,))], [sequence])
    assert found.outputs[0].dtype == "unknown"
    assert found.outputs[0].shape is None


def test_what_is_no_model(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(b"\x08\x0a\x3a\x7f")
    with pytest.raises(ModelError, match="damaged or cut short"):
        onnx_file.summarise(path)
    path.write_bytes(b"\x08\x0a\x3a\x00")
    with pytest.raises(ModelError, match="without a graph"):
        onnx_file.summarise(path)
    graph = onnx.helper.make_graph([node("Relu", "nice", "y")], "g", [], [value("y", (1,))])
    data = onnx.helper.make_model(graph).SerializeToString()
    path.write_bytes(data.replace(b"nice", b"\xff\xfe\xfd\xfc"))
    with pytest.raises(ModelError, match="not UTF-8"):
        onnx_file.summarise(path)
    with pytest.raises(ModelError, match="cannot be read"):
        onnx_file.summarise(tmp_path / "none")


def test_without_the_package_the_command_to_install_it_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(NotAvailableError, match=r"pip install 'edgeloop\[onnx\]'"):
        onnx_values.onnx_package()
