"""LiteRT: the native engine against the CompiledModel of the ai-edge-litert package."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from edgeloop import _core
from edgeloop.errors import ModelError, NotAvailableError, RuntimeFailedError, UsageError
from edgeloop.runtimes import runtime
from edgeloop.runtimes._tflite_tensors import declared_tensors
from edgeloop.spec.load import LoadOptions, TensorSpec

RUNTIME = runtime("litert")
try:
    INSTALLATION = RUNTIME.find()
except NotAvailableError as error:
    pytest.skip(str(error), allow_module_level=True)

DATA = Path(__file__).parents[3] / "shared" / "data"
DEMO = Path(__file__).parents[2] / "python" / "edgeloop" / "demo" / "assets"
REAL = sorted(path for path in DATA.glob("*/*.tflite") if "edgetpu" not in path.name)
MODELS = [*REAL, *sorted(DEMO.glob("*.tflite"))] or [
    pytest.param(None, marks=pytest.mark.skip(reason=f"no .tflite files below {DATA} and {DEMO}"))
]
CLOCK = 4  # CLOCK_MONOTONIC_RAW


@pytest.fixture(scope="module")
def tiny():
    """The module that writes tiny models."""
    pytest.importorskip("flatbuffers", reason="pip install flatbuffers: models made on the fly")
    path = Path(__file__).parent / "models" / "tiny_tflite.py"
    spec = spec_from_file_location("tiny_tflite", path)
    module = module_from_spec(spec)
    sys.modules["tiny_tflite"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def write(tmp_path):
    def write(content, name="model.tflite"):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write


def shared(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path


def load(model, **options):
    return RUNTIME.load_engine(LoadOptions(str(model), **options), None)


def load_framework(model, **options):
    return RUNTIME.load_framework(LoadOptions(str(model), **options))


def random_inputs(specs, seed=0):
    generator = np.random.default_rng(seed)
    arrays = []
    for spec in specs:
        if spec.dtype.startswith("float"):
            arrays.append((generator.standard_normal(spec.shape) * 50).astype(spec.dtype))
        else:
            arrays.append(generator.integers(0, 2 if spec.dtype == "bool" else 100, spec.shape))
            arrays[-1] = arrays[-1].astype(spec.dtype)
    return arrays


def run_engine(engine, arrays):
    for tensor, array in zip(engine.inputs(), arrays):
        np.asarray(tensor)[...] = array
    engine.run()
    return [np.array(tensor) for tensor in engine.outputs()]


def assert_all_loops_agree(model, **options):
    engine = load(model, **options)
    framework = load_framework(model, **options)
    assert [TensorSpec.of(tensor) for tensor in engine.inputs()] == list(framework.inputs)
    for seed in range(3):
        arrays = random_inputs(framework.inputs, seed)
        framework.set_inputs(arrays)
        framework.invoke()
        invoked = framework.outputs()
        framework.invoke_io()
        for native, first, second in zip(run_engine(engine, arrays), invoked, framework.outputs()):
            assert native.dtype == first.dtype == second.dtype
            np.testing.assert_array_equal(native, first)
            np.testing.assert_array_equal(native, second)
    return engine


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path and path.stem)
@pytest.mark.parametrize("delegates", [("xnnpack",), ()], ids=["xnnpack", "builtin"])
@pytest.mark.parametrize("threads", [1, 2])
def test_real_models_agree_exactly(model, delegates, threads):
    engine = assert_all_loops_agree(model, delegates=delegates, threads=threads)
    owners = {part.owner for part in engine.placement()}
    assert ("TfLiteXNNPackDelegate" in owners) == bool(delegates)


def test_the_detector_finds_what_it_found():
    model = shared("coco_ssd/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite")
    photos = np.load(shared("coco_ssd/ssd_photos_uint8_nhwc_300.npz"))["x_data"]
    expected = np.load(shared("coco_ssd/ssd_photos_expected_outputs.npz"))
    engine = load(model)
    assert [tensor.shape for tensor in engine.outputs()] == [(1, 10, 4), (1, 10), (1, 10), (1,)]
    for number, photo in enumerate(photos):
        _, classes, scores, count = run_engine(engine, [photo[None]])
        assert count == expected["count"][number]
        # Kernels differ by CPU: only the sure detections are compared.
        sure = expected["scores"][number] > 0.5
        np.testing.assert_array_equal(classes[0][sure], expected["classes"][number][sure])
        np.testing.assert_allclose(scores[0][sure], expected["scores"][number][sure], atol=0.05)


def test_a_block_of_runs_gives_the_same_output():
    model = shared("toycar_autoencoder/ad01_int8.tflite")
    engine = load(model)
    before = run_engine(engine, random_inputs(engine.inputs()))
    _core.run_block(engine, _core.Samples(1000), 1000, 1, CLOCK)
    for first, last in zip(before, engine.outputs()):
        np.testing.assert_array_equal(first, np.asarray(last))


def test_quantisation_is_described():
    engine = load(shared("toycar_autoencoder/ad01_int8.tflite"))
    (given,), (taken,) = engine.inputs(), engine.outputs()
    assert given.quantization.scales == pytest.approx([0.391015], rel=1e-5)
    assert given.quantization.zero_points == [89]
    assert taken.quantization.scales == pytest.approx([0.364498], rel=1e-5)
    assert taken.quantization.zero_points == [96]


def test_a_model_for_the_edge_tpu_is_refused():
    model = shared("imagenet_mobilenet/mobilenet_v2_1.0_224_quant_edgetpu.tflite")
    for load_it in (load, load_framework):
        with pytest.raises(ModelError, match=r"unresolved custom op.*edgetpu-custom-op"):
            load_it(model)


def test_several_inputs_and_outputs(tiny, write):
    engine = assert_all_loops_agree(write(tiny.two_inputs()))
    assert [tensor.name for tensor in engine.inputs()] == ["a", "b"]
    assert [tensor.name for tensor in engine.outputs()] == ["sum", "product"]
    total, product = run_engine(engine, [np.full((2, 3), 3.0), np.full((2, 3), 4.0)])
    np.testing.assert_array_equal(total, 7)
    np.testing.assert_array_equal(product, 12)
    (partition,) = engine.placement()
    assert (partition.owner, partition.nodes) == ("TfLiteXNNPackDelegate", 2)


@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32",
     "float64"],
)  # fmt: skip
def test_every_dtype_passes_through(tiny, write, dtype):
    model = write(tiny.passed_through(dtype))
    engine = load(model)
    (array,) = random_inputs(engine.inputs())
    (result,) = run_engine(engine, [array])
    assert result.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(result, array)
    framework = load_framework(model)
    framework.set_inputs([array])
    framework.invoke()
    np.testing.assert_array_equal(framework.outputs()[0], array)


@pytest.mark.parametrize("dtype", ["string", "complex64", "int4"])
def test_other_dtypes_are_refused_by_name(tiny, write, dtype):
    model = write(tiny.passed_through(dtype))
    for load_it in (load, load_framework):
        with pytest.raises(ModelError, match=f"'x' holds {dtype}"):
            load_it(model)


def test_shapes_are_fixed(tiny, write):
    model = write(tiny.open_batch())
    assert load(model).inputs()[0].shape == (1, 4)
    for options in ({"batch_size": 3}, {"shapes": {"x": [3, 4]}}, {"shapes": {"": [3, 4]}}):
        engine = assert_all_loops_agree(model, **options)
        assert engine.inputs()[0].shape == engine.outputs()[0].shape == (3, 4)
    two = write(tiny.two_inputs(), "two.tflite")
    assert assert_all_loops_agree(two, batch_size=5).outputs()[0].shape == (5, 3)
    wrong = [
        (model, {"shapes": {"q": [1, 4]}}, "no such input"),
        (model, {"shapes": {"x": [4]}}, "has 1 dimensions"),
        (two, {"shapes": {"": [1, 4]}}, "names no input"),
    ]
    for path, options, words in wrong:
        for load_it in (load, load_framework):
            with pytest.raises(UsageError, match=words):
                load_it(path, **options)


def test_a_batch_size_that_the_model_cannot_take():
    model = shared("imagenet_mobilenet/mobilenet_v2_1.0_224_quant.tflite")
    for load_it in (load, load_framework):
        with pytest.raises(ModelError, match="batch size or shapes that were asked for"):
            load_it(model, batch_size=2)


def test_an_output_whose_shape_is_found_in_the_run_is_refused(tiny, write):
    with pytest.raises(ModelError, match=r"outputs of open shape \('places'\)"):
        load(write(tiny.found_shape()))


def test_an_operator_that_the_runtime_lacks(tiny, write):
    model = write(tiny.unknown_operator())
    for load_it in (load, load_framework):
        with pytest.raises(ModelError, match="NoSuchOperator"):
            load_it(model)


def test_bad_model_files(tiny, write, tmp_path):
    whole = tiny.two_inputs()
    paths = [str(tmp_path / "missing.tflite")]
    for name, content in {
        "empty": b"",
        "text": b"this is no model\n",
        "truncated": whole[: len(whole) // 2],
        "headless": bytes(100) + whole[100:],
    }.items():
        paths.append(write(content, f"{name}.tflite"))
    for path in paths:
        with pytest.raises(ModelError, match=Path(path).name):
            load(path)


def test_damaged_files_do_not_crash():
    """In a process of its own: LiteRT crashes on files that it does not verify."""
    model = shared("toycar_autoencoder/ad01_int8.tflite")
    program = f"""
