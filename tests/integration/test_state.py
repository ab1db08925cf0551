"""Models that remember: a sample begins afresh, unless the samples are one stream."""

from __future__ import annotations

import numpy as np
import pytest

import edgeloop
from edgeloop.errors import EdgeloopError, ModelError, UsageError
from edgeloop.measure import loaded as loading
from edgeloop.measure.data_loop import run_data
from edgeloop.runtimes import runtime
from edgeloop.runtimes._tflite_tensors import traits_of
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.load import LoadOptions
from edgeloop.spec.run import RunSpec

CLOCK = 4  # CLOCK_MONOTONIC_RAW
SAMPLES = np.array([1, 2, 4, 8], np.float32).reshape(4, 1, 1)


@pytest.fixture
def model(tmp_path, tiny):
    path = tmp_path / "remembering.tflite"
    path.write_bytes(tiny.remembering())
    return str(path)


@pytest.mark.parametrize(
    ("name", "loop"),
    [("tflite", "native"), ("tflite", "binding"), ("litert", "framework"),
     ("litert", "framework-io"), ("tflite-runtime", "native"), ("tflite-runtime", "framework")],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_a_sample_begins_afresh_or_follows_the_one_before(model, name, loop, stream):
    chosen = runtime(name)
    try:
        chosen.find(None)
    except EdgeloopError as error:
        pytest.skip(str(error))
    options = LoadOptions(model=model, keep_state=stream)
    loaded = loading.load(chosen, options, [loop], CLOCK, False)
    loaded.set_inputs([np.full((1, 1), 100, np.float32)])
    loaded.run_block(loop, 3, 1)  # a warm-up leaves its state
    found = [run_data(loaded, loop, [SAMPLES[part]], None).outputs[0] for part in (
        slice(0, 2), slice(2, 4)
    )]  # fmt: skip
    expected = [1, 3, 6, 12] if stream else [1, 2, 4, 8]
    assert np.concatenate(found).ravel().tolist() == expected


def test_a_model_without_variables_is_not_loaded_again(tmp_path, tiny):
    path = tmp_path / "plain.tflite"
    path.write_bytes(tiny.two_inputs())
    assert traits_of(str(path)).state is None
    assert traits_of(str(path)).open_outputs == ()


def test_litert_names_the_runtime_that_runs_variable_tensors(model):
    refusal = "^use --runtime tflite, or --loops framework: .* variable tensors"
    with pytest.raises(ModelError, match=refusal):
        runtime("litert").load_engine(LoadOptions(model=model), None)


def test_litert_does_not_crash_on_outputs_of_open_shape(tmp_path, tiny):
    path = tmp_path / "open.tflite"
    path.write_bytes(tiny.open_output())
    with pytest.raises(ModelError, match=r"^use --runtime tflite.* open shape \('y'\)"):
        runtime("litert").load_engine(LoadOptions(model=str(path)), None)
    framework = runtime("litert").load_framework(LoadOptions(model=str(path)))
    assert "classic" in framework.timed_region["framework"]


@pytest.mark.parametrize("loads", ["load_engine", "load_framework"])
def test_an_open_picture_is_not_one_pixel(tmp_path, tiny, loads):
    path = tmp_path / "picture.tflite"
    path.write_bytes(tiny.open_picture())
    load = getattr(runtime("litert"), loads)
    rest = (None,) if loads == "load_engine" else ()
    with pytest.raises(UsageError, match=r"leaves the shape of input 'x' open \(1x\?x\?x3\)"):
        load(LoadOptions(model=str(path)), *rest)
    made = load(LoadOptions(model=str(path), shapes={"": (1, 64, 48, 3)}), *rest)
    shape = made.inputs()[0].shape if rest else made.inputs[0].shape
    assert tuple(shape) == (1, 64, 48, 3)


def test_the_runtime_is_chosen_that_runs_the_model(model):
    try:
        runtime("tflite").find(None)
    except EdgeloopError as error:
        pytest.skip(str(error))
    (spec,) = resolve(RunSpec(model=model), "bench")
    assert spec.runtime == "tflite"
    assert any("not litert: " in choice for choice in spec.choices)


def test_eval_goes_on_after_a_runtime_that_fails(command_line, model, tmp_path):
    try:
        runtime("tflite").find(None)
    except EdgeloopError as error:
        pytest.skip(str(error))
    values = np.arange(1, 7, dtype=np.float32).reshape(6, 1)
    np.savez(tmp_path / "d.npz", x_data=values, y_data=values)
    done = command_line(
        "eval", model, str(tmp_path / "d.npz"), "--runtime", "litert", "--runtime", "tflite",
        "--task", "regression", "--no-save",
    )  # fmt: skip
    assert done.returncode == 4
    assert "use --runtime tflite" in done.stderr
    assert "mean absolute error" in done.stdout


@pytest.mark.parametrize("name", ["litert", "tflite", "tflite-runtime"])
def test_the_signature_that_is_run_is_told(tmp_path, tiny, name):
    path = tmp_path / "two.tflite"
    path.write_bytes(tiny.several_functions("encode", "decode"))
    said = runtime(name).choice_of(str(path))
    assert said.startswith("signature 'encode': the file has 2 ('encode', 'decode'), and only this")
    path.write_bytes(tiny.several_functions("encode"))
    assert runtime(name).choice_of(str(path)) is None


def test_the_signature_is_among_the_choices_of_a_run(tmp_path, tiny):
    path = tmp_path / "two.tflite"
    path.write_bytes(tiny.several_functions("encode", "decode"))
    (resolved,) = resolve(RunSpec(model=str(path), runtimes=("litert",)), "bench")
    assert any("'decode'" in choice for choice in resolved.choices)


@pytest.fixture
def summing(tmp_path):
    """A model that takes and gives its state, and the sums that are right."""
    onnx = pytest.importorskip("onnx", reason="pip install onnx")
    pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    helper, value = onnx.helper, onnx.helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["x", "before"], ["after"]),
            helper.make_node("Identity", ["after"], ["y"]),
        ],
        "g",
        [value("before", 1, [1, 1]), value("x", 1, [1, 1])],
        [value("y", 1, [1, 1]), value("after", 1, [1, 1])],
    )
    path = tmp_path / "sum.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    x = np.arange(1, 31, dtype=np.float32).reshape(-1, 1)
    return path, x, np.cumsum(x, axis=0)


