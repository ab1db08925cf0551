"""`setup --all`: one environment that fails does not keep the others from being made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeloop.cli import setup as command
from edgeloop.envs import machine, tflite_c
from edgeloop.errors import EdgeloopError, InterruptedRunError, NotAvailableError
from edgeloop.runtimes import tensorrt_engine


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that were set up; `convert` fails with what `monkeypatch` put into `error`."""
    names: list[str] = []

    def install(name: str, python: object, wheel_dir: object) -> None:
        names.append(name)
        if name == "convert":
            raise install.error

    install.error = NotAvailableError("no network")
    monkeypatch.setattr(command, "_install", install)
    return names


def test_all_goes_on_after_a_failure_and_fails_at_the_end(
    installed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotAvailableError, match=r"not done, for the reasons above: convert$"):
        command.setup(everything=True)
    assert installed[0] == "tflite-c"
    assert "convert" in installed[:-1]
    assert "convert: no network" in capsys.readouterr().err


def test_what_was_named_ends_at_the_first_failure(installed: list[str]) -> None:
    with pytest.raises(EdgeloopError, match=r"^no network$"):
        command.setup(names=["convert", "tflite-c"])
    assert installed == ["convert"]


def test_the_list_has_all_that_can_be_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("EDGELOOP_ENVS", raising=False)
    monkeypatch.setattr(machine, "architecture", lambda: "x86_64")
    monkeypatch.setattr(machine, "too_old_for", lambda needed: None)
    nvinfer = tmp_path / "libnvinfer.so.10.3.0"
    nvinfer.write_bytes(b"")
    monkeypatch.setattr(tensorrt_engine, "find_nvinfer", lambda: (nvinfer, "the system"))
    command.setup(listing=True)
    first = dict(line.split()[:2] for line in capsys.readouterr().out.splitlines())
    names = ("tflite-c", "tensorrt", "convert", "ncnn", "onnx2tf", "openvino", "tensorflow")
    absent = dict.fromkeys((*names, "tflite-runtime"), "absent")
    assert first == {"name": "state", **absent}

    tflite_c.library_path().parent.mkdir(parents=True)
    tflite_c.library_path().write_bytes(b"half of it")
    tensorrt_engine.engine_path((10, 3, 0)).write_bytes(b"")
    command.setup(listing=True, json="-")
    states = {one["name"]: one["state"] for one in json.loads(capsys.readouterr().out)}
    assert (states["tflite-c"], states["tensorrt"]) == ("incomplete", "complete")


def test_ctrl_c_ends_all(installed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command._install, "error", InterruptedRunError("interrupted"))
    with pytest.raises(InterruptedRunError):
        command.setup(everything=True)
    assert installed[-1] == "convert"
