"""`edgeloop demo` as a new user runs it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import runtime


def test_demo_shows_latency_accuracy_and_overhead(command_line: Any) -> None:
    try:
        runtime("onnxruntime").find(None)
        runtime("litert").find(None)
    except NotAvailableError as error:
        pytest.skip(f"the demo's runtimes are not here: {error}")
    path = command_line.folder / "demo.json"
    done = command_line("demo", "--json", str(path), timeout_s=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("edgeloop ") >= 3  # three commands to try next
    rows = json.loads(path.read_text())
    measured = {(row["variant"], row["runtime"]) for row in rows}
    for variant, name in (
        ("tflite-fp32", "litert"),
        ("tflite-int8", "litert"),
        ("onnx-fp32", "onnxruntime"),
        ("onnx-int8", "onnxruntime"),
    ):
        assert (variant, name) in measured
    for row in rows:
        summary = row["result"]
        assert summary["accuracy"]["accuracy"] >= 0.98, row["variant"]
        assert summary["summary"]["median_ci95_ns"] is not None
        for loop, found in summary["overhead"]["loops"].items():
            assert found["difference_ns"] is not None, (row["variant"], row["runtime"], loop)
