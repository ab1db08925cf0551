"""ONNX Runtime: the native engine against the framework's own Python API."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeloop import _core
from edgeloop.errors import ModelError, NotAvailableError, UsageError
from edgeloop.runtimes import runtime
from edgeloop.runtimes._onnx_dimensions import declared_inputs, free_dimensions
from edgeloop.spec.load import LoadOptions

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
onnx = pytest.importorskip("onnx", reason="pip install onnx: the models are made on the fly")

RUNTIME = runtime("onnxruntime")
DATA = Path(__file__).parents[3] / "shared" / "data"
MODELS = sorted(DATA.glob("*/*.onnx")) or [
    pytest.param(None, marks=pytest.mark.skip(reason=f"there are no .onnx files below {DATA}"))
]
CLOCK = 4  # CLOCK_MONOTONIC_RAW


def make_model(path, nodes, inputs, outputs, initializers=(), ir_version=8):
    """Write a model; inputs and outputs are (name, element type, shape)."""
    helper = onnx.helper
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        list(initializers),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = ir_version
    path.write_bytes(model.SerializeToString())
    return str(path)


def node(kind, inputs, outputs, **attributes):
    return onnx.helper.make_node(kind, inputs, outputs, **attributes)


FLOAT = 1  # onnx.TensorProto.FLOAT


@pytest.fixture
def relu(tmp_path):
    """y = relu(x), of an open, named batch size."""
    values = [("x", FLOAT, ["batch", 3])], [("y", FLOAT, ["other", 3])]
    return make_model(tmp_path / "relu.onnx", [node("Relu", ["x"], ["y"])], *values)


@pytest.fixture
def nonzero(tmp_path):
    """z = the places of x that are not 0: its shape depends on the data; dimensions nameless."""
    values = [("x", FLOAT, [None, 4])], [("y", FLOAT, [None, 4]), ("z", 7, [2, None])]
    nodes = [node("Relu", ["x"], ["y"]), node("NonZero", ["x"], ["z"])]
    return make_model(tmp_path / "nonzero.onnx", nodes, *values)


def load(model, **options):
    return RUNTIME.load_engine(LoadOptions(str(model), **options), None)


def load_framework(model, **options):
    return RUNTIME.load_framework(LoadOptions(str(model), **options))


def random_inputs(specs, seed=0):
    generator = np.random.default_rng(seed)
    return [
        generator.standard_normal(spec.shape).astype(spec.dtype)
        if spec.dtype.startswith("float")
        else generator.integers(0, 2 if spec.dtype == "bool" else 100, spec.shape).astype(
            spec.dtype
        )
        for spec in specs
    ]


def run_engine(engine, arrays):
    for tensor, array in zip(engine.inputs(), arrays):
        np.asarray(tensor)[...] = array
    engine.run()
    return [np.array(tensor) for tensor in engine.outputs()]


def assert_all_loops_agree(model, **options):
    engine = load(model, **options)
    framework = load_framework(model, **options)
    for seed in range(3):
        arrays = random_inputs(framework.inputs, seed)
        framework.set_inputs(arrays)
        framework.invoke()
        bound = framework.outputs()
        framework.invoke_io()
        for native, first, second in zip(run_engine(engine, arrays), bound, framework.outputs()):
            assert native.dtype == first.dtype == second.dtype
            np.testing.assert_array_equal(native, first)
            np.testing.assert_array_equal(native, second)
    return engine


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path and path.stem)
@pytest.mark.parametrize("threads", [1, 2])
def test_real_models_agree_exactly(model, threads):
    assert_all_loops_agree(model, threads=threads)


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path and path.stem)
def test_block_of_runs_gives_the_same_output(model):
    engine = load(model)
    before = run_engine(engine, random_inputs(engine.inputs()))
    samples = _core.Samples(20)
    per_sample = (
        50 if "ad01" in model.stem else 1
    )  # 1000 runs of 20 us; the others take 100 times that
    _core.run_block(engine, samples, 20 * per_sample, per_sample, CLOCK)
    for first, last in zip(before, engine.outputs()):
        np.testing.assert_array_equal(first, np.asarray(last))


@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "float16",
        "float32",
        "float64",
    ],
)
def test_every_dtype(tmp_path, dtype):
    element = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    model = make_model(
        tmp_path / "m.onnx",
        [node("Identity", ["x"], ["y"])],
        [("x", element, [2, 3])],
        [("y", element, [2, 3])],
    )
    engine = assert_all_loops_agree(model)
    assert engine.inputs()[0].dtype == engine.outputs()[0].dtype == dtype


@pytest.mark.parametrize("name", ["BFLOAT16", "STRING", "INT4", "FLOAT8E4M3FN"])
@pytest.mark.parametrize("loader", ["engine", "framework"])
def test_other_dtypes_are_refused_by_name(tmp_path, name, loader):
    element = getattr(onnx.TensorProto, name)
    model = make_model(
        tmp_path / "m.onnx",
        [node("Cast", ["pixels"], ["y"], to=element)],
        [("pixels", FLOAT, [1, 4])],
        [("y", element, [1, 4])],
        ir_version=10,
    )
    load_it = load if loader == "engine" else load_framework
    with pytest.raises(ModelError, match="output 'y'") as caught:
        load_it(model)
    assert name.lower() in str(caught.value).lower()


def test_a_sequence_is_refused_by_name(tmp_path):
    helper = onnx.helper
    sequence = helper.make_tensor_sequence_value_info("parts", FLOAT, None)
    graph = helper.make_graph(
        [node("SplitToSequence", ["x"], ["parts"])],
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, [2, 2])],
        [sequence],
    )
    path = tmp_path / "m.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    for load_it in (load, load_framework):
        with pytest.raises(ModelError, match=r"'parts' is not a tensor.*'zipmap': False"):
            load_it(path)


def test_an_open_dimension_may_have_any_name(tmp_path):
    """One that holds line feeds, "=" and what steers a terminal; and its outputs have names."""
    name = "N\x1b[2J\r\n=2\n"
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node("Relu", ["x"], ["y"])],
        "g",
        [value("x", FLOAT, [name, 4])],
        [value("y", FLOAT, [name, 4])],
    )
    path = tmp_path / "m.onnx"
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    path.write_bytes(model.SerializeToString())
    assert [tensor.name for tensor in load(path).outputs()] == ["y"]
    assert [spec.name for spec in load_framework(path).output_specs] == ["y"]


def test_a_refusal_is_one_line(tmp_path):
    graph = onnx.helper.make_graph(
        [node("Relu", ["not\nthere\x1b[2J"], ["y"])],
        "g",
        [onnx.helper.make_tensor_value_info("x", FLOAT, [1])],
        [onnx.helper.make_tensor_value_info("y", FLOAT, [1])],
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx.helper.make_model(graph, ir_version=8).SerializeToString())
    for load_it in (load, load_framework):
        with pytest.raises(ModelError) as caught:
            load_it(path)
        assert str(caught.value).isprintable()


def test_several_inputs_and_outputs_and_a_scalar(tmp_path):
    model = make_model(
        tmp_path / "m.onnx",
        [
            node("Add", ["a", "b"], ["sum"]),
            node("Mul", ["a", "b"], ["product"]),
            node("ReduceSum", ["a"], ["total"], keepdims=0),
        ],
        [("a", FLOAT, [2, 3]), ("b", FLOAT, [])],
        [("sum", FLOAT, [2, 3]), ("product", FLOAT, [2, 3]), ("total", FLOAT, [])],
    )
    engine = assert_all_loops_agree(model)
    assert [tensor.name for tensor in engine.inputs()] == ["a", "b"]
    assert [tensor.shape for tensor in engine.outputs()] == [(2, 3), (2, 3), ()]


def test_a_named_dimension_fixes_the_outputs(relu):
    assert load(relu).outputs()[0].shape == (1, 3)
    assert load(relu, batch_size=4).outputs()[0].shape == (4, 3)
    assert load(relu, shapes={"x": [5, 3]}).outputs()[0].shape == (5, 3)
    assert_all_loops_agree(relu, shapes={"": [2, 3]})


def test_buffers_are_aligned_and_stay(relu):
    engine = load(relu, batch_size=7)

    def addresses():
        tensors = [*engine.inputs(), *engine.outputs()]
        return [np.asarray(tensor).ctypes.data for tensor in tensors]

    before = addresses()
    assert all(address % 64 == 0 for address in before)
    for _ in range(3):
        engine.run()
    assert addresses() == before


def test_an_open_output_is_described_after_each_run(nonzero):
    engine = load(nonzero, batch_size=2)
    assert [tensor.shape for tensor in engine.outputs()] == [(0, 4), (2, 0)]
    x = np.array([[0, 1, 0, 2], [0, 0, 0, 3]], np.float32)
    _, places = run_engine(engine, [x])
    np.testing.assert_array_equal(places, np.array(np.nonzero(x)))
    _, places = run_engine(engine, [np.ones((2, 4), np.float32)])
    assert places.shape == (2, 8)
    assert_all_loops_agree(nonzero, batch_size=2)


def test_shapes_that_the_model_cannot_take(relu, nonzero, tmp_path):
    fixed = make_model(
        tmp_path / "fixed.onnx",
        [node("Relu", ["x"], ["y"])],
        [("x", FLOAT, [1, 3])],
        [("y", FLOAT, [1, 3])],
    )
    two = make_model(
        tmp_path / "two.onnx",
        [node("Add", ["a", "b"], ["y"])],
        [("a", FLOAT, ["n", "m"]), ("b", FLOAT, ["n", "m"])],
        [("y", FLOAT, ["n", "m"])],
    )
    wrong = [
        (fixed, {"batch_size": 2}, "fixes its input 'x' to 1x3"),
        (relu, {"shapes": {"q": [1, 3]}}, "no such input"),
        (relu, {"shapes": {"x": [1, 3, 1]}}, "has 3 dimensions"),
        (two, {"shapes": {"": [1, 3]}}, "names no input"),
        (two, {"shapes": {"a": [1, 3], "b": [2, 3]}}, "which must be equal"),
        (two, {}, "leaves the shape of input 'a' open"),
    ]
    for model, options, words in wrong:
        for load_it in (load, load_framework):
            with pytest.raises(UsageError, match=words):
                load_it(model, **options)
    assert load(two, shapes={"a": [2, 3]}).inputs()[1].shape == (2, 3)


def test_free_dimensions_are_read_from_the_file(tmp_path, relu):
    assert declared_inputs(relu) == {"x": ("batch", 3)}
    weight = onnx.numpy_helper.from_array(np.ones((3, 3), np.float32), "w")
    old = make_model(
        tmp_path / "old.onnx",
        [node("MatMul", ["x", "w"], ["y"])],
        [("x", FLOAT, ["n", 3]), ("w", FLOAT, [3, 3])],
        [("y", FLOAT, ["n", 3])],
        [weight],
        ir_version=3,
    )
    assert declared_inputs(old) == {"x": ("n", 3)}
    assert free_dimensions(declared_inputs(old), LoadOptions(old)) == {"n": 1}
    assert_all_loops_agree(old, shapes={"": [2, 3]})
    for content in (b"", b"text", b"\x08\xff" * 50, Path(relu).read_bytes()[:-9]):
        path = tmp_path / "bad.onnx"
        path.write_bytes(content)
        assert declared_inputs(str(path)) == {}


def test_settings(relu):
    for settings in (
        {"intra-op-spinning": "0"},
        {"graph-optimization": "disable", "intra-op-spinning": "1"},
        {"graph-optimization": "extended"},
    ):
        assert_all_loops_agree(relu, settings=settings, threads=2)
    for settings in ({"intra-op-spinning": "2"}, {"graph-optimization": "most"}, {"x": "1"}):
        with pytest.raises(UsageError):
            load(relu, settings=settings)
        with pytest.raises(UsageError):
            load_framework(relu, settings=settings)


def test_bad_model_files(tmp_path, relu):
    whole = Path(relu).read_bytes()
    contents = {
        "empty": b"",
        "text": b"this is no model\n",
        "truncated": whole[: len(whole) // 2],
        "zeros": bytes(1000),
    }
    paths = [tmp_path / "missing.onnx"]
    for name, content in contents.items():
        paths.append(tmp_path / f"{name}.onnx")
        paths[-1].write_bytes(content)
    for path in paths:
        with pytest.raises(ModelError, match=path.name):
            load(path)
        with pytest.raises(ModelError, match=path.name):
            load_framework(path)


def test_an_operator_that_the_runtime_lacks(tmp_path):
    model = make_model(
        tmp_path / "m.onnx",
        [onnx.helper.make_node("Frobnicate", ["x"], ["y"])],
        [("x", FLOAT, [1])],
        [("y", FLOAT, [1])],
    )
    with pytest.raises(ModelError, match="Frobnicate"):
        load(model)
    with pytest.raises(ModelError, match="Frobnicate"):
        load_framework(model)


def test_a_failing_run_speaks_the_runtimes_words(tmp_path):
    model = make_model(
        tmp_path / "m.onnx",
        [node("Gather", ["table", "i"], ["y"])],
        [("i", 7, [2])],
        [("y", FLOAT, [2])],
        [onnx.numpy_helper.from_array(np.ones(3, np.float32), "table")],
    )
    engine = load(model)
    np.asarray(engine.inputs()[0])[...] = 99
    with pytest.raises(Exception, match="Gather"):
        engine.run()
    np.asarray(engine.inputs()[0])[...] = 1
    engine.run()


def test_wrong_libraries(relu, tmp_path):
    text = tmp_path / "libtext.so"
    text.write_text("no library")
    for library, words in (
        (str(tmp_path / "gone.so"), "no such file"),
        (str(text), "cannot load the library"),
        (_core.__file__, "has no symbol OrtGetApiBase"),
    ):
        with pytest.raises(NotAvailableError, match=words):
            load(relu, library=library)


def test_the_package_is_found_without_importing_it():
    program = (
        "import sys; from edgeloop.runtimes import runtime;"
        "found = runtime('onnxruntime').find();"
        "assert 'onnxruntime' not in sys.modules; print(found.version)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == RUNTIME.find().version


def test_version_and_two_engines_at_once(relu):
    one, two = load(relu), load(relu, batch_size=2)
    assert one.runtime_version() == RUNTIME.find().version
    np.testing.assert_array_equal(run_engine(two, [-np.ones((2, 3), np.float32)])[0], 0)
    del two
    np.testing.assert_array_equal(run_engine(one, [np.ones((1, 3), np.float32)])[0], 1)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_exactly_the_threads_that_were_asked_for(relu, threads):
    program = (
        "import os, sys, numpy; from edgeloop.runtimes import runtime;"
        "from edgeloop.runtimes.protocol import LoadOptions;"
        "count = lambda: len(os.listdir('/proc/self/task')); before = count();"
        f"e = runtime('onnxruntime').load_engine(LoadOptions({relu!r}, threads={threads}), None);"
        "e.run(); print(count() - before)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert int(printed) == threads - 1


def test_loading_again_and_again_does_not_leak(relu):
    def resident_kib():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4

    for _ in range(50):
        load(relu).run()
    before = resident_kib()
    for _ in range(200):
        load(relu).run()
    assert resident_kib() - before < 2000  # a session of this model takes about 100 KiB
