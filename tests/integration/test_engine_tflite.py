"""TensorFlow Lite's C library: the engine against the same library called through ctypes."""

from __future__ import annotations

import ctypes
import gc
import os
from pathlib import Path

import numpy as np
import pytest

from edgeloop import _core
from edgeloop.errors import ModelError, NotAvailableError, UsageError
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LoadOptions

RUNTIME = runtime("tflite")
try:
    LIBRARY = RUNTIME.find().library
except NotAvailableError as error:
    pytest.skip(str(error), allow_module_level=True)

DATA = Path(__file__).parents[3] / "shared" / "data"
DEMO = Path(__file__).parents[2] / "python" / "edgeloop" / "demo" / "assets"
REAL = sorted(p for p in DATA.glob("*/*.tflite") if "edgetpu" not in p.name)
MODELS = [*REAL, *sorted(DEMO.glob("*.tflite"))] or [
    pytest.param(None, marks=pytest.mark.skip(reason=f"no .tflite files below {DATA} and {DEMO}"))
]
EDGETPU = DATA / "imagenet_mobilenet" / "mobilenet_v2_1.0_224_quant_edgetpu.tflite"
CLOCK = 4  # CLOCK_MONOTONIC_RAW


def load(model, **options):
    return RUNTIME.load_engine(LoadOptions(model=str(model), **options), None)


def fill(engine, arrays):
    for tensor, array in zip(engine.inputs(), arrays):
        np.asarray(tensor)[...] = array


def outputs(engine):
    return [np.array(tensor) for tensor in engine.outputs()]


def random_inputs(engine, seed=0):
    rng = np.random.default_rng(seed)
    arrays = []
    for tensor in engine.inputs():
        if tensor.dtype.startswith("float"):
            arrays.append(rng.standard_normal(tensor.shape).astype(tensor.dtype))
        else:
            low, high = np.iinfo(tensor.dtype).min, np.iinfo(tensor.dtype).max
            arrays.append(rng.integers(low, high + 1, tensor.shape, dtype=tensor.dtype))
    return arrays


class XnnpackOptions(ctypes.Structure):
    """Larger than any version's options; the thread count is the first field."""

    _fields_ = (("num_threads", ctypes.c_int32), ("rest", ctypes.c_char * 1020))


def through_ctypes(model, arrays, xnnpack):
    """Run the model once through the plain C API, as its header shows it."""
    lib = ctypes.CDLL(LIBRARY)
    pointer = ctypes.c_void_p
    for name in ("ModelCreateFromFile", "InterpreterOptionsCreate", "InterpreterCreate",
                 "InterpreterGetInputTensor", "InterpreterGetOutputTensor", "TensorData",
                 "XNNPackDelegateCreate"):  # fmt: skip
        getattr(lib, f"TfLite{name}").restype = pointer
    lib.TfLiteTensorByteSize.restype = ctypes.c_size_t
    lib.TfLiteXNNPackDelegateOptionsDefault.restype = XnnpackOptions
    handle = pointer(lib.TfLiteModelCreateFromFile(str(model).encode()))
    options = pointer(lib.TfLiteInterpreterOptionsCreate())
    lib.TfLiteInterpreterOptionsSetNumThreads(options, 1)
    delegate = None
    if xnnpack:
        settings = lib.TfLiteXNNPackDelegateOptionsDefault()
        settings.num_threads = 1
        delegate = pointer(lib.TfLiteXNNPackDelegateCreate(ctypes.byref(settings)))
        lib.TfLiteInterpreterOptionsAddDelegate(options, delegate)
    interpreter = pointer(lib.TfLiteInterpreterCreate(handle, options))
    assert lib.TfLiteInterpreterAllocateTensors(interpreter) == 0
    for index, array in enumerate(arrays):
        tensor = pointer(lib.TfLiteInterpreterGetInputTensor(interpreter, index))
        data = np.ascontiguousarray(array)
        ctypes.memmove(lib.TfLiteTensorData(tensor), data.ctypes.data, data.nbytes)
    assert lib.TfLiteInterpreterInvoke(interpreter) == 0
    raw = []
    for index in range(lib.TfLiteInterpreterGetOutputTensorCount(interpreter)):
        tensor = pointer(lib.TfLiteInterpreterGetOutputTensor(interpreter, index))
        data = lib.TfLiteTensorData(tensor)
        raw.append(ctypes.string_at(data, lib.TfLiteTensorByteSize(tensor)))
    lib.TfLiteInterpreterDelete(interpreter)
    if delegate:
        lib.TfLiteXNNPackDelegateDelete(delegate)
    lib.TfLiteInterpreterOptionsDelete(options)
    lib.TfLiteModelDelete(handle)
    return raw


