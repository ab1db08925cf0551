"""The settings of TensorRT's builder, and that they reach it by way of the graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.conversion.edge import ConversionOptions, Edge
from edgeloop.conversion.plan import make_plan
from edgeloop.conversion.tensorrt_settings import BuilderSettings
from edgeloop.envs.interpreter import Interpreter
from edgeloop.errors import ModelError, UsageError
from edgeloop.models.formats import ModelFormat


def test_settings_are_read() -> None:
    read = BuilderSettings.read({"precision": "fp16", "workspace": "64", "dla-core": "0"})
    assert (read.precision, read.workspace_mib, read.dla_core) == ("fp16", 64, 0)
    assert BuilderSettings.read({}) == BuilderSettings()


@pytest.mark.parametrize(
    "wrong",
    [
        {"precision": "bf16"}, {"workspace": "0"}, {"workspace": "-1"}, {"workspace": "1.5"},
        {"dla-core": "x"}, {"dla-core": "²"}, {"wings": "2"}, {"calibration": "x.npz"},
    ],
)  # fmt: skip
def test_what_is_no_setting(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        BuilderSettings.read(wrong)


def test_calibration_data_must_be_there() -> None:
    with pytest.raises(ModelError, match=r"/nowhere\.npz does not exist"):
        BuilderSettings.read({"precision": "int8", "calibration": "/nowhere.npz"})


def test_files_are_named_for_a_worker_in_another_folder() -> None:
    options = ConversionOptions(builder={"timing-cache": "a.cache", "precision": "fp16"})
    assert options.builder == {"timing-cache": str(Path("a.cache").absolute()), "precision": "fp16"}


def test_a_program_does_as_well_as_the_packages(tmp_path: Path) -> None:
    def nowhere(*_: object) -> Interpreter:
        return Interpreter(None, "nowhere", "it lacks everything")

    program = tmp_path / "builder"
    edge = Edge(
        name="x", source="onnx", target="tensorrt", tool="x", packages=("x",),
        programs=("no-such-program", str(program)),
    )  # fmt: skip
    plan = make_plan(ModelFormat("onnx"), "tensorrt", edges=[edge], look=nowhere)
    assert plan.steps[0].missing == "it lacks everything"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    plan = make_plan(ModelFormat("onnx"), "tensorrt", edges=[edge], look=nowhere)
    assert plan.runnable
    assert plan.steps[0].place == str(program)
