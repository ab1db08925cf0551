"""Runtime `coral`: PyCoral where an interpreter has it, and the package that merely has its name.

No device is here: a package of PyCoral's form stands for it, over the classic interpreter of
ai-edge-litert with the test delegate in the place of the Edge TPU's.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

FAKE = """
import os

def list_edge_tpus():
    return [{"type": "usb"}] if os.environ.get("FAKE_EDGETPU") else []

def make_interpreter(model_path, device=None, delegate=None):
    from ai_edge_litert.interpreter import Interpreter, load_delegate
    plugin = os.environ["FAKE_EDGETPU"]
    return Interpreter(model_path=model_path, experimental_delegates=[load_delegate(plugin)])
"""


@pytest.fixture
def pycoral(tmp_path: Path, command_line: Any, add_delegate: str):
    """Put a package of PyCoral's form on the workers' path."""
    pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

    def install(*, google: bool = True, device: bool = True) -> None:
        package = tmp_path / "site" / "pycoral"
        (package / "utils").mkdir(parents=True)
        (package / "__init__.py").touch()
        if google:
            (package / "utils" / "__init__.py").touch()
            (package / "utils" / "edgetpu.py").write_text(FAKE)
        path = [str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
        command_line.environment["PYTHONPATH"] = os.pathsep.join(path)
        command_line.environment["FAKE_EDGETPU"] = add_delegate if device else ""

    return install


@pytest.fixture
def model(tiny: Any, tmp_path: Path) -> str:
    path = tmp_path / "two.tflite"
    path.write_bytes(tiny.two_inputs())
    return str(path)


def test_its_loops_and_what_its_delegate_took(
    pycoral: Any, command_line: Any, model: str, tmp_path: Path
) -> None:
    pycoral()
    document = tmp_path / "result.json"
    done = command_line(
        "overhead", model, "--runtime", "coral", "--runs", "20", "--json", str(document)
    )
    assert done.returncode == 0, done.stderr
    assert "no native loop: PyCoral has no C interface" in done.stderr
    result = json.loads(document.read_text())
    assert list(result["loops"]) == ["callable", "framework", "framework-io"]
    (delegate,) = result["placement"]["delegates"]
    assert (delegate["name"], delegate["nodes"], delegate["owners"]) == (
        "edgetpu", 1, ["TestAddDelegate"],
    )  # fmt: skip
    named = command_line("bench", model, "--runtime", "coral", "--delegate", "edgetpu",
                         "--runs", "5", "--require-delegate", "any")  # fmt: skip
    assert named.returncode == 0, named.stderr
    other = command_line("bench", model, "--runtime", "coral", "--delegate", "armnn", "--runs", "5")
    assert other.returncode == 2
    profiled = command_line("profile", model, "--runtime", "coral")
    assert profiled.returncode == 3
    assert "--runtime tflite --delegate edgetpu" in profiled.stderr


def test_without_a_device_it_says_what_to_check(
    pycoral: Any, command_line: Any, model: str
) -> None:
    pycoral(device=False)
    done = command_line("bench", model, "--runtime", "coral", "--runs", "5")
    assert done.returncode == 3
    assert "no Edge TPU found" in done.stderr
    assert "USB 3" in done.stderr


def test_a_package_that_merely_has_the_name(pycoral: Any, command_line: Any, model: str) -> None:
    pycoral(google=False)
    done = command_line("bench", model, "--runtime", "coral", "--runs", "5")
    assert done.returncode == 3
    assert "is not Google's" in done.stderr
    assert str(Path("utils") / "edgetpu.py") in done.stderr


def test_no_package_at_all(command_line: Any, model: str) -> None:
    if "pycoral" in sys.modules:
        pytest.skip("PyCoral is installed here")
    done = command_line("bench", model, "--runtime", "coral", "--runs", "5")
    assert done.returncode == 3
    assert "another project's" in done.stderr
