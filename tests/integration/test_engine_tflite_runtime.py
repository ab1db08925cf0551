"""tflite-runtime: the native loop attached to the very interpreter of the Python object.

Needs an environment with tflite-runtime (Python 3.11 or older, numpy < 2) and flatbuffers.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from edgeloop import _core
from edgeloop.errors import ModelError, NotAvailableError, UsageError
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LoadOptions

RUNTIME = runtime("tflite-runtime")
try:
    INSTALLATION = RUNTIME.find()
except NotAvailableError as error:
    pytest.skip(str(error), allow_module_level=True)
RUNTIME.import_packages(("native",))

DATA = Path(__file__).parents[3] / "shared" / "data"
DEMO = Path(__file__).parents[2] / "python" / "edgeloop" / "demo" / "assets"
REAL = sorted(p for p in DATA.glob("*/*.tflite") if "edgetpu" not in p.name)
MODELS = [*REAL, *sorted(DEMO.glob("*.tflite"))] or [
    pytest.param(None, marks=pytest.mark.skip(reason=f"no .tflite files below {DATA} and {DEMO}"))
]
EDGETPU = DATA / "imagenet_mobilenet" / "mobilenet_v2_1.0_224_quant_edgetpu.tflite"
CLOCK = 4  # CLOCK_MONOTONIC_RAW
DELEGATES = [("xnnpack",), ()]


def load(model, **options):
    """Return the framework's object and the engine that is attached to it."""
    given = LoadOptions(model=str(model), **options)
    framework = RUNTIME.load_framework(given)
    return framework, RUNTIME.load_engine(given, framework)


def random_inputs(specs, seed=0):
    rng = np.random.default_rng(seed)
    arrays = []
    for spec in specs:
        if spec.dtype.startswith("float"):
            arrays.append(rng.standard_normal(spec.shape).astype(spec.dtype))
        elif spec.dtype == "bool":
            arrays.append(rng.integers(0, 2, spec.shape).astype(bool))
        else:
            low, high = np.iinfo(spec.dtype).min, np.iinfo(spec.dtype).max
            arrays.append(rng.integers(low, high + 1, spec.shape, dtype=spec.dtype))
    return arrays


def outputs(engine):
    return [np.array(tensor) for tensor in engine.outputs()]


def same(left, right):
    return len(left) == len(right) and all(
        a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)
        for a, b in zip(left, right)
    )


@pytest.mark.parametrize("delegates", DELEGATES)
@pytest.mark.parametrize("model", MODELS, ids=lambda path: path and path.stem)
def test_outputs_are_those_of_another_python_interpreter(model, delegates):
    framework, engine = load(model, delegates=delegates)
    other = RUNTIME.load_framework(LoadOptions(model=str(model), delegates=delegates))
    for seed in range(2):
        arrays = random_inputs(framework.inputs, seed)
        other.set_inputs(arrays)
        other.invoke()
        for tensor, array in zip(engine.inputs(), arrays):
            np.asarray(tensor)[...] = array
        engine.run()
        assert same(outputs(engine), other.outputs())


@pytest.mark.parametrize("model", MODELS[:1])
def test_both_loops_run_one_instance(model):
    framework, engine = load(model)
    arrays = random_inputs(framework.inputs)
    framework.set_inputs(arrays)
    assert all(np.array_equal(np.asarray(t), a) for t, a in zip(engine.inputs(), arrays))
    engine.run()
    expected = framework.outputs()
    assert same(outputs(engine), expected)

    for tensor in engine.outputs():
        np.asarray(tensor)[...] = 0
    framework.invoke()
    assert same(outputs(engine), expected)
    assert same(framework.invoke_io(), expected)


@pytest.mark.parametrize("model", MODELS[:1])
def test_a_thousand_runs(model):
    framework, engine = load(model)
    framework.set_inputs(random_inputs(framework.inputs))
    engine.run()
    before = outputs(engine)
    samples = _core.Samples(1000)
    _core.run_block(engine, samples, 1000, 1, CLOCK)
    assert len(samples) == 1000
    assert same(before, outputs(engine))
    _core.run_block(
        _core.create_engine("callable", callable=framework.invoke), samples, 10, 1, CLOCK
    )
    assert same(before, outputs(engine))


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path and path.stem)
def test_both_describe_the_same_tensors(model):
    framework, engine = load(model)
    for spec, tensor in zip(framework.inputs, engine.inputs()):
        assert (spec.name, spec.dtype, spec.shape) == (tensor.name, tensor.dtype, tensor.shape)
        assert spec.scales == tuple(tensor.quantization.scales)
        assert spec.zero_points == tuple(tensor.quantization.zero_points)