@pytest.mark.parametrize("xnnpack", [True, False])
@pytest.mark.parametrize("model", MODELS, ids=lambda path: path and path.stem)
def test_outputs_are_those_of_the_plain_c_api(model, xnnpack):
    engine = load(model, delegates=("xnnpack",) if xnnpack else ())
    arrays = random_inputs(engine)
    fill(engine, arrays)
    engine.run()

    assert [array.tobytes() for array in outputs(engine)] == through_ctypes(model, arrays, xnnpack)
    assert all(np.array_equal(t, a) for t, a in zip(map(np.asarray, engine.inputs()), arrays))


@pytest.mark.parametrize("model", MODELS[:1])
def test_a_thousand_runs(model):
    engine = load(model)
    arrays = random_inputs(engine)
    fill(engine, arrays)
    engine.run()
    before = outputs(engine)
    samples = _core.Samples(1000)

    _core.run_block(engine, samples, 1000, 1, CLOCK)

    assert len(samples) == 1000
    assert np.asarray(samples).min() > 0
    assert all(np.array_equal(a, b) for a, b in zip(before, outputs(engine)))


def correct(model, data, limit=None, **options):
    """Count the samples that the engine classifies as their label says."""
    if not (DATA / model).is_file():
        pytest.skip(f"{DATA / model} is not there")
    engine = load(DATA / model, **options)
    archive = np.load(DATA / data)
    x, y = archive["x_data"][:limit], archive["y_data"][:limit]
    view, hits = np.asarray(engine.inputs()[0]), 0
    zero = engine.inputs()[0].quantization.zero_points or [0]
    for sample, label in zip(x, y):
        # CIFAR pixels are uint8; the int8 model wants them shifted to its zero point.
        shifted = sample.astype(np.int16) + zero[0] if view.dtype == np.int8 else sample
        view[...] = shifted
        engine.run()
        hits += int(np.argmax(outputs(engine)[0]) == label)
    return hits


CIFAR = "cifar10_resnet/cifar10_test1000_uint8_nhwc.npz"
IMAGENET = "imagenet_mobilenet/imagenet100_uint8_nhwc_224_y1001.npz"


# MobileNet takes 30 s without XNNPACK: there the comparison of the outputs above has to do.
@pytest.mark.parametrize(
    ("model", "data", "delegates", "published", "tolerance"),
    [
        ("cifar10_resnet/pretrainedResnet.tflite", CIFAR, ("xnnpack",), 751, 1),
        ("cifar10_resnet/pretrainedResnet.tflite", CIFAR, (), 751, 1),
        ("cifar10_resnet/pretrainedResnet_quant.tflite", CIFAR, ("xnnpack",), 752, 10),
        ("cifar10_resnet/pretrainedResnet_quant.tflite", CIFAR, (), 752, 10),
        ("imagenet_mobilenet/mobilenet_v2_1.0_224_quant.tflite", IMAGENET, ("xnnpack",), 86, 1),
    ],
)
def test_accuracy_is_the_known_one(model, data, delegates, published, tolerance):
    assert abs(correct(model, data, delegates=delegates) - published) <= tolerance


def test_the_detector_finds_what_is_on_the_photos():
    folder = DATA / "coco_ssd"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    engine = load(next(folder.glob("*.tflite")))
    photos = np.load(folder / "ssd_photos_uint8_nhwc_300.npz")["x_data"]
    expected = np.load(folder / "ssd_photos_expected_outputs.npz")
    assert [t.shape for t in engine.outputs()] == [(1, 10, 4), (1, 10), (1, 10), (1,)]
    for index, photo in enumerate(photos):
        np.asarray(engine.inputs()[0])[...] = photo
        engine.run()
        _, classes, scores, _ = outputs(engine)
        assert classes[0, 0] == expected["classes"][index][0]
        # Quantised kernels differ by a step of the score from one runtime to another.
        assert np.allclose(scores[0, :2], expected["scores"][index][:2], atol=0.05)


