"""Every runtime by its name, and what each says of itself."""

from __future__ import annotations

from typing import Optional

import pytest

from edgeloop import _core
from edgeloop.errors import UsageError
from edgeloop.models.formats import FORMATS
from edgeloop.runtimes import RUNTIME_NAMES, runtime, runtimes_of
from edgeloop.spec.load import FRAMEWORK_LOOPS, LOOPS, LoadOptions


@pytest.mark.parametrize("name", RUNTIME_NAMES)
def test_a_runtime_accounts_for_every_loop(name: str) -> None:
    chosen = runtime(name)
    assert chosen.name == name
    assert set(chosen.loops) | set(chosen.missing_loops) == set(LOOPS)
    assert not set(chosen.loops) & set(chosen.missing_loops)
    assert set(chosen.timed_region) == set(chosen.loops)
    assert all(chosen.missing_loops.values())
    assert chosen.install_hint
    if set(chosen.loops) - set(FRAMEWORK_LOOPS):
        # TensorRT's is built on the board; torch runs the packages that AOTInductor compiled.
        engine = {"tensorrt": "plugin", "torch": "aotinductor"}.get(name, name)
        assert engine in _core.engine_names()


def test_every_format_has_its_runtimes_and_every_runtime_its_format() -> None:
    assert runtimes_of("tflite") == ["litert", "tflite", "tflite-runtime"]
    assert runtimes_of("edgetpu") == ["tflite", "tflite-runtime", "litert", "coral"]
    assert runtimes_of("keras") == []
    listed = {name for known in ("null", *FORMATS) for name in runtimes_of(known)}
    assert {*listed, "plugin"} == set(RUNTIME_NAMES)  # a plugin reads what it likes
    for known in FORMATS:
        ranks = [runtime(name).formats[known] for name in runtimes_of(known)]
        assert len(set(ranks)) == len(ranks)


@pytest.mark.parametrize("name", ["tflite_runtime", "TFLite-Runtime"])
def test_a_name_may_be_written_otherwise(name: str) -> None:
    assert runtime(name).name == "tflite-runtime"


def test_an_unknown_runtime_is_told_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        runtime("onnx-runtime")
    assert str(caught.value) == (
        "unknown runtime 'onnx-runtime'; did you mean 'onnxruntime'? "
        f"known: {', '.join(RUNTIME_NAMES)}"
    )


@pytest.mark.parametrize("changes", [{"shapes": {"x": [2]}}, {"batch_size": 4}])
def test_null_refuses_a_shape_it_would_ignore(changes: dict) -> None:
    with pytest.raises(UsageError, match="null has one input of shape 1"):
        runtime("null").load_engine(LoadOptions(model="null", **changes), None)


@pytest.mark.parametrize(
    ("name", "settings", "stored", "reported", "executed", "how"),
    [
        ("onnxruntime", {}, "fp32", None, "fp32", "derived: the model stores fp32"),
        ("onnxruntime", {}, "int8", None, None, "does not report it"),
        ("onnxruntime", {}, None, None, None, "does not report it"),
        ("onnxruntime", {"graph-optimization": "all"}, "fp32", None, None, "may change it"),
        ("openvino", {}, "fp16", "f32", "fp32", "reported by the runtime"),
        ("openvino", {}, "int8", "f32", None, "says nothing of integer operators"),
        ("ncnn", {"precision": "fp32"}, "fp16", None, "fp32", "derived from its options"),
        ("ncnn", {}, "fp32", None, None, "fp16 where the CPU has it"),
    ],
)
def test_a_runtime_says_what_it_computes_in_and_how_that_is_known(
    name: str,
    settings: dict[str, str],
    stored: Optional[str],
    reported: Optional[str],
    executed: Optional[str],
    how: str,
) -> None:
    options = LoadOptions("m", settings=settings)
    found, reason = runtime(name).executed_precision(options, stored, reported)
    assert found == executed
    assert how in reason
