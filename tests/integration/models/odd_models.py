"""Write a folder of odd models: each is a kind that was reported to break a tool like ours.

`write_odd_models(folder, tiny)` returns their paths. Some are right and rare (int4, Loop, scalars),
some are wrong (no outputs, missing weights), some are no models; the name of each says which.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
_ESCAPES = "\x1b]0;title\x07\x1b[2J\r\nedgeloop: all is well"
_MANY = 100 << 20  # bytes of the largest output

OnnxKind = Callable[[], onnx.ModelProto]
_ONNX: dict[str, OnnxKind] = {}


def _kind(function: OnnxKind) -> OnnxKind:
    _ONNX[function.__name__] = function
    return function


def _value(name: str, *shape: Any, dtype: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def _constant(name: str, array: np.ndarray[Any, Any]) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(array, name)


def _model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Sequence[onnx.TensorProto] = (),
    opset: int = 17,
    ir: int = 8,
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(constants))
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("odd", 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=ir)


def _one(operator: str, dtype: int = FLOAT, **more: Any) -> onnx.ModelProto:
    x, y = _value("x", 1, 4, dtype=dtype), _value("y", 1, 4, dtype=more.pop("to", dtype))
    return _model([helper.make_node(operator, ["x"], ["y"], **more)], [x], [y])


_WEIGHTS = np.arange(12, dtype=np.float32).reshape(4, 3)


@_kind
def weights_as_inputs() -> onnx.ModelProto:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    inputs = [_value("x", 1, 4), _value("w", 4, 3)]
    return _model([node], inputs, [_value("y", 1, 3)], [_constant("w", _WEIGHTS)], ir=3, opset=8)


@_kind
def int4_weights() -> onnx.ModelProto:
    weights = helper.make_tensor("w4", TensorProto.INT4, [4, 2], [1, -8, 7, 0, 3, -1, 2, 5])
    nodes = [
        helper.make_node("DequantizeLinear", ["w4", "scale"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    scale = _constant("scale", np.array(0.5, np.float32))
    return _model(
        nodes, [_value("x", 1, 4)], [_value("y", 1, 2)], [weights, scale], opset=21, ir=10
    )


@_kind
def loop_over_batches() -> onnx.ModelProto:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Add", ["v", "v"], ["w"]),
        ],
        "body",
        [_value("i", dtype=INT64), _value("go", dtype=TensorProto.BOOL), _value("v", 1, 4)],
        [_value("on", dtype=TensorProto.BOOL), _value("w", 1, 4)],
    )
    node = helper.make_node("Loop", ["n", "yes", "x"], ["y"], body=body)
    constants = [_constant("n", np.array(3)), _constant("yes", np.array(True))]
    return _model([node], [_value("x", 1, 4)], [_value("y", 1, 4)], constants)


@_kind
def if_with_two_shapes() -> onnx.ModelProto:
    nodes = [helper.make_node("Identity", ["x"], ["z"])]
    nodes.append(helper.make_node("Concat", ["x", "x"], ["z"], axis=1))
    branches = [helper.make_graph([one], "b", [], [_value("z", None, None)]) for one in nodes]
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Greater", ["s", "zero"], ["c"]),
        helper.make_node("If", ["c"], ["y"], then_branch=branches[0], else_branch=branches[1]),
    ]
    zero = _constant("zero", np.array(0, np.float32))
    return _model(nodes, [_value("x", 1, 4)], [_value("y", None, None)], [zero])


@_kind
def ir_of_the_future() -> onnx.ModelProto:
    model = _one("Relu")
    model.ir_version = 99
    return model


@_kind
def opset_of_the_future() -> onnx.ModelProto:
    model = _one("Relu")
    model.opset_import[0].version = 999
    return model


@_kind
def scalar_output() -> onnx.ModelProto:
    node = helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)
    return _model([node], [_value("x", 1, 4)], [_value("y")])


@_kind
def scalar_input() -> onnx.ModelProto:
    return _model([helper.make_node("Relu", ["x"], ["y"])], [_value("x")], [_value("y")])


@_kind
def zero_channels() -> onnx.ModelProto:
    node = helper.make_node("Relu", ["x"], ["y"])
    return _model([node], [_value("x", 1, 0, 8, 8)], [_value("y", 1, 0, 8, 8)])


@_kind
def eight_dimensions() -> onnx.ModelProto:
    shape = (1, 1, 2, 1, 2, 1, 1, 1)
    node = helper.make_node("Relu", ["x"], ["y"])
    return _model([node], [_value("x", *shape)], [_value("y", *shape)])


@_kind
def all_dimensions_open() -> onnx.ModelProto:
    node = helper.make_node("Relu", ["x"], ["y"])
    return _model([node], [_value("x", "a", "b", "c")], [_value("y", "a", "b", "c")])


@_kind
def no_shape_at_all() -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(name, FLOAT, None) for name in "xy"]
    return _model([helper.make_node("Relu", ["x"], ["y"])], values[:1], values[1:])


@_kind
def names_with_escapes() -> onnx.ModelProto:
    a, b = "x" + _ESCAPES, "y" + _ESCAPES
    node = helper.make_node("Relu", [a], [b], name=_ESCAPES)
    return _model([node], [_value(a, 1, 4)], [_value(b, 1, 4)])


@_kind
def names_with_colons_and_commas() -> onnx.ModelProto:
    a, b = "serving_default_x:0", "a=b, c@d [0]"
    return _model([helper.make_node("Relu", [a], [b])], [_value(a, 1, 4)], [_value(b, 1, 4)])


@_kind
def a_very_long_name() -> onnx.ModelProto:
    node = helper.make_node("Relu", ["x" * 70_000], ["y"])
    return _model([node], [_value("x" * 70_000, 1, 4)], [_value("y", 1, 4)])


@_kind
def input_is_output() -> onnx.ModelProto:
    return _model([], [_value("x", 1, 4)], [_value("x", 1, 4)])


@_kind
def unused_input() -> onnx.ModelProto:
    model = _one("Relu")
    model.graph.input.append(_value("unused", 1, 7))
    return model


@_kind
def no_inputs() -> onnx.ModelProto:
    node = helper.make_node("Identity", ["w"], ["y"])
    return _model([node], [], [_value("y", 4, 3)], [_constant("w", _WEIGHTS)])


@_kind
def no_outputs() -> onnx.ModelProto:
    return _model([helper.make_node("Relu", ["x"], ["y"])], [_value("x", 1, 4)], [])


@_kind
def empty_graph() -> onnx.ModelProto:
    return _model([], [], [])


@_kind
def the_same_input_twice() -> onnx.ModelProto:
    model = _one("Relu")
    model.graph.input.append(model.graph.input[0])
    return model


@_kind
def output_that_nothing_makes() -> onnx.ModelProto:
    model = _one("Relu")
    model.graph.output[0].name = "nothing"
    return model


@_kind
def rows_that_depend_on_the_data() -> onnx.ModelProto:
    node = helper.make_node("NonZero", ["x"], ["y"])
    return _model([node], [_value("x", 1, 4)], [_value("y", 2, "n", dtype=INT64)])


@_kind
def no_rows() -> onnx.ModelProto:
    ends = [_constant(name, np.array([value])) for name, value in (("a", 0), ("b", 0), ("c", 1))]
    node = helper.make_node("Slice", ["x", "a", "b", "c"], ["y"])
    return _model([node], [_value("x", 1, 4)], [_value("y", 1, 0)], ends)


@_kind
def texts() -> onnx.ModelProto:
    return _one("Identity", TensorProto.STRING)


@_kind
def truth_values() -> onnx.ModelProto:
    return _one("Not", TensorProto.BOOL)


@_kind
def half_precision() -> onnx.ModelProto:
    return _one("Relu", TensorProto.FLOAT16)


@_kind
def bfloat16() -> onnx.ModelProto:
    return _one("Cast", TensorProto.BFLOAT16, to=FLOAT)


@_kind
def unsigned_64_bits() -> onnx.ModelProto:
    return _one("Identity", TensorProto.UINT64)


@_kind
def doubles() -> onnx.ModelProto:
    return _one("Identity", TensorProto.DOUBLE)


@_kind
def complex_numbers() -> onnx.ModelProto:
    return _one("Identity", TensorProto.COMPLEX64)


@_kind
def a_sequence_as_output() -> onnx.ModelProto:
    node = helper.make_node("SequenceConstruct", ["x"], ["y"])
    output = helper.make_tensor_sequence_value_info("y", FLOAT, [1, 4])
    return _model([node], [_value("x", 1, 4)], [output])


@_kind
def a_map_as_output() -> onnx.ModelProto:
    node = helper.make_node(
        "ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2, 3]
    )
    tensor = helper.make_tensor_type_proto(FLOAT, [])
    kind = helper.make_sequence_type_proto(helper.make_map_type_proto(INT64, tensor))
    model = _model([node], [_value("x", 1, 4)], [helper.make_value_info("y", kind)])
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 2))
    return model


@_kind
def an_operator_of_nobody() -> onnx.ModelProto:
    return _one("Nope", domain="odd")


@_kind
def an_operator_of_no_domain() -> onnx.ModelProto:
    return _one("Relu", domain="not.imported")


@_kind
def random_values() -> onnx.ModelProto:
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["r"]),
        helper.make_node("Add", ["x", "r"], ["y"]),
    ]
    return _model(nodes, [_value("x", 1, 4)], [_value("y", 1, 4)])


@_kind
def nothing_but_nan() -> onnx.ModelProto:
    node = helper.make_node("Add", ["x", "w"], ["y"])
    nan = _constant("w", np.full((1, 4), np.nan, np.float32))
    return _model([node], [_value("x", 1, 4)], [_value("y", 1, 4)], [nan])


@_kind
def a_large_output() -> onnx.ModelProto:
    node = helper.make_node("Expand", ["x", "shape"], ["y"])
    n = _MANY // 16
    shape = _constant("shape", np.array([n, 4]))
    return _model([node], [_value("x", 1, 4)], [_value("y", n, 4)], [shape])


@_kind
def more_than_memory_holds() -> onnx.ModelProto:
    node = helper.make_node("Expand", ["x", "shape"], ["y"])
    shape = _constant("shape", np.array([1 << 40, 4]))
    return _model([node], [_value("x", 1, 4)], [_value("y", 1 << 40, 4)], [shape])


@_kind
def several_inputs_of_several_types() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("Mul", ["e", "mask"], ["y"]),
    ]
    inputs = [_value("ids", "n", 6, dtype=INT64), _value("mask", "n", 6, 1)]
    table = _constant("table", np.ones((50, 3), np.float32))
    return _model(nodes, inputs, [_value("y", "n", 6, 3)], [table])


@_kind
def indices_out_of_range() -> onnx.ModelProto:
    node = helper.make_node("Gather", ["table", "ids"], ["y"])
    table = _constant("table", np.ones((1, 3), np.float32))
    return _model([node], [_value("ids", 1, 4, dtype=INT64)], [_value("y", 1, 4, 3)], [table])


def _external(location: str) -> onnx.ModelProto:
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[4, 3])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "48")):
        tensor.external_data.add(key=key, value=value)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    return _model([node], [_value("x", 1, 4)], [_value("y", 1, 3)], [tensor])


@_kind
def weights_that_are_missing() -> onnx.ModelProto:
    return _external("missing.bin")


@_kind
def weights_of_another_folder() -> onnx.ModelProto:
    return _external("../secret.bin")


@_kind
def weights_without_an_end() -> onnx.ModelProto:
    return _external("/dev/zero")


def write_odd_models(folder: Path, tiny: Any) -> list[Path]:
    """Write all of them; `tiny` is the module that writes TFLite models."""
    paths = []
    for name, make in _ONNX.items():
        paths.append(folder / f"{name}.onnx")
        paths[-1].write_bytes(make().SerializeToString())
    paths += _tflite(folder, tiny)
    try:
        import torch
    except ImportError:
        pass
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated, and files of it go round
            paths += _torch(folder, torch)
    return paths + _no_models(folder)


def _tflite(folder: Path, tiny: Any) -> list[Path]:
    Tensor, Operator = tiny.TinyTensor, tiny.TinyOperator  # noqa: N806 (classes)
    quantised = [
        Tensor(name, "int8", (1, 4), scale=scale, zero_point=3) for name, scale in zip("xy", (0, 1))
    ]
    add = Operator(tiny.ADD, (0, 0), (1,))
    contents = {
        "two_functions": tiny.several_functions("encode", "decode"),
        "two_inputs": tiny.two_inputs(),
        "open_batch": tiny.open_batch(),
        "found_shape": tiny.found_shape(),
        "variables": tiny.remembering(),
        "open_picture": tiny.open_picture(),
        "open_output": tiny.open_output(),
        "texts": tiny.passed_through("string"),
        "complex_numbers": tiny.passed_through("complex64"),
        "truth_values": tiny.passed_through("bool"),
        "half_precision": tiny.passed_through("float16"),
        "unsigned_64_bits": tiny.passed_through("uint64"),
        "four_bits": tiny.passed_through("int4"),
        "unknown_operator": tiny.unknown_operator(),
        "half_weights": tiny.half_weights(),
        "a_scale_of_zero": tiny.model_bytes(quantised, [add], (0,), (1,)),
        "no_operators": tiny.model_bytes([Tensor("x", "float32", (1, 4))], [], (0,), (0,)),
        "no_inputs": tiny.model_bytes([Tensor("x", "float32", (1, 4))], [], (), (0,)),
        "no_outputs": tiny.model_bytes([Tensor("x", "float32", (1, 4))], [], (0,), ()),
        "names_with_escapes": tiny.model_bytes(
            [Tensor(_ESCAPES, "float32", (1, 4)), Tensor("y" + _ESCAPES, "float32", (1, 4))],
            [add], (0,), (1,),
        ),
        "zero_channels": tiny.model_bytes(
            [Tensor(name, "float32", (1, 0, 4)) for name in "xy"], [add], (0,), (1,)
        ),
        "scalars": tiny.model_bytes(
            [Tensor(name, "float32", ()) for name in "xy"], [add], (0,), (1,)
        ),
        "more_than_memory_holds": tiny.model_bytes(
            [Tensor(name, "float32", (1 << 30, 1 << 30)) for name in "xy"], [add], (0,), (1,)
        ),
    }  # fmt: skip
    paths = []
    for name, content in contents.items():
        paths.append(folder / f"{name}.tflite")
        paths[-1].write_bytes(content)
    return paths


def _torch(folder: Path, torch: Any) -> list[Path]:
    nn = torch.nn

    class Answers(nn.Module):  # type: ignore[misc]
        def __init__(self, kind: str) -> None:
            super().__init__()
            self.line, self.kind = nn.Linear(4, 3), kind

        def forward(self, x: Any) -> Any:
            y = self.line(x)
            return {
                "tuple": (y, (x + 1, x - 1)),
                "dict": {"b": y, "a": x},
                "scalar": y.sum(),
                "none": (y, None),
                "text": (y, "text"),
                "empty": y[:0],
            }[self.kind]

    x = torch.zeros(1, 4)
    paths = []

    def keep(name: str, write: Callable[[str], Any]) -> None:
        paths.append(folder / name)
        write(str(paths[-1]))

    for kind in ("tuple", "dict", "scalar", "empty"):
        module = Answers(kind).eval()
        keep(f"{kind}.pt", torch.jit.trace(module, x, strict=False).save)
        program = torch.export.export(module, (x,))
        keep(f"{kind}.pt2", lambda path, program=program: torch.export.save(program, path))
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        module = nn.Linear(4, 3).to(dtype).eval()
        keep(f"{str(dtype)[6:]}.pt", torch.jit.trace(module, x.to(dtype)).save)
    keep("nothing.pt", torch.jit.script(nn.Identity()).save)
    keep("weights.pth", lambda path: torch.save(nn.Linear(4, 3).state_dict(), path))
    keep("numbers.pt", lambda path: torch.save([1, 2, 3], path))
    keep("module.pt", lambda path: torch.save(nn.Linear(4, 3), path))
    return paths


def _no_models(folder: Path) -> list[Path]:
    onnx_model = _one("Relu").SerializeToString()
    contents = {
        "no_bytes.onnx": b"",
        "no_bytes.tflite": b"",
        "no_bytes.pt": b"",
        "cut_short.onnx": onnx_model[: len(onnx_model) // 2],
        "onnx_named.tflite": onnx_model,
        "onnx_named.pt": onnx_model,
        "a_page.onnx": b"<!DOCTYPE html><html><body>404</body></html>\n",
        "a_pointer.tflite": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "zeros.tflite": bytes(4096),
        "zeros.onnx": bytes(4096),
        "a_pickle.pt": b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.",
        "no_ending": onnx_model,
    }
    paths = [folder / name for name in contents]
    for path in paths:
        path.write_bytes(contents[path.name])
    with zipfile.ZipFile(folder / "a_zip.pt", "w") as archive:
        archive.writestr("../../outside.txt", "x")
    (folder / "a_folder.onnx").mkdir()
    return [*paths, folder / "a_zip.pt", folder / "a_folder.onnx", folder / "missing.onnx"]
