"""TensorFlow: what its loops compute, its two formats and APIs, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Optional

import pytest

from edgeloop.envs.managed import python_of

MODELS = Path(__file__).parent / "models"
PYTHON: Optional[str] = (
    sys.executable if find_spec("tensorflow") else python_of("tensorflow") or python_of("convert")
)
pytestmark = pytest.mark.skipif(PYTHON is None, reason="run 'edgeloop setup tensorflow'")

LOOPS = ("native", "binding", "callable", "framework", "framework-io")


@pytest.fixture(scope="module")
def models(tmp_path_factory: Any) -> Path:
    """A folder with small models, see models/tensorflow_files.py."""
    folder = tmp_path_factory.mktemp("tensorflow")
    script = [str(PYTHON), str(MODELS / "tensorflow_files.py"), str(folder)]
    subprocess.run(script, check=True, capture_output=True, timeout=300)
    return Path(folder)


@pytest.fixture
def tensorflow(command_line: Any) -> Any:
    """The command line with the runtime, and the environments of this machine."""
    if "EDGELOOP_ENVS" in os.environ:
        command_line.environment["EDGELOOP_ENVS"] = os.environ["EDGELOOP_ENVS"]

    def run(command: str, model: Path, *arguments: str) -> Any:
        return command_line(
            command, str(model), *arguments, "--runtime", "tensorflow", "--threads", "1",
            timeout_s=280,
        )  # fmt: skip

    run.folder = command_line.folder  # type: ignore[attr-defined]
    return run


def _correct(done: Any) -> int:
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["accuracy"]["correct"])


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("model", ["linear", "frozen.pb"])
def test_every_loop_computes_what_the_model_says(
    model: str, loop: str, models: Path, tensorflow: Any
) -> None:
    data = (str(models / "linear.npz"), "--json", "-", "--loops", loop)
    # The labels are where the product of the weights, computed by numpy, is largest.
    assert _correct(tensorflow("eval", models / model, *data)) == 40


def test_a_session_computes_the_same_as_the_function(models: Path, tensorflow: Any) -> None:
    done = tensorflow(
        "eval", models / "linear", str(models / "linear.npz"), "--json", "-",
        "--loops", "framework", "--set", "api=session",
    )  # fmt: skip
    assert _correct(done) == 40
    assert "Session.run" in json.loads(done.stdout)["timed_region"]["framework"]


def test_what_python_costs(models: Path, tensorflow: Any) -> None:
    done = tensorflow("overhead", models / "linear", "--runs", "20", "--json", "-")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result["loops"]) == set(LOOPS)
    assert result["runtime"]["executed_precision"] == "fp32"


@pytest.mark.parametrize(
    ("model", "options", "code", "sentence"),
    [
        ("no_signature", (), 4, "has no signature"),
        ("text", (), 4, "is string, which edgeloop cannot fill"),
        ("no_variables", (), 5, "Could not find variable"),
        ("linear", ("--shape", "x=2x9"), 2, "is ?x8, which its graph fixes"),
        ("linear", ("--set", "api=eager"), 2, "api=eager is not one of function, session"),
        ("linear", ("--set", "outputs=y"), 2, "outputs=NAME is for frozen graphs alone"),
        ("frozen.pb", ("--set", "outputs=end"), 2, "no node 'end'"),
        ("unknown.pb", (), 4, "Op type not registered 'Mystery'"),
        ("files", (), 4, "the operator WriteFile, which reaches out of the model"),
    ],
)
def test_what_is_refused(
    model: str, options: tuple[str, ...], code: int, sentence: str, models: Path, tensorflow: Any
) -> None:
    done = tensorflow("bench", models / model, "--runs", "3", *options)
    assert sentence in done.stderr
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def test_a_library_of_another_kind_is_said(models: Path, command_line: Any) -> None:
    done = command_line(
        "bench", str(models / "linear"), "--runtime", "tensorflow", "--library", "/etc/passwd"
    )
    assert done.returncode == 3
    assert "cannot load the library /etc/passwd" in done.stderr
    assert "another library" in done.stderr or "invalid ELF header" in done.stderr
