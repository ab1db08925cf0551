"""A runtime that is not in this environment is looked for in the managed one of its name."""

from __future__ import annotations

import json
import sys

import pytest

from edgeloop.demo import ASSETS
from edgeloop.errors import NotAvailableError
from edgeloop.runtimes.choice import interpreter
from edgeloop.runtimes.choice.interpreter import interpreter_of
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.run import RunSpec


class Absent:
    """A runtime whose package is not here."""

    def find(self, library=None):
        raise NotAvailableError("it is not installed")


@pytest.fixture
def managed(tmp_path, monkeypatch):
    """The interpreter of a complete managed environment tflite-runtime."""
    monkeypatch.setenv("EDGELOOP_ENVS", str(tmp_path))
    python = tmp_path / "tflite-runtime" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    marker = tmp_path / "tflite-runtime" / "edgeloop-environment.json"
    marker.write_text(json.dumps({"name": "tflite-runtime"}))
    return python


def test_what_is_here_runs_here(managed):
    said = []
    assert interpreter_of("null", None, said) == sys.executable
    assert said == []


def test_what_is_not_here_runs_in_its_environment(managed, monkeypatch):
    monkeypatch.setattr(interpreter, "runtime", lambda name: Absent())
    said = []
    assert interpreter_of("tflite-runtime", None, said) == str(managed)
    assert said == ["tflite-runtime: in the managed environment tflite-runtime"]
    with pytest.raises(NotAvailableError, match="it is not installed"):
        interpreter_of("tflite-runtime", "/opt/another.so", said)
    managed.unlink()
    with pytest.raises(NotAvailableError, match="it is not installed"):
        interpreter_of("tflite-runtime", None, said)


def test_a_named_runtime_is_resolved_to_its_environment(managed, monkeypatch):
    monkeypatch.setattr(interpreter, "runtime", lambda name: Absent())
    model = str(ASSETS / "digits_float32.tflite")
    (resolved,) = resolve(RunSpec(model=model, runtimes=("tflite-runtime",)), "bench")
    assert resolved.python == str(managed)
    assert "tflite-runtime: in the managed environment tflite-runtime" in resolved.choices
