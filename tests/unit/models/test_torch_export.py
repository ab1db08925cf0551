"""The JSON of a torch.export program tells shapes, operators, parameters and MACs."""

from __future__ import annotations

import json
import zipfile

import pytest

from edgeloop.errors import ModelError
from edgeloop.models.torch_export import ExportFormatError, read_program
from edgeloop.models.torch_file import summarise

FLOAT, HALF, LONG, CHAR = 7, 6, 5, 2


def tensor(*sizes, dtype=FLOAT):
    def size(value):
        if isinstance(value, (int, float)):
            return {"as_int": value}
        return {"as_expr": {"expr_str": value, "hint": {"as_int": 2}}}

    return {"dtype": dtype, "sizes": [size(value) for value in sizes]}


def call(target, names, output, **flags):
    inputs = [{"name": f"a{i}", "arg": {"as_tensor": {"name": n}}} for i, n in enumerate(names)]
    inputs += [{"name": name, "arg": {"as_bool": value}} for name, value in flags.items()]
    inputs.append({"name": "stride", "arg": {"as_ints": [1, 1]}})
    outputs = [{"as_tensor": {"name": output}}]
    return {"target": f"torch.ops.{target}.default", "inputs": inputs, "outputs": outputs}


def program(nodes, tensors, inputs=("x",), outputs=("y",), parameters=("w",), buffers=()):
    specs = [
        {"parameter": {"arg": {"name": name}, "parameter_name": f"layer.{name}"}}
        for name in parameters
    ]
    specs += [{"buffer": {"arg": {"name": n}, "buffer_name": n}} for n in buffers]
    specs += [{"user_input": {"arg": {"as_tensor": {"name": n}}}} for n in inputs]
    specs += [{"user_input": {"arg": {"as_int": 3}}}, {"token": {"arg": {"name": "t"}}}]
    ends = [{"user_output": {"arg": {"as_tensor": {"name": n}}}} for n in outputs]
    return {
        "graph_module": {
            "graph": {"nodes": nodes, "tensor_values": tensors},
            "signature": {"input_specs": specs, "output_specs": ends},
        },
        "opset_version": {"aten": 10},
        "schema_version": {"major": 8, "minor": 20},
        "torch_version": "2.13.0",
    }


@pytest.fixture
def summary(tmp_path):
    def make(*args, member="m/models/model.json", **more):
        path = tmp_path / "m.pt2"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(member, json.dumps(program(*args, **more)))
        found = summarise(path)
        json.dumps(found.as_dict(), allow_nan=False)
        return found

    return make


@pytest.mark.parametrize(
    ("target", "names", "x", "w", "y", "flags", "macs"),
    [
        ("aten.conv2d", "xw", (1, 3, 8, 8), (4, 3, 3, 3), (1, 4, 6, 6), {}, 144 * 27),
        ("aten.conv1d", "xw", (1, 4, 8), (4, 1, 3), (1, 4, 6), {}, 24 * 3),
        ("aten.convolution", "xw", (1, 3, 8, 8), (4, 3, 3, 3), (1, 4, 6, 6), {}, 144 * 27),
        (
            "aten.convolution", "xw", (1, 3, 8, 8), (3, 4, 2, 2), (1, 4, 16, 16),
            {"transposed": True}, 192 * 16,
        ),
        ("aten.conv_transpose2d", "xw", (1, 3, 8, 8), (3, 4, 2, 2), (1, 4, 9, 9), {}, 192 * 16),
        ("aten.linear", "xw", (5, 7), (3, 7), (5, 3), {}, 105),
        ("aten.mm", "xw", (5, 7), (7, 3), (5, 3), {}, 105),
        ("aten.addmm", "bxw", (5, 7), (7, 3), (5, 3), {}, 105),
        ("aten.relu", "x", (5, 7), (7, 3), (5, 7), {}, 0),
    ],
)  # fmt: skip
def test_macs_follow_the_formula(summary, target, names, x, w, y, flags, macs):
    tensors = {"x": tensor(*x), "w": tensor(*w), "y": tensor(*y), "b": tensor(3)}
    found = summary([call(target, names, "y", **flags)], tensors)
    assert found.macs == macs
    assert [(o.name, o.count, o.custom, o.macs) for o in found.operators] == [
        (target, 1, False, macs)
    ]
    assert found.precision == "fp32"
    assert found.metadata["producer"] == "torch 2.13.0"
    assert [t.name for t in found.inputs] == ["x"]


