"""MODEL@runtime,key=value strings."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.errors import UsageError
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.run import RunSpec

DEFAULTS = RunSpec(model="", threads=2, seed=7)


def test_a_model_alone_keeps_the_defaults() -> None:
    spec = parse_configuration("a/b.tflite", DEFAULTS)
    assert (spec.model, spec.runtimes, spec.threads, spec.seed) == ("a/b.tflite", (), 2, 7)


def test_every_key_goes_to_its_field() -> None:
    spec = parse_configuration(
        "m.onnx@OnnxRuntime,threads=4,batch_size=3,loop=framework-io,shape=x:1x3,spin=0", DEFAULTS
    )
    assert spec.runtimes == ("onnxruntime",)
    assert (spec.threads, spec.batch_size, spec.loops) == (4, 3, ("framework-io",))
    assert spec.shapes == {"x": (1, 3)}
    assert spec.settings == {"spin": "0"}


def test_the_runtime_may_be_left_open() -> None:
    spec = parse_configuration("m.tflite@,delegate=none", DEFAULTS)
    assert spec.runtimes == ()
    assert spec.delegate == ("none",)


def test_only_the_last_at_sign_separates() -> None:
    assert parse_configuration("me@home/m.tflite@litert", DEFAULTS).model == "me@home/m.tflite"


@pytest.mark.parametrize(
    ("text", "words"),
    [("@litert", "names no model"), ("m@litert,threads", "KEY=VALUE"), ("m@,threads=x", "whole")],
)
def test_a_bad_string_shows_the_form(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_configuration(text, DEFAULTS)


def test_a_plugins_path_is_kept_as_it_is() -> None:
    spec = parse_configuration("m.plan@Plugin=/Some_Where/My.so,threads=1", DEFAULTS)
    assert spec.runtimes == ("plugin=/Some_Where/My.so",)
    assert spec.threads == 1


@pytest.mark.parametrize("name", ["in:0", "a=b", "a,b", "x[0]", "y@z", "/model/input.1", "größe"])
def test_a_shape_is_given_for_any_name(tmp_path: Path, name: str) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(b"")
    spec = parse_configuration(f"{model}@onnxruntime,shape={name}:1x7x4,threads=1", DEFAULTS)
    assert spec.shapes == {name: (1, 7, 4)}
    assert (spec.model, spec.runtimes, spec.threads) == (str(model), ("onnxruntime",), 1)


def test_what_is_a_file_is_a_model(tmp_path: Path) -> None:
    model = tmp_path / "model@320.onnx"
    model.write_bytes(b"")
    assert parse_configuration(str(model), DEFAULTS).model == str(model)
    spec = parse_configuration(f"{model}@onnxruntime", DEFAULTS)
    assert (spec.model, spec.runtimes) == (str(model), ("onnxruntime",))