@pytest.mark.parametrize("loop", ["native", "framework"])
def test_an_output_is_fed_to_the_next_sample(summing, loop):
    pytest.importorskip("sklearn", reason="pip install scikit-learn: the metrics of eval")
    path, x, y = summing
    result = edgeloop.evaluate(
        path, (x, y), feedback={"after": "before"}, output="y", loops=(loop,), task="regression"
    )
    assert result.as_dict()["spec"]["title"].endswith(",feedback=after:before")
    assert result.accuracy["mean_squared_error"] == 0


def test_a_stream_goes_on_in_the_next_request(summing):
    path, x, y = summing
    options = LoadOptions(model=str(path), feedback={"after": "before"})
    loaded = loading.load(runtime("onnxruntime"), options, ["native"], CLOCK, False)
    zeros = np.zeros((15, 1, 1), np.float32)
    for half, wanted in ((x[:15], y[:15]), (x[15:], y[15:])):
        done = run_data(loaded, "native", [zeros, half.reshape(15, 1, 1)], [0])
        assert np.ravel(done.outputs[0]).tolist() == wanted.ravel().tolist()


@pytest.mark.parametrize(
    ("feedback", "words"),
    [({"aftr": "before"}, "unknown output 'aftr'; did you mean 'after'"),
     ({"after": "befor"}, "unknown input 'befor'; did you mean 'before'"),
     ({"after": "x", "y": "before"}, "none is left for the data")],
)  # fmt: skip
def test_feedback_that_cannot_be(summing, feedback, words):
    pytest.importorskip("sklearn", reason="pip install scikit-learn: the metrics of eval")
    path, x, y = summing
    with pytest.raises(UsageError, match=words):
        edgeloop.evaluate(path, (x, y), feedback=feedback, output="y")


def test_feedback_is_not_timed(summing):
    path, _, _ = summing
    spec = RunSpec(model=str(path), feedback={"after": "before"})
    with pytest.raises(UsageError, match="--feedback is for eval"):
        resolve(spec, "bench")
