from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import edgeloop.stats

MODULES = sorted(path.stem for path in Path(edgeloop.stats.__file__).parent.glob("[a-z]*.py"))


def loaded_after(code: str) -> set[str]:
    report = f"import sys; sys.path[:] = {sys.path!r}; {code}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_needs_numpy_only() -> None:
    loaded = loaded_after("; ".join(f"import edgeloop.stats.{name}" for name in MODULES))
    assert "numpy" in loaded
    assert "scipy" not in loaded


def test_summary_and_comparison_do_without_the_slow_scipy_stats() -> None:
    loaded = loaded_after(
        "import numpy as np; from edgeloop.stats.summary import summarise;"
        "from edgeloop.stats.compare import compare_paired;"
        "from edgeloop.stats.run_times import RunTimes;"
        "summarise([[RunTimes.of_samples(np.arange(1, 100), 1)] * 20] * 5);"
        "compare_paired(np.arange(1, 30), np.arange(2, 31), processes=range(29))"
    )
    assert "scipy.special" in loaded
    assert "scipy.stats" not in loaded
