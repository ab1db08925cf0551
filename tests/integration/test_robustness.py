"""Mutants of the demo's models and of a result, in numbers: none fails, and none costs much."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "robustness.py"


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_no_mutant_fails():
    pytest.importorskip("onnx", reason="pip install onnx")
    counts = ["--models", "250", "--results", "1000", "--readers", "1000"]
    command = [sys.executable, str(SCRIPT), *counts]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()[2:]]
    assert len(rows) > 15
    assert all(row[-2:] == ["0", "0"] for row in rows), done.stdout + done.stderr