def test_the_autoencoder_has_the_published_error():
    folder = DATA / "toycar_autoencoder"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    engine = load(folder / "ad01_fp32.tflite")
    x = np.load(next(folder.glob("*.npz")))["x_data"]
    errors = []
    for sample in x:
        np.asarray(engine.inputs()[0])[...] = sample
        engine.run()
        errors.append(np.mean((outputs(engine)[0][0] - sample) ** 2))
    assert np.mean(errors) == pytest.approx(9.70710781339692, rel=1e-4)


def partitions(engine):
    return [(part.owner, part.nodes) for part in engine.placement()]


def test_who_runs_the_nodes(write, tiny):
    model = write(tiny.two_inputs())
    assert partitions(load(model)) == [("TfLiteXNNPackDelegate", 2)]
    assert partitions(load(model, delegates=())) == [("builtin", 2)]


def test_a_graph_of_which_xnnpack_takes_a_part():
    model = DATA / "cifar10_resnet" / "pretrainedResnet_quant.tflite"
    if not model.is_file():
        pytest.skip(f"{model} is not there")
    found = partitions(load(model))
    assert sum(nodes for _, nodes in found) == 16
    assert {owner for owner, _ in found} == {"TfLiteXNNPackDelegate", "builtin"}


def test_a_graph_that_xnnpack_cannot_take_is_told(write, tiny):
    assert partitions(load(write(tiny.found_shape()))) == [("builtin", 1)]


def kernel_threads():
    return sum(1 for _ in Path("/proc/self/task").iterdir())


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("model", MODELS[:1])
def test_threads_are_as_many_as_asked_for(model, threads):
    gc.collect()
    before = kernel_threads()
    engine = load(model, threads=threads)
    engine.run()
    assert kernel_threads() - before == threads - 1


def test_several_inputs_and_outputs(write, tiny):
    engine = load(write(tiny.two_inputs()))
    assert [t.name for t in engine.inputs()] == ["a", "b"]
    assert [t.name for t in engine.outputs()] == ["sum", "product"]
    a, b = random_inputs(engine)
    fill(engine, [a, b])
    engine.run()
    total, product = outputs(engine)
    assert np.array_equal(total, a + b)
    assert np.array_equal(product, a * b)


def test_inputs_are_zero_at_first_and_stay_in_place(write, tiny):
    engine = load(write(tiny.two_inputs()))
    views = [np.asarray(t) for t in engine.inputs()]
    assert not any(view.any() for view in views)
    assert all(view.ctypes.data % 64 == 0 for view in views)
    engine.run()
    assert [np.asarray(t).ctypes.data for t in engine.inputs()] == [v.ctypes.data for v in views]


@pytest.mark.parametrize(
    ("options", "shape"),
    [({}, (1, 4)), ({"batch_size": 5}, (5, 4)), ({"shapes": {"x": (2, 4)}}, (2, 4)),
     ({"shapes": {"": (3, 4)}}, (3, 4)), ({"shapes": {"x": (2, 4)}, "batch_size": 5}, (2, 4))],
)  # fmt: skip
@pytest.mark.parametrize("delegates", [("xnnpack",), ()])
def test_an_open_shape_is_fixed(write, tiny, options, shape, delegates):
    engine = load(write(tiny.open_batch()), delegates=delegates, **options)
    (x,) = random_inputs(engine)
    fill(engine, [x])
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


def test_a_shape_without_a_name_among_several_inputs(write, tiny):
    with pytest.raises(UsageError, match="'a', 'b'"):
        load(write(tiny.two_inputs()), shapes={"": (1, 4)})


@pytest.mark.parametrize("delegates", [("xnnpack",), ()])
def test_an_impossible_shape_is_a_model_error(delegates):
    model = DATA / "cifar10_resnet" / "pretrainedResnet.tflite"
    if not model.is_file():
        pytest.skip(f"{model} is not there")
    with pytest.raises(ModelError, match="input_channel"):
        load(model, shapes={"": (1, 30, 30, 5)}, delegates=delegates)


def test_an_output_whose_shape_is_found_while_running(write, tiny):
    engine = load(write(tiny.found_shape()))
    assert outputs(engine)[0].size == 0
    for mask in ([1, 0, 1, 0, 0, 0, 0, 1], [0] * 8, [1] * 8):
        fill(engine, [np.array(mask, dtype=bool)])
        engine.run()
        assert outputs(engine)[0][:, 0].tolist() == np.flatnonzero(mask).tolist()