import numpy as np, os, tempfile
from edgeloop.errors import EdgeloopError
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LoadOptions
whole = open({str(model)!r}, "rb").read()
refused = 0
for seed in range(60):
    generator = np.random.default_rng(seed)
    content = bytearray(whole)
    if seed % 2:
        content = content[: int(generator.integers(0, len(content)))]
    else:
        for place in generator.integers(0, 4000, 10):
            content[place] = int(generator.integers(0, 256))
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(content)
        file.flush()
        try:
            runtime("litert").load_engine(LoadOptions(file.name), None).run()
        except EdgeloopError:
            refused += 1
print(refused)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) >= 30  # every truncated one at least


def test_a_failing_run_says_so(write):
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers = pytest.importorskip("flatbuffers")
    tensors = []
    for name, kind, shape in (
        ("table", schema.TensorType.FLOAT32, [3]),
        ("places", schema.TensorType.INT32, [2]),
        ("found", schema.TensorType.FLOAT32, [2]),
    ):
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.shape, tensor.buffer = name, kind, shape, 0
        tensors.append(tensor)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.GATHER
    code.version = 1
    gather = schema.OperatorT()
    gather.opcodeIndex, gather.inputs, gather.outputs = 0, [0, 1], [2]
    gather.builtinOptionsType = schema.BuiltinOptions.GatherOptions
    gather.builtinOptions = schema.GatherOptionsT()
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = tensors, [gather], [0, 1], [2]
    model = schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], [code]
    model.buffers = [schema.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    engine = load(write(bytes(builder.Output())), delegates=())
    np.asarray(engine.inputs()[0])[...] = [1, 2, 3]
    np.asarray(engine.inputs()[1])[...] = 99
    with pytest.raises(RuntimeFailedError, match="status is 3"):
        engine.run()
    np.asarray(engine.inputs()[1])[...] = 2
    engine.run()
    np.testing.assert_array_equal(np.asarray(engine.outputs()[0]), [3, 3])


def test_wrong_libraries(tiny, write, tmp_path):
    model = write(tiny.two_inputs())
    text = tmp_path / "libtext.so"
    text.write_text("no library")
    for library, words in (
        (str(tmp_path / "gone.so"), "no such file"),
        (str(text), "cannot load the library"),
        (_core.__file__, "has no symbol LiteRt"),
    ):
        with pytest.raises(NotAvailableError, match=words):
            load(model, library=library)
    with pytest.raises(UsageError, match="is not the one of the ai-edge-litert package"):
        load_framework(model, library=_core.__file__)
    with pytest.raises(UsageError, match="no settings"):
        load(model, settings={"a": "b"})


def test_buffers_are_aligned_and_stay(tiny, write):
    engine = load(write(tiny.two_inputs()))

    def addresses():
        tensors = [*engine.inputs(), *engine.outputs()]
        return [np.asarray(tensor).ctypes.data for tensor in tensors]

    before = addresses()
    assert all(address % 64 == 0 for address in before)
    for _ in range(3):
        engine.run()
    assert addresses() == before


def test_the_package_is_found_without_importing_it():
    program = (
        "import sys; from edgeloop.runtimes import runtime;"
        "found = runtime('litert').find();"
        "assert 'ai_edge_litert' not in sys.modules; print(found.version)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == INSTALLATION.version


def test_version_and_two_engines_at_once(tiny, write):
    one, two = load(write(tiny.open_batch())), load(write(tiny.two_inputs(), "two.tflite"))
    assert one.runtime_version() == INSTALLATION.version
    np.testing.assert_array_equal(run_engine(two, [np.ones((2, 3)), np.ones((2, 3))])[0], 2)
    del two
    np.testing.assert_array_equal(run_engine(one, [np.ones((1, 4))])[0], 2)


def test_the_file_tells_what_the_python_api_does_not(tiny, write):
    (given,), (taken,) = declared_tensors(write(tiny.open_batch()))
    assert (given.name, given.dtype, given.shape, given.scales) == ("x", "float32", (None, 4), ())
    assert taken.name == "y"
    with pytest.raises(ModelError):
        declared_tensors(write(tiny.open_batch()[:60], "cut.tflite"))
    with pytest.raises(ModelError, match="no TFL3"):
        declared_tensors(write(b"text that is no model", "text.tflite"))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_exactly_the_threads_that_were_asked_for(threads):
    """With XNNPACK: LiteRT's own kernels run on one thread, whatever it is told."""
    model = shared("cifar10_resnet/pretrainedResnet.tflite")
    program = (
        "import os, numpy; from edgeloop.runtimes import runtime;"
        "from edgeloop.runtimes.protocol import LoadOptions;"
        "count = lambda: len(os.listdir('/proc/self/task')); before = count();"
        f"options = LoadOptions({str(model)!r}, threads={threads});"
        "e = runtime('litert').load_engine(options, None); e.run(); print(count() - before)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    ).stdout
    assert int(printed) == threads - 1


def test_loading_again_and_again_does_not_leak(tiny, write):
    def resident_kib():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4

    model = write(tiny.two_inputs())
    for _ in range(50):
        load(model).run()
    before = resident_kib()
    for _ in range(200):
        load(model).run()
    assert resident_kib() - before < 2000  # a leak of one environment is more than 10 KiB
