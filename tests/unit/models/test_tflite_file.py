"""What a TensorFlow Lite model holds, on models made here for one property each."""

from __future__ import annotations

import json

import pytest

from edgeloop.errors import ModelError
from edgeloop.models.summary import Quantization
from edgeloop.models.tflite_file import summarise


@pytest.fixture
def summary(tmp_path):
    def make(builder):
        path = tmp_path / "model"
        path.write_bytes(builder.build())
        found = summarise(path)
        json.dumps(found.as_dict(), allow_nan=False)
        return found

    return make


def one_operator(builder, name, inputs, output, options=None):
    """Add one operator whose inputs are (shape, dtype, constant)."""
    indices = [
        builder.tensor(f"in{i}", shape, dtype, data=constant)
        for i, (shape, dtype, constant) in enumerate(inputs)
    ]
    out = builder.tensor("out", output)
    builder.operator(name, indices, [out], options)
    return builder.io([indices[0]], [out])


F = "float32"
CASES = [
    # out 4x4x8 = 128 values of 3x3x3 products
    ("CONV_2D", [((1, 4, 4, 3), F, False), ((8, 3, 3, 3), F, True)], (1, 4, 4, 8), 128 * 27, None),
    # two groups: the weights hold half of the channels
    ("CONV_2D", [((1, 4, 4, 6), F, False), ((8, 3, 3, 3), F, True)], (1, 4, 4, 8), 128 * 27, None),
    (
        "DEPTHWISE_CONV_2D",
        [((1, 4, 4, 8), F, False), ((1, 3, 3, 8), F, True)],
        (1, 2, 2, 8),
        32 * 9,
        None,
    ),
    ("FULLY_CONNECTED", [((1, 20), F, False), ((10, 20), F, True)], (1, 10), 200, None),
    ("FULLY_CONNECTED", [((6, 20), F, False), ((10, 20), F, True)], (6, 10), 1200, None),
    (
        "TRANSPOSE_CONV",
        [((4,), "int32", True), ((8, 3, 3, 5), F, True), ((1, 4, 4, 5), F, False)],
        (1, 8, 8, 8),
        80 * 72,
        None,
    ),
    (
        "CONV_3D",
        [((1, 4, 4, 4, 3), F, False), ((2, 2, 2, 3, 5), F, True)],
        (1, 3, 3, 3, 5),
        135 * 24,
        None,
    ),
    (
        "CONV_3D_TRANSPOSE",
        [((5,), "int32", True), ((2, 2, 2, 3, 5), F, True), ((1, 4, 4, 4, 5), F, False)],
        (1, 8, 8, 8, 3),
        320 * 24,
        None,
    ),
    ("BATCH_MATMUL", [((2, 3, 4), F, False), ((2, 4, 5), F, False)], (2, 3, 5), 120, None),
    (
        "BATCH_MATMUL",
        [((2, 4, 3), F, False), ((2, 4, 5), F, False)],
        (2, 3, 5),
        120,
        (101, {0: ("B", 1)}),
    ),
    ("ADD", [((1, 20), F, False), ((1, 20), F, True)], (1, 20), 0, None),
]


@pytest.mark.parametrize(("name", "inputs", "output", "macs", "options"), CASES)
def test_macs_follow_the_formula(builder, summary, num, name, inputs, output, macs, options):
    if options is not None:
        options = (options[0], {slot: num(value) for slot, value in options[1].items()})
    found = summary(one_operator(builder, name, inputs, output, options))
    assert found.macs == macs
    assert found.operators[0].macs == macs
    assert "convolution and matrix operators" in found.macs_reason


@pytest.mark.parametrize(
    ("activation", "weight", "size", "precision"),
    [
        ("float32", "float32", 64, "fp32"),
        ("int8", "int8", 64, "int8"),
        ("uint8", "uint8", 64, "int8"),
        ("int16", "int8", 64, "int16x8"),
        ("float32", "int8", 64, "dynamic"),
        ("float32", "int4", 64, "dynamic"),
        ("int8", "int4", 64, None),
    ],
)
def test_precision(builder, summary, activation, weight, size, precision):
    inputs = [((1, size), activation, False), ((size, size), weight, True)]
    found = summary(one_operator(builder, "FULLY_CONNECTED", inputs, (1, size)))
    assert found.precision == precision
    assert "1 x" in found.precision_reason


