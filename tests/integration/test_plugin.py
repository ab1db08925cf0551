"""Engines from outside: the plugin of the manual, and everything that a broken one does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop import _core
from edgeloop.errors import ModelError, UsageError
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LoadOptions

RUNTIME = runtime("plugin")


def load(plugins: Any, name: str = "scale_engine", **options: Any) -> _core.Engine:
    options.setdefault("model", str(plugins.model))
    return RUNTIME.load_engine(LoadOptions(library=str(plugins.build(name)), **options), None)


def refused(done: Any, code: int, *words: str) -> None:
    """Check for one clear sentence with that exit code."""
    assert done.returncode == code, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    sentences = [line for line in done.stderr.splitlines() if line.startswith("edgeloop: ")]
    assert len(sentences) == 1, done.stderr
    for word in words:
        assert word in sentences[0]


def test_the_manuals_plugin_multiplies(plugins: Any) -> None:
    engine = load(plugins, settings={"factor": "3"})
    x = np.arange(64, dtype=np.float32)
    np.asarray(engine.inputs()[0])[...] = x
    engine.run()
    assert np.array_equal(np.array(engine.outputs()[0]), 3 * x)
    assert engine.runtime_version() == "scale 1.0"
    assert engine.timed_region() == "one multiplication per element"
    assert engine.placement() is None


def test_a_measurement_names_the_plugin(plugins: Any, command_line: Any) -> None:
    library = plugins.build("scale_engine")
    done = command_line(
        "overhead", str(plugins.model), "--runtime", f"Plugin={library}", "--set", "factor=2",
        "--effort", "quick", "--budget", "1", "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["title"].startswith("model.scale@plugin=scale_engine.so,threads=1,factor=2")
    assert result["runtime"]["path"] == str(library)
    assert result["model"]["format"] == "other"
    assert result["timed_region"]["native"] == "the plugin's run(): one multiplication per element"
    assert set(result["loops"]) == {"native", "binding"}
    assert "no framework loop: a plugin is a C library" in done.stderr


def test_compare_takes_a_plugin_in_a_configuration(plugins: Any, command_line: Any) -> None:
    side = f"{plugins.model}@plugin={plugins.build('scale_engine')},threads=1,loop="
    done = command_line(
        "compare", side + "native", side + "binding", "--effort", "quick", "--budget", "1"
    )
    assert done.returncode == 0, done.stderr
    assert "plugin=scale_engine.so" in done.stdout


def test_the_path_may_come_as_library(plugins: Any, command_line: Any) -> None:
    done = command_line(
        "bench", str(plugins.model), "--runtime", "plugin", "--runs", "3", "--library",
        str(plugins.build("scale_engine")),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_without_a_path(plugins: Any, command_line: Any) -> None:
    done = command_line("bench", str(plugins.model), "--runtime", "plugin")
    refused(done, 2, "plugin=PATH", "--library")


def test_another_runtime_takes_no_path(plugins: Any, command_line: Any) -> None:
    done = command_line("bench", str(plugins.model), "--runtime", "tflite=/lib/x.so")
    refused(done, 2, "tflite=/lib/x.so", "plugin=PATH")


def test_a_path_that_does_not_exist(plugins: Any, command_line: Any) -> None:
    done = command_line("bench", str(plugins.model), "--runtime", "plugin=/nowhere/x.so")
    refused(done, 3, "/nowhere/x.so does not exist")


def test_a_library_that_is_none(plugins: Any, command_line: Any) -> None:
    done = command_line("bench", str(plugins.model), "--runtime", f"plugin={plugins.model}")
    refused(done, 3, "cannot load the library", str(plugins.model))


def test_a_library_that_is_no_plugin(plugins: Any, command_line: Any) -> None:
    other = next(Path(np.__file__).parent.rglob("*_umath*.so"))
    done = command_line("bench", str(plugins.model), "--runtime", f"plugin={other}", "--runs", "3")
    refused(done, 3, "no symbol edgeloop_engine_v1")


def test_a_model_that_the_plugin_refuses(plugins: Any, command_line: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.scale"
    path.write_text("scale 0 end", encoding="utf-8")
    library = plugins.build("scale_engine")
    done = command_line("bench", str(path), "--runtime", f"plugin={library}")
    refused(done, 4, "scale (the plugin ", f"no line 'scale COUNT end' is in {path}")


@pytest.mark.parametrize("content", [None, b""])
def test_a_model_that_is_not_there(
    content: bytes | None, plugins: Any, command_line: Any, tmp_path: Path
) -> None:
    path = tmp_path / "model.scale"
    if content is not None:
        path.write_bytes(content)
    done = command_line("bench", str(path), "--runtime", f"plugin={plugins.build('scale_engine')}")
    refused(done, 4, str(path))


def test_an_unknown_setting_and_a_shape(plugins: Any) -> None:
    with pytest.raises(UsageError, match="the only setting is factor, not wings"):
        load(plugins, settings={"wings": "2"})
    with pytest.raises(UsageError, match="the shape is fixed"):
        load(plugins, shapes={"x": [3]})
    with pytest.raises(ModelError, match="no model"):
        load(plugins, model="null")


ACTS = {
    "no table": (3, "returns no table"),
    "entry crashes": (5, "SIGSEGV"),
    "wrong version": (3, "has version 7 of the interface, and edgeloop has version 1"),
    "short table": (3, "bytes, and"),
    "no run": (3, "leaves a function or its name out"),
    "create without a device": (3, "no accelerator of this kind: X1"),
    "create with an unknown code": (5, "code -77"),
    "create without an engine": (5, "returns none"),
    "create with bytes that are no text": (4, "????"),
    "create with two lines": (4, "the first line the second"),
    "create crashes": (5, "SIGSEGV"),
    "create ends the process": (5, "ended"),
    "create hangs": (5, "no answer within 2 s while loading"),
    "absurd count": (5, "inputs; tell those who made it"),
    "describe fails": (5, "cannot describe input 0: the accelerator does not answer"),
    "no name": (5, "gives input 0 no name"),
    "unknown dtype": (5, "the element type 99"),
    "absurd rank": (5, "dimensions"),
    "no shape": (5, "1 dimensions without saying them"),
    "negative dimension": (5, "the shape ?"),
    "overflowing shape": (5, "which no tensor in this machine's memory has"),
    "absurd shape": (5, "which no tensor in this machine's memory has"),
    "other bytes": (5, "257 bytes, but its shape 64 takes 256"),
    "no memory": (5, "gives input 0 ('x') no memory"),
    "unaligned memory": (5, "not aligned"),
    "bad scales": (5, "2 scales that do not fit"),
    "no scales": (5, "1 scales that do not fit"),
    "run fails": (5, "failed to run the model: the accelerator does not answer"),
    "run fails without words": (5, "it gives code 5 and no reason"),
    "run crashes": (5, "SIGSEGV"),
    "run hangs": (5, "no answer within 2 s"),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_broken_plugin_is_one_sentence(act: str, plugins: Any, command_line: Any) -> None:
    code, words = ACTS[act]
    command_line.environment["EDGELOOP_PLUGIN_ACT"] = act
    library = plugins.build("misbehaving_engine")
    done = command_line(
        "bench", str(plugins.model), "--runtime", f"plugin={library}", "--runs", "3",
        "--timeout", "2",
    )  # fmt: skip
    refused(done, code, words)


@pytest.mark.parametrize("act", ["", "longer table", "least table"])
def test_a_table_of_another_length_works(
    act: str, plugins: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGELOOP_PLUGIN_ACT", act)
    engine = load(plugins, "misbehaving_engine")
    engine.run()
    assert engine.runtime_version() == ("scale" if act == "least table" else "scale 1.0")


@pytest.mark.parametrize(("settings", "function"), [((), "create"), (("--set", "a=1"), "run")])
def test_an_exception_does_not_cross(
    settings: tuple[str, ...], function: str, plugins: Any, command_line: Any
) -> None:
    library = plugins.build("throwing_engine")
    done = command_line("bench", "null", "--runtime", f"plugin={library}", "--runs", "3", *settings)
    refused(done, 5, f"threw an exception out of its {function}; tell those who made it")