@pytest.mark.parametrize(
    ("model", "data", "published", "tolerance"),
    [
        ("pretrainedResnet.tflite", "cifar10_test1000_uint8_nhwc.npz", 751, 1),
        ("pretrainedResnet_quant.tflite", "cifar10_test1000_uint8_nhwc.npz", 752, 10),
    ],
)
def test_accuracy_is_the_known_one(model, data, published, tolerance):
    folder = DATA / "cifar10_resnet"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    _, engine = load(folder / model)
    view = np.asarray(engine.inputs()[0])
    zero = engine.inputs()[0].quantization.zero_points or [0]
    archive, hits = np.load(folder / data), 0
    for sample, label in zip(archive["x_data"], archive["y_data"]):
        view[...] = sample.astype(np.int16) + zero[0]
        engine.run()
        hits += int(np.argmax(outputs(engine)[0]) == label)
    assert abs(hits - published) <= tolerance


def partitions(engine):
    return [(part.owner, part.nodes) for part in engine.placement()]


def test_who_runs_the_nodes(write, tiny):
    model = write(tiny.two_inputs())
    assert partitions(load(model)[1]) == [("TfLiteXNNPackDelegate", 2)]
    assert partitions(load(model, delegates=())[1]) == [("builtin", 2)]


def test_the_engine_keeps_the_interpreter_alive(write, tiny):
    framework, engine = load(write(tiny.two_inputs()))
    interpreter = weakref.ref(framework.invoke.__self__)
    framework.set_inputs([np.full((2, 3), 2, "float32"), np.full((2, 3), 3, "float32")])
    del framework
    gc.collect()
    assert interpreter() is not None
    engine.run()
    assert (outputs(engine)[0] == 5).all()
    view = np.asarray(engine.outputs()[1])
    del engine
    gc.collect()
    assert (view == 6).all()
    del view
    gc.collect()
    assert interpreter() is None


def test_attaching_twice(write, tiny):
    framework, first = load(write(tiny.two_inputs()))
    second = RUNTIME.load_engine(LoadOptions(model=""), framework)
    del first
    gc.collect()
    second.run()
    framework.invoke()
    assert partitions(second) == [("TfLiteXNNPackDelegate", 2)]


def test_two_interpreters_at_once(write, tiny):
    (_, first), (_, second) = (load(write(tiny.two_inputs())) for _ in range(2))
    np.asarray(first.inputs()[0])[...] = 1
    np.asarray(second.inputs()[0])[...] = 2
    first.run()
    second.run()
    assert (outputs(first)[0] == 1).all()
    assert (outputs(second)[0] == 2).all()


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("model", MODELS[:1])
def test_threads_are_as_many_as_asked_for(model, threads):
    def kernel_threads():
        return sum(1 for _ in Path("/proc/self/task").iterdir())

    gc.collect()
    before = kernel_threads()
    _, engine = load(model, threads=threads)
    engine.run()
    assert kernel_threads() - before == threads - 1


@pytest.mark.parametrize(
    ("options", "shape"),
    [({}, (1, 4)), ({"batch_size": 5}, (5, 4)), ({"shapes": {"x": (2, 4)}}, (2, 4)),
     ({"shapes": {"": (3, 4)}}, (3, 4))],
)  # fmt: skip
@pytest.mark.parametrize("delegates", DELEGATES)
def test_an_open_shape_is_fixed(write, tiny, options, shape, delegates):
    framework, engine = load(write(tiny.open_batch()), delegates=delegates, **options)
    (x,) = random_inputs(framework.inputs)
    framework.set_inputs([x])
    engine.run()
    assert x.shape == shape
    assert np.array_equal(outputs(engine)[0], x + x)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [({"nosuch": (1, 4)}, "no such input"), ({"x": (1, 4, 4)}, "3 dimensions")],
)
def test_a_wrong_shape_is_a_usage_error(write, tiny, shapes, words):
    with pytest.raises(UsageError, match=words):
        load(write(tiny.open_batch()), shapes=shapes)


def test_an_impossible_shape_is_a_model_error():
    model = DATA / "cifar10_resnet" / "pretrainedResnet.tflite"
    if not model.is_file():
        pytest.skip(f"{model} is not there")
    with pytest.raises(ModelError, match="input_channel"):
        load(model, shapes={"": (1, 30, 30, 5)})