def test_parameters_leave_buffers_out(summary):
    tensors = {"x": tensor(1, 7), "w": tensor(3, 7, dtype=HALF), "y": tensor(1, 3), "m": tensor(9)}
    found = summary([call("aten.linear", "xw", "y")], tensors, buffers=("m",))
    assert (found.parameters, found.parameter_bytes) == (21, 42)
    assert found.precision == "fp16"


@pytest.mark.parametrize("symbol", ["Symbol('s77', positive=True, integer=True)", "s77"])
def test_a_dynamic_batch_counts_as_one(summary, symbol):
    tensors = {"x": tensor(symbol, 7), "w": tensor(3, 7), "y": tensor(symbol, 3)}
    found = summary(
        [call("aten.linear", "xw", "y")], tensors, member="serialized_exported_program.json"
    )
    assert found.macs == 21
    assert found.inputs[0].shape == (None, 7)
    assert found.inputs[0].dim_names == ("s77", None)
    assert found.notes == ("the dynamic first dimension (s77) is counted as 1",)


def test_an_expression_leaves_no_total(summary):
    tensors = {"x": tensor("s77", 7), "w": tensor(3, 7), "y": tensor("2*s77", 3)}
    found = summary([call("aten.linear", "xw", "y")], tensors)
    assert found.macs is None
    assert "tensor 'y', whose shape is dynamic" in found.macs_reason


def test_quantised_pairs(summary):
    tensors = {
        "x": tensor(1, 7, dtype=CHAR), "w": tensor(3, 7, dtype=CHAR), "y": tensor(1, 3),
        "d": tensor(1, 7), "e": tensor(3, 7), "t": tensor(7, 3),
    }  # fmt: skip
    decode = "quantized_decomposed.dequantize_per_tensor"
    nodes = [call(decode, "x", "d"), call(decode, "w", "e"), call("aten.t", "e", "t")]
    found = summary([*nodes, call("aten.mm", "dt", "y")], tensors)
    assert found.precision == "int8"


@pytest.mark.parametrize(
    ("target", "reason", "custom"),
    [
        ("aten.lstm", "multiplies inside and is not counted", False),
        ("aten.scaled_dot_product_attention", "multiplies inside", False),
        ("mine.fancy", "the operator mine.fancy cannot be inspected", True),
    ],
)
def test_what_cannot_be_seen_leaves_no_total(summary, target, reason, custom):
    tensors = {"x": tensor(1, 7), "w": tensor(3, 7), "y": tensor(1, 3)}
    found = summary([call(target, "xw", "y")], tensors)
    assert found.macs is None
    assert reason in found.macs_reason
    assert found.custom_operators == ((target,) if custom else ())


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["graph_module"]["graph"].update(tensor_values={"x": tensor(1e999)}),
        lambda d: d.pop("graph_module"),
        lambda d: d["graph_module"].update(graph=None),
        lambda d: d["graph_module"]["graph"].update(nodes=[1]),
        lambda d: d["graph_module"]["graph"].update(tensor_values={"x": {"dtype": []}}),
        lambda d: d["graph_module"]["signature"].update(input_specs=[{}]),
        lambda d: d.update(opset_version=3),
        lambda d: d.update(schema_version=3),
    ],
)
def test_another_structure_is_an_error(change):
    document = program([], {})
    change(document)
    with pytest.raises(ExportFormatError, match="unknown structure"):
        read_program(json.dumps(document).encode())


def test_a_tensor_that_is_not_described(summary):
    tensors = {"x": tensor(1, 7), "y": tensor(1, 3, dtype=99)}
    found = summary([call("aten.linear", "xw", "y")], tensors)
    assert found.macs is None
    assert found.parameters == 0
    assert found.outputs[0].dtype == "type 99"


def test_damaged_programs_end_in_a_summary_or_a_sentence(tmp_path, mutations):
    """The archive's own check sum does not help against a program that was written like that."""
    tensors = {"x": tensor("s77", 7), "w": tensor(3, 7), "y": tensor("s77", 3), "z": tensor(1, 3)}
    nodes = [call("aten.linear", "xw", "y"), call("aten.relu", "y", "z")]
    content = json.dumps(program(nodes, tensors, outputs=("z",))).encode()
    summaries, errors = 0, []
    for data in mutations(content, 300, 7):
        with zipfile.ZipFile(tmp_path / "m", "w") as archive:
            archive.writestr("m/models/model.json", data)
        try:
            json.dumps(summarise(tmp_path / "m").as_dict(), allow_nan=False)
            summaries += 1
        except ModelError as error:
            errors.append(str(error))
    assert summaries > 0
    assert all(error.isprintable() for error in errors)