DTYPES = ("float16", "float32", "float64", "bool", "int8", "uint8", "int16", "uint16", "int32",
          "uint32", "int64", "uint64")  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(write, tiny, dtype):
    engine = load(write(tiny.passed_through(dtype)))
    x = np.array([1, 0, 1], dtype=dtype)
    fill(engine, [x])
    engine.run()
    (y,) = outputs(engine)
    assert y.dtype == x.dtype
    assert np.array_equal(y, x)


@pytest.mark.parametrize("dtype", ["string", "complex64", "int4"])
def test_other_types_are_refused_by_name(write, tiny, dtype):
    with pytest.raises(ModelError, match=rf"'x' holds {dtype}"):
        load(write(tiny.passed_through(dtype)))


def test_quantisation(write, tiny):
    tensors = [tiny.TinyTensor("x", "int8", (4,), scale=0.5, zero_point=-3)]
    engine = load(write(tiny.model_bytes(tensors, [], (0,), (0,))))
    quantization = engine.inputs()[0].quantization
    assert (quantization.scales, quantization.zero_points) == ([0.5], [-3])


def test_two_engines_at_once(write, tiny):
    first, second = load(write(tiny.two_inputs())), load(write(tiny.open_batch(), "2.tflite"))
    fill(first, [np.full((2, 3), 2), np.full((2, 3), 3)])
    fill(second, [np.full((1, 4), 7)])
    for _ in range(3):
        first.run()
        second.run()
    del second
    gc.collect()
    first.run()
    assert (outputs(first)[0] == 5).all()


def test_a_view_keeps_the_engine_alive(write, tiny):
    view = np.asarray(load(write(tiny.two_inputs())).inputs()[0])
    gc.collect()
    view[...] = 1
    assert view.sum() == 6


BAD_FILES = {
    "empty": b"",
    "text": b"this is no model\n" * 20,
    "short": b"\x1c\0\0",
    "identifier only": b"\x1c\0\0\0TFL3",
    "zeros": bytes(4096),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_a_model_error(write, name):
    with pytest.raises(ModelError, match=r"cannot be read as a TFLite model: .+"):
        load(write(BAD_FILES[name]))


def test_a_missing_file_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match="Could not open"):
        load(tmp_path / "nosuch.tflite")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("model", MODELS[:1])
def test_a_file_that_is_cut_short(write, model, part):
    content = model.read_bytes()
    with pytest.raises(ModelError):
        load(write(content[: int(len(content) * part)]))


def test_an_unknown_operator_is_named(write, tiny):
    with pytest.raises(ModelError, match="NoSuchOperator") as caught:
        load(write(tiny.unknown_operator()))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not EDGETPU.is_file(), reason=f"{EDGETPU} is not there")
def test_a_model_compiled_for_the_edge_tpu():
    with pytest.raises(ModelError, match="edgetpu-custom-op"):
        load(EDGETPU)


def test_no_leak(write, tiny):
    good, bad = write(tiny.two_inputs()), write(tiny.unknown_operator(), "bad.tflite")

    def cycle(times):
        for _ in range(times):
            load(good, threads=2).run()
            with pytest.raises(ModelError):
                load(bad)
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    first = cycle(100)
    # One XNNPACK delegate that is not freed is 1.6 MB on its own.
    assert cycle(200) - first < 2_000_000


def test_engine_settings():
    with pytest.raises(UsageError, match="nosuch"):
        _core.create_engine("tflite", library=LIBRARY, model="x", settings={"nosuch": "1"})
    with pytest.raises(NotAvailableError, match="no library was named"):
        _core.create_engine("tflite", model="x")


def test_a_wrong_xnnpack_setting(write, tiny):
    model = write(tiny.two_inputs())
    with pytest.raises(UsageError, match="xnnpack is 1 or 0"):
        _core.create_engine("tflite", library=LIBRARY, model=model, settings={"xnnpack": "yes"})


def test_the_version_is_the_librarys():
    assert load_any().runtime_version() == RUNTIME.find().version


def load_any():
    model = next((path for path in MODELS if isinstance(path, Path)), None)
    if model is None:
        pytest.skip(f"no .tflite files below {DATA} and {DEMO}")
    return load(model)


def test_there_is_no_framework_loop():
    assert set(RUNTIME.loops) | set(RUNTIME.missing_loops) >= {"framework", "framework-io"}
    with pytest.raises(UsageError, match="no framework loop"):
        RUNTIME.load_framework(LoadOptions(model="x"))