def test_an_output_whose_shape_is_found_while_running(write, tiny):
    framework, engine = load(write(tiny.found_shape()))
    assert outputs(engine)[0].size == 0
    for mask in ([1, 0, 1, 0, 0, 0, 0, 1], [0] * 8, [1] * 8):
        framework.set_inputs([np.array(mask, dtype=bool)])
        engine.run()
        assert outputs(engine)[0][:, 0].tolist() == np.flatnonzero(mask).tolist()


# uint16 is a type of the library that this version of the Python package cannot set.
DTYPES = ("float16", "float32", "float64", "bool", "int8", "uint8", "int16", "int32", "uint32",
          "int64", "uint64")  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(write, tiny, dtype):
    framework, engine = load(write(tiny.passed_through(dtype)))
    framework.set_inputs([np.array([1, 0, 1], dtype=dtype)])
    engine.run()
    assert outputs(engine)[0].dtype == dtype
    assert outputs(engine)[0].tolist() == [1, 0, 1]


@pytest.mark.parametrize("dtype", ["string", "complex64", "int4", "uint16"])
def test_other_types_are_refused_by_name(write, tiny, dtype):
    with pytest.raises(ModelError, match=rf"(?i)\bx\b.*{dtype}|{dtype}.*\bx\b"):
        load(write(tiny.passed_through(dtype)))


BAD_FILES = {
    "empty": b"",
    "text": b"this is no model\n" * 20,
    "short": b"\x1c\0\0",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_a_model_error(write, name):
    with pytest.raises(ModelError, match="cannot load the model"):
        load(write(BAD_FILES[name]))


def test_a_missing_file_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match="Could not open"):
        load(tmp_path / "nosuch.tflite")


def test_an_unknown_operator_is_named(write, tiny):
    with pytest.raises(ModelError, match="NoSuchOperator"):
        load(write(tiny.unknown_operator()))


@pytest.mark.skipif(not EDGETPU.is_file(), reason=f"{EDGETPU} is not there")
def test_a_model_compiled_for_the_edge_tpu():
    with pytest.raises(ModelError, match="edgetpu-custom-op"):
        load(EDGETPU)


def test_no_leak(write, tiny):
    good, bad = write(tiny.two_inputs()), write(tiny.unknown_operator(), "bad.tflite")

    def cycle(times):
        for _ in range(times):
            _, engine = load(good, threads=2)
            engine.run()
            with pytest.raises(ModelError):
                load(bad)
        del engine
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    first = cycle(100)
    assert cycle(200) - first < 2_000_000


def test_what_is_asked_wrongly(write, tiny):
    model = write(tiny.two_inputs())
    with pytest.raises(UsageError, match="nosuch"):
        RUNTIME.load_framework(LoadOptions(model=model, settings={"nosuch": "1"}))
    with pytest.raises(UsageError, match="framework's own object"):
        RUNTIME.load_engine(LoadOptions(model=model), None)
    with pytest.raises(NotAvailableError, match="own library"):
        RUNTIME.find("/some/library.so")
    with pytest.raises(UsageError, match="none was given"):
        _core.create_engine("tflite-runtime")


def test_an_attachment_without_its_probe(write, tiny):
    framework = RUNTIME.load_framework(LoadOptions(model=write(tiny.two_inputs())))
    interpreter = framework.invoke.__self__
    given = {
        "version": "0", "interpreter": interpreter._native_handle(), "inputs": [0], "outputs": [1],
    }  # fmt: skip
    attachment = _core.TfliteAttachment(library=INSTALLATION.library, **given)
    with pytest.raises(UsageError, match="probe was not applied"):
        _core.create_engine("tflite-runtime", handle=attachment.handle, keep_alive=attachment)
    with pytest.raises(NotAvailableError, match="not loaded in this process"):
        _core.TfliteAttachment(library="/nosuch.so", **given)


def test_the_version_is_the_packages():
    assert INSTALLATION.version[0].isdigit()
    model = next((path for path in MODELS if isinstance(path, Path)), None)
    if model is not None:
        assert load(model)[1].runtime_version() == INSTALLATION.version


def test_finding_imports_nothing():
    code = (
        "import sys; from edgeloop.runtimes import runtime; runtime('tflite-runtime').find(); "
        "sys.exit('tflite_runtime' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
