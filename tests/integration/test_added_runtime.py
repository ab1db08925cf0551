"""A runtime that edgeloop does not have: one C file and one Python file, and every command runs it.

The engine is compiled with nothing but `edgeloop/engine_v1.h`; the Python file is a package of its
own, offered by an entry point. It says the facts that have no default, and no more.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

RUNTIME = '''
"""Models of one line, "scale COUNT end": in C, and in NumPy as the framework."""

from pathlib import Path

import numpy as np

from edgeloop import _core
from edgeloop.runtimes.protocol import Framework, Installation, Runtime
from edgeloop.spec.load import ANY, LOOPS, TensorSpec

LIBRARY = Path(__file__).with_name("scale_engine.so")


class ScaleFramework(Framework):
    def __init__(self, model):
        count = int(Path(model).read_text().split()[1])
        self.inputs = (TensorSpec("x", "float32", (count,)),)
        self.x = np.zeros(count, np.float32)

    def set_inputs(self, arrays):
        self.x = np.array(arrays[0])

    def invoke(self):
        self.y = self.x * np.float32(1)

    def invoke_io(self):
        self.invoke()
        return self.y.copy()

    def outputs(self):
        return [self.y.copy()]


class Scale(Runtime):
    name = "scale"
    formats = {ANY: None}
    loops = LOOPS
    timed_region = dict.fromkeys(LOOPS, "y = factor * x")
    install_hint = "pip install edgeloop-scale"

    def find(self, library=None):
        return Installation("1.2", str(LIBRARY), "the edgeloop-scale package")

    def load_engine(self, options, framework):
        return _core.create_engine("plugin", library=str(LIBRARY), model=options.model)

    def load_framework(self, options):
        return ScaleFramework(options.model)


RUNTIME = Scale()
'''


@pytest.fixture
def scale(plugins: Any, tmp_path: Path, command_line: Any) -> Any:
    """The command line where the package is installed; `model` is a model of it."""
    site = tmp_path / "site"
    information = site / "edgeloop_scale-1.2.dist-info"
    information.mkdir(parents=True)
    (site / "edgeloop_scale.py").write_text(RUNTIME, encoding="utf-8")
    (site / "scale_engine.so").write_bytes(plugins.build("scale_engine").read_bytes())
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: edgeloop-scale\nVersion: 1.2\n", encoding="utf-8"
    )
    (information / "entry_points.txt").write_text(
        "[edgeloop.runtimes]\nscale = edgeloop_scale:RUNTIME\n", encoding="utf-8"
    )
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    command_line.environment["PYTHONPATH"] = path
    command_line.model = str(plugins.model)
    return command_line


def document(done: Any) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_bench_measures_its_native_loop(scale: Any) -> None:
    done = scale("bench", scale.model, "-r", "scale", "--runs", "20", "-t", "1", "--json", "-")
    result = document(done)
    assert result["runtime"]["name"] == "scale"
    assert result["title"] == "model.scale@scale,threads=1"
    assert result["runtime"]["path"].endswith("scale_engine.so")
    assert list(result["loops"]) == ["native"]
    # What the package did not say has the default's words.
    assert "which node ran where" in result["placement_reason"]
    assert result["runtime"]["provider"] is None


def test_overhead_measures_every_loop(scale: Any) -> None:
    done = scale("overhead", scale.model, "-r", "scale", "--runs", "20", "--json", "-")
    result = document(done)
    assert set(result["loops"]) == {"native", "binding", "callable", "framework", "framework-io"}


def test_compare_takes_two_of_its_loops(scale: Any) -> None:
    sides = [f"{scale.model}@scale,threads=1,loop={loop}" for loop in ("native", "framework")]
    done = scale("compare", *sides, "--effort", "quick", "--budget", "1", "--json", "-")
    compared = document(done)
    assert compared["a"] == "model.scale@scale,threads=1,loop=native"
    assert compared["ratio"] > 0


def test_profile_says_why_it_cannot(scale: Any) -> None:
    done = scale("profile", scale.model, "-r", "scale")
    assert done.returncode == 3
    assert "scale cannot tell the time of an operator: it times whole runs only" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_finds_it(scale: Any) -> None:
    done = scale("doctor", "--json", "-")
    found = {one["name"]: one for one in document(done)["runtimes"]}
    assert found["scale"]["state"] == "found"
    assert found["scale"]["version"] == "1.2"
    assert found["scale"]["origin"] == "the edgeloop-scale package"


def test_a_suite_has_rows_of_it(scale: Any) -> None:
    suite = scale.folder / "suite.toml"
    suite.write_text(
        "threads = 1\nruns = 10\n[matrix]\n"
        f"models = [{json.dumps(scale.model)}]\nruntimes = ['scale']\n"
        "loops = ['native', 'framework']\n",
        encoding="utf-8",
    )
    done = scale("suite", str(suite), "--out", "out", "--json", "-")
    entries = document(done)["entries"]
    assert [one["state"] for one in entries] == ["finished", "finished"]
    assert all("@scale" in one["name"] for one in entries)