def layer(builder, source, shape, dtype, *, decoded=False):
    """Add a fully connected layer, its weights stored as `dtype`, decoded first if asked."""
    weight = builder.tensor("w", shape, dtype, data=True)
    if decoded:
        stored, weight = weight, builder.tensor("decoded", shape)
        builder.operator("DEQUANTIZE", [stored], [weight])
    out = builder.tensor("y", (1, shape[0]))
    builder.operator("FULLY_CONNECTED", [source, weight, -1], [out])
    return out


def test_weights_stored_in_half_precision(builder, summary):
    x = builder.tensor("x", (1, 64))
    y = layer(builder, x, (64, 64), "float16", decoded=True)
    found = summary(builder.io([x], [y]))
    assert found.precision == "fp16"
    assert (found.parameters, found.parameter_bytes) == (4096, 8192)


def test_small_float_weights_do_not_make_a_dynamic_model_mixed(builder, summary):
    x = builder.tensor("x", (1, 16))
    small = layer(builder, x, (16, 16), "float32")
    large = layer(builder, small, (128, 16), "int8")
    assert summary(builder.io([x], [large])).precision == "dynamic"
    other = layer(builder, large, (64, 128), "float32")
    found = summary(builder.io([x], [other]))
    assert found.precision == "mixed"
    assert "2 x float32 by float32" in found.precision_reason or "1 x" in found.precision_reason


def test_products_of_activations_do_not_make_a_dynamic_model_mixed(builder, summary):
    x = builder.tensor("x", (1, 64))
    y = layer(builder, x, (64, 64), "int8")
    z = builder.tensor("z", (1, 64))
    builder.operator("BATCH_MATMUL", [y, y], [z])
    assert summary(builder.io([x], [z])).precision == "dynamic"


def test_quantisation_of_inputs_and_outputs(builder, summary):
    x = builder.tensor("x", (1, 4), "int8", scale=(0.5,))
    y = builder.tensor("y", (1, 4), "int8", scale=(0.5, 0.25, 1.0, 2.0))
    found = summary(builder.operator("RELU", [x], [y]).io([x], [y]))
    assert found.inputs[0].quantization == Quantization((0.5,), (3,), None)
    assert found.outputs[0].quantization == Quantization((0.5, 0.25, 1.0, 2.0), (3,) * 4, 1)
    assert found.precision == "int8"


def test_a_scale_that_is_no_number_is_damage(builder, summary):
    x = builder.tensor("x", (1, 4), "int8", scale=(float("nan"),))
    with pytest.raises(ModelError, match="scale that is not a finite number"):
        summary(builder.io([x], [x]))


def test_dynamic_shapes(builder, summary):
    x = builder.tensor("x", (1, 8), dynamic=(-1, 8))
    y = layer(builder, x, (4, 8), "float32")
    found = summary(builder.io([x], [y]))
    assert found.inputs[0].shape == (None, 8)
    assert found.macs == 32
    assert any("'x' has a dynamic shape" in note for note in found.notes)


def test_a_dynamic_inner_dimension_leaves_no_total(builder, summary):
    x = builder.tensor("x", (1, 1, 8), dynamic=(1, -1, 8))
    y = layer(builder, x, (4, 8), "float32")
    found = summary(builder.io([x], [y]))
    assert found.macs is None
    assert "dynamic beyond its first dimension" in found.macs_reason
    assert found.operators[0].macs is None


def test_an_unstated_shape_is_none_and_a_scalar_is_empty(builder, summary):
    x = builder.tensor("x", ())
    y = builder.tensor("y", (), ranked=False)
    found = summary(builder.io([x], [y]))
    assert found.inputs[0].shape == ()
    assert found.outputs[0].shape is None
    assert "the file does not state the shape of 'y'" in found.notes


def test_custom_operators(builder, summary):
    x = builder.tensor("x", (1, 8))
    y = layer(builder, x, (4, 8), "float32")
    z = builder.tensor("z", (1, 4))
    builder.operator("TFLite_Detection_PostProcess", [y], [z]).io([x], [z])
    found = summary(builder)
    assert found.custom_operators == ("TFLite_Detection_PostProcess",)
    assert found.macs == 32
    found = summary(builder.operator("FlexErf", [z], [z]))
    assert found.macs is None
    assert "FlexErf" in found.macs_reason
    assert "adds up to 32" in found.macs_reason
    assert any("Flex delegate" in note for note in found.notes)


