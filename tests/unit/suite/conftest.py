"""A suite of the null engine, written to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from edgeloop.demo import ASSETS


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], str]:
    """A function that writes the text of a suite and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "boards.toml"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with two TFLite models and an ONNX model."""
    copies = {"a.tflite": "digits_float32.tflite", "b.tflite": "digits_int8.tflite"}
    for name, asset in {**copies, "c.onnx": "digits_float32.onnx"}.items():
        (tmp_path / name).write_bytes((ASSETS / asset).read_bytes())
    return tmp_path
