"""`convert --to aotinductor` as a user calls it, and every way of PyTorch in one table."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from edgeloop.demo import ASSETS

pytest.importorskip("torch", reason="pip install torch")

DIGITS = str(ASSETS / "digits_float32.pt")
SHAPE = ("--shape", "1x1x8x8")
MODES = ("eager", "script", "compile", "aotinductor")
LOOPS = ("native", "binding", "callable", "framework", "framework-io")

needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None, reason="no g++ is here to compile the package: apt install g++"
)


def convert(command_line: Any, *arguments: str) -> Any:
    return command_line("convert", DIGITS, "--to", "aotinductor", *SHAPE, *arguments, timeout_s=600)


@needs_compiler
def test_a_package_is_compiled_verified_and_says_how(command_line: Any, tmp_path: Path) -> None:
    done = convert(command_line, "--out", "digits.pt2", "--strict", "--json", "-")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    verification = report["verification"]
    assert report["format"] == "aotinductor"
    assert Path(report["path"]) == tmp_path / "digits.pt2"
    assert verification["passed"] is True
    assert verification["precision"] == "fp32"  # whose tolerance it was held to
    assert verification["samples"] >= 8  # random ones: none is the example of zeros
    assert any("machine code" in note for note in report["steps"][0]["notes"])

    inspected = command_line("inspect", "digits.pt2", "--json", "-")
    assert json.loads(inspected.stdout)["inputs"][0]["shape"] == [1, 1, 8, 8]

    (tmp_path / "digits.pt2").rename(tmp_path / "moved.pt2")
    run = ("bench", "moved.pt2", "--runtime", "aotinductor", "--runs", "3", "--no-save")
    done = command_line(*run)  # it is known by its content
    assert done.returncode == 0, done.stderr
    with (tmp_path / "moved.pt2").open("ab") as file:
        file.write(b"\0")
    done = command_line(*run)
    assert done.returncode == 4
    assert "edgeloop did not compile here" in done.stderr


@pytest.mark.filterwarnings(r"ignore:`torch\.jit:DeprecationWarning")
@pytest.mark.parametrize("frozen", [False, True])
def test_torchscript_with_parameters_is_exported(frozen: bool, tmp_path: Path) -> None:
    """torch.export takes none of the parameters of a TorchScript module for one."""
    import torch

    from edgeloop.runtimes.torch_files import LoadedModule
    from edgeloop.runtimes.torch_modes import exported

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4)).eval()
    example = torch.randn(1, 1, 8, 8)
    script = torch.jit.trace(module, example)
    torch.jit.save(torch.jit.freeze(script) if frozen else script, str(tmp_path / "model.pt"))
    loaded = torch.jit.load(str(tmp_path / "model.pt"))
    program = exported(torch, LoadedModule(loaded, (), ()), [example], "model.pt")
    with torch.no_grad():
        found, wanted = program.module()(example), module(example)
    # A frozen file has the normalisation folded into the weights: float32 rounds otherwise.
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_without_a_compiler_nothing_starts(
    command_line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.delitem(command_line.environment, "CXX", raising=False)
    monkeypatch.setitem(command_line.environment, "PATH", str(tmp_path / "empty"))
    before = set(tmp_path.iterdir())
    done = convert(command_line)
    assert done.returncode == 3, done.stderr
    assert "sudo apt-get install g++" in done.stderr
    assert "Traceback" not in done.stderr
    assert set(tmp_path.iterdir()) - before <= {tmp_path / "data"}  # no package, nothing half


@needs_compiler
@pytest.mark.slow  # four workers import torch, one of them compiles: over a minute on a slow board
@pytest.mark.timeout(1200)
def test_every_mode_stands_in_one_table(packages: Any, command_line: Any, tmp_path: Path) -> None:
    """The page and the document are of one run; the figures are not judged, only that they are."""
    done = command_line(
        "overhead", DIGITS, *SHAPE, "--runtime", "torch", "--package", str(packages.digits),
        "--trust-pickle", "--torch-mode", ",".join(MODES), "--runs", "20", "--no-save", "--json",
        "all.json",
        timeout_s=1100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "all.json").read_text())
    assert [result["spec"]["options"]["torch_mode"] for result in results] == list(MODES)
    for result in results:
        assert set(result["loops"]) == set(LOOPS)
        runtime = result["runtime"]
        assert Path(runtime["path"]).name == "libtorch_cpu.so"  # the native loop's
        assert runtime["bytes"] > 0
        assert runtime["device"] is None
        assert "AOTInductorModelContainerRun" in result["timed_region"]["native"]
    assert len({result["timed_region"]["framework"] for result in results}) == len(MODES)

    table = done.stdout[done.stdout.index("PyTorch's modes") :]
    for mode in ("package", *MODES):
        assert re.search(rf"^\s*{mode}\b", table, re.MULTILINE), table