def test_edgetpu(builder, summary):
    x = builder.tensor("x", (1, 8), "uint8", scale=(0.5,))
    found = summary(builder.operator("edgetpu-custom-op", [x], [x]).io([x], [x]))
    assert (found.format, found.precision) == ("edgetpu", "int8")
    assert found.macs is None
    assert found.parameters is None
    assert "Edge TPU" in found.parameters_reason


def test_recurrent_operators_are_not_counted_as_nothing(builder, summary):
    x = builder.tensor("x", (1, 8))
    found = summary(builder.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", [x], [x]).io([x], [x]))
    assert found.macs is None
    assert "multiplies inside and is not counted" in found.macs_reason


def test_several_graphs(builder, summary):
    x = builder.tensor("x", (1, 8))
    builder.operator("WHILE", [x], [x]).io([x], [x])
    assert summary(builder).macs == 0
    builder.graph("body")
    a = builder.tensor("a", (1, 8))
    b = layer(builder, a, (8, 8), "float32")
    found = summary(builder.io([a], [b]))
    assert found.macs is None
    assert "WHILE runs another graph an unknown number of times" in found.macs_reason
    assert found.metadata["subgraphs"] == ["main", "body"]
    assert found.parameters == 64
    assert {o.name: o.count for o in found.operators} == {"WHILE": 1, "FULLY_CONNECTED": 1}


def test_parameters_are_counted_once_and_shapes_not_at_all(builder, summary):
    x = builder.tensor("x", (1, 8))
    w = builder.tensor("w", (4, 8), data=True)
    builder.tensor("shared", (4, 8), buffer=1)
    builder.tensor("new shape", (2,), "int32", data=True)
    builder.tensor("coefficient", (), data=True)
    builder.tensor("bias", (4,), "int32", data=True, scale=(0.1,))
    found = summary(builder.operator("FULLY_CONNECTED", [x, w], [x]).io([x], [x]))
    assert found.parameters == 36
    assert found.parameter_bytes == 36 * 4


def test_signatures_and_description(builder, summary, num, vec):
    x = builder.tensor("x:0", (1, 8))
    builder.io([x], [x])
    names = [{0: "image", 1: num(("I", 0))}]
    builder.extra[7] = [{0: names, 1: names, 2: "serving_default", 4: num(("I", 0))}]
    builder.buffers.append({0: b"1.14.0\0\0"})
    builder.extra[6] = [{0: "min_runtime_version", 1: num(("I", 1))}]
    metadata = summary(builder).metadata
    assert metadata["description"] == "made by a test"
    assert metadata["min_runtime_version"] == "1.14.0"
    assert metadata["signatures"] == {
        "serving_default": {"subgraph": 0, "inputs": {"image": 0}, "outputs": {"image": 0}}
    }


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda b: b.tensor("w", (4, 8), data=True, bytes_stored=100), "needs 128 bytes and has"),
        (lambda b: b.tensor("w", (4, 8), buffer=7), "refers to weights that do not exist"),
        (lambda b: b.tensor("w", (4, -8)), "impossible shape"),
        (lambda b: b.tensor("w", (1,) * 40), "impossible shape"),
        (lambda b: b.operator("ADD", [5], [0]), "refers to tensor 5 of 1"),
        (lambda b: b.io([0], [-2]), "refers to tensor -2 of 1"),
    ],
)
def test_contradictions_are_errors(builder, summary, damage, sentence):
    builder.tensor("x", (1, 8))
    damage(builder)
    with pytest.raises(ModelError, match=sentence):
        summary(builder)


def test_a_model_without_graph(tmp_path, flat_writer, num):
    (tmp_path / "m").write_bytes(flat_writer.file({0: num(("I", 3))}))
    with pytest.raises(ModelError, match="it holds no graph"):
        summarise(tmp_path / "m")
    (tmp_path / "n").write_bytes(b"no model at all, but long enough")
    with pytest.raises(ModelError, match="not a TensorFlow Lite model"):
        summarise(tmp_path / "n")
    with pytest.raises(ModelError, match="cannot be read"):
        summarise(tmp_path / "none")


def test_names_in_sentences_cannot_steer_the_terminal(builder, summary):
    builder.tensor("\x1b[2J" + "n" * 500, (4, 8), buffer=7)
    with pytest.raises(ModelError) as caught:
        summary(builder)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 400
