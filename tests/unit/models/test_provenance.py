"""The report beside a model file: read only where it is of that very file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeloop.models.identity import sha256_of
from edgeloop.models.provenance import provenance, read_sidecar, sidecar_of


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"some weights")
    return str(path)


def write(model: str, **changes: object) -> None:
    document = {"sha256": sha256_of(model), "steps": [{"edge": "a", "log": "talk"}], **changes}
    sidecar_of(model).write_text(json.dumps(document), encoding="utf-8")


def test_the_report_is_read_without_the_logs(model: str) -> None:
    write(model, quantization={"io": "int8", "log": "more talk"})
    assert provenance(model) == {
        "sha256": sha256_of(model), "steps": [{"edge": "a"}], "quantization": {"io": "int8"},
    }  # fmt: skip


def test_a_model_without_a_report_was_made_elsewhere(model: str) -> None:
    assert read_sidecar(model) is None
    assert provenance(model) is None


def test_a_report_on_another_file_is_none(model: str) -> None:
    write(model)
    Path(model).write_bytes(b"other weights")
    assert provenance(model) is None


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000])
def test_what_is_no_report_is_none(model: str, text: str) -> None:
    sidecar_of(model).write_text(text, encoding="utf-8")
    assert provenance(model) is None


@pytest.mark.parametrize("steps", [None, 3, ["a"], {"a": 1}])
def test_a_strange_report_does_no_harm(model: str, steps: object) -> None:
    write(model, steps=steps)
    assert provenance(model) is not None
