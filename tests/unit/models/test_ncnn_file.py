"""ncnn's two files, read without ncnn."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from edgeloop.errors import ModelError
from edgeloop.models.formats import detect_format
from edgeloop.models.identity import identity_of, model_bytes
from edgeloop.models.inspect import inspect_model
from edgeloop.models.ncnn_file import read_ncnn

TEXT = """7767517
5 6
Input data 0 1 data 0=8 1=6 2=3
Convolution conv 1 1 data conv 0=4 1=3 5=1 6=108 -23310=1,0.1
Split split 1 2 conv a b
ReLU relu 1 1 a relu
InnerProduct fc 1 1 b scores 0=10 1=1 2=480
"""
FP16 = 0x01306B47


def _write(folder: Path, text: str = TEXT, flag: int = 0, name: str = "model.ncnn") -> Path:
    path = folder / f"{name}.param"
    path.write_text(text)
    path.with_suffix(".bin").write_bytes(struct.pack("<I", flag) + bytes(400))
    return path


@pytest.mark.parametrize("as_folder", [True, False])
def test_inputs_outputs_operators_and_weights(as_folder: bool, tmp_path: Path) -> None:
    path = _write(tmp_path)
    target = tmp_path if as_folder else path
    assert detect_format(target).format == "ncnn"
    summary = inspect_model(target)
    assert summary.inputs is not None
    assert [(one.name, one.dtype, one.shape) for one in summary.inputs] == [
        ("data", "float32", (1, 3, 6, 8))
    ]
    assert summary.outputs is not None
    assert [one.name for one in summary.outputs] == ["relu", "scores"]
    assert summary.operators is not None
    assert {one.name: one.count for one in summary.operators}["Convolution"] == 1
    assert summary.parameters == 108 + 4 + 480 + 10
    assert summary.precision == "fp32"
    assert summary.macs is None
    assert summary.bytes == path.stat().st_size + 404


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [("", None), ("0=7", (1, 7)), ("0=7 1=5", (1, 5, 7)), ("0=7 1=5 11=4 2=3", (1, 3, 4, 5, 7))],
)
def test_the_shape_of_an_input_is_what_the_text_says(
    sizes: str, shape: object, tmp_path: Path
) -> None:
    path = _write(tmp_path, TEXT.replace("0=8 1=6 2=3", sizes))
    assert read_ncnn(path).inputs == {"data": shape}


def test_the_type_of_the_first_weights_is_the_precision(tmp_path: Path) -> None:
    assert inspect_model(_write(tmp_path, flag=FP16)).precision == "fp16"
    assert inspect_model(_write(tmp_path, flag=12345)).precision is None


def test_layers_whose_weights_are_not_counted_are_named(tmp_path: Path) -> None:
    summary = inspect_model(_write(tmp_path, TEXT.replace("ReLU", "LSTM")))
    assert summary.parameters is None
    assert "LSTM" in summary.parameters_reason


def test_both_files_are_the_model(tmp_path: Path) -> None:
    path = _write(tmp_path)
    before = identity_of(path)
    path.with_suffix(".bin").write_bytes(bytes(8))
    assert identity_of(path) != before
    assert model_bytes(path) == path.stat().st_size + 8


@pytest.mark.parametrize(
    ("text", "words"),
    [("7767517\n", "not a text of ncnn's layers"), ("7767517\nmany\n", "not a text"),
     ("7767517\n0 0\n", "not a text"), (TEXT.replace("5 6", "9 9"), "5 of 9 layers"),
     (TEXT.replace("0 1 data 0=8", "0 7 data 0=8"), "lacks blobs"),
     (TEXT.replace("ReLU", "pnnx.Expression"), "pnnx's own graph")],
)  # fmt: skip
def test_a_damaged_text_is_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words):
        inspect_model(_write(tmp_path, text))


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    path = _write(tmp_path)
    path.with_suffix(".bin").unlink()
    with pytest.raises(ModelError, match=r"needs its weights beside it, in model\.ncnn\.bin"):
        inspect_model(path)
    with pytest.raises(ModelError, match="has 0 pairs"):
        inspect_model(tmp_path)
    _write(tmp_path)
    _write(tmp_path, name="other")
    with pytest.raises(ModelError, match="has 2 pairs"):
        inspect_model(tmp_path)
