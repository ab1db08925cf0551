"""Every command of the README and the help topics that needs no board is run as it is written."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from help_commands import Documented, documented_commands

from edgeloop.demo import ASSETS
from edgeloop.envs.managed import python_of

# Commands that measure get the shortest effort: what they print is tested elsewhere.
_BRIEF = {
    "bench": ("--effort", "quick", "--budget", "1"),
    "overhead": ("--effort", "quick", "--budget", "2"),
    "compare": ("--effort", "quick", "--budget", "2"),
    # What one command made, or the folder had, is there when another makes it.
    **dict.fromkeys(("convert", "quantize"), ("--force",)),
}
_SUITE = """
effort = "quick"
budget = 0.5
[matrix]
models = ["model.tflite", "model.onnx"]
runtimes = ["litert", "onnxruntime"]
"""
_NET = """
import torch
class Net(torch.nn.Sequential):
    def __init__(self):
        super().__init__(torch.nn.Flatten(), torch.nn.Linear(64, 10))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the topics name, made of the demo's."""
    for source, name in (
        ("digits_float32.tflite", "model.tflite"),
        ("digits_int8.tflite", "model_int8.tflite"),
        ("digits_float32.onnx", "model.onnx"),
        ("digits_float32.pt", "model.pt"),
        ("digits_test.npz", "test.npz"),
        ("digits_test.npz", "train.npz"),
    ):
        shutil.copy(ASSETS / source, tmp_path / name)
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    pixels = (np.load(tmp_path / "test.npz")["x_data"][0, :, :, 0] * 255).clip(0, 255)
    pillow.fromarray(pixels.astype(np.uint8)).save(tmp_path / "digit.png")
    (tmp_path / "suite.toml").write_text(_SUITE, encoding="utf-8")
    (tmp_path / "net.py").write_text(_NET, encoding="utf-8")
    return tmp_path


def _pages(*marks: str) -> dict[str, list[Documented]]:
    pages: dict[str, list[Documented]] = {}
    for command in documented_commands():
        if command.mark in marks:
            pages.setdefault(command.page, []).append(command)
    return pages


def _run(command_line, commands: list[Documented]) -> None:
    for command in commands:
        words = [*command.words[1:], *_BRIEF.get(command.words[1], ())]
        done = command_line(*words, timeout_s=280)
        # 3: a runtime that this environment lacks, which the sentence names.
        assert done.returncode in (0, 3), f"{command}\n{done.stdout}\n{done.stderr}"
        if done.returncode == 3:
            assert "edgeloop: " in done.stderr


@pytest.mark.parametrize("page", sorted(_pages("")))
def test_the_commands_of_a_page_run_one_after_the_other(page: str, folder, command_line) -> None:
    for needed in ("ai_edge_litert", "onnxruntime", "sklearn"):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    _run(command_line, _pages("")[page])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", sorted(_pages("tensorflow", "torch")))
def test_the_commands_that_need_large_packages_run(page: str, folder, command_line) -> None:
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    if python_of("convert") is None:
        pytest.skip("the environment with the converters is not here: edgeloop setup convert")
    import torch

    torch.save({"1.weight": torch.zeros(10, 64), "1.bias": torch.zeros(10)}, folder / "weights.pth")
    _run(command_line, _pages("tensorflow", "torch")[page])
