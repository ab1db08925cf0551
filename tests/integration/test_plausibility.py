"""A latency beyond what the device can do loses its headline, in text, JSON and exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import edgeloop
from edgeloop.cli.app import run

DIGITS = Path(edgeloop.__file__).parent / "demo" / "assets" / "digits_float32.tflite"
QUICK = ["--effort", "quick", "--budget", "1", "--no-save", "--json", "-", "--runtime", "litert"]

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")


def bench(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict, str]:
    code = run(["bench", str(DIGITS), *QUICK, *options])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def test_an_impossible_headline_is_withheld(capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _ = bench(capsys, "--peak-gflops", "0.0001")
    assert code == 0
    assert document["plausibility"]["verdict"] == "impossible"
    assert document["summary"]["median_ns"] is None
    assert document["summary"]["median_ns_reason"].startswith("impossible: ")
    assert document["loops"]["native"]["median_ns"] > 0
    assert "impossible" in [warning["code"] for warning in document["warnings"]]


def test_strict_makes_it_fail(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = bench(capsys, "--peak-gflops", "0.0001", "--strict")
    assert code == 1
    assert "--strict: impossible: " in said


def test_a_possible_one_stays(capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _ = bench(capsys, "--peak-gflops", "1000000", "--strict")
    assert code == 0
    assert document["plausibility"]["verdict"] == "possible"
    assert 0 < document["plausibility"]["gflops"] < 1000000
    assert document["summary"]["median_ns"] > 0
