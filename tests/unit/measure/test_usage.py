from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeloop.measure import usage as module
from edgeloop.measure.usage import usage


def test_the_peak_grows_with_what_is_used() -> None:
    before = usage()["peak_rss_bytes"]
    ballast = np.ones(before // 8 + 4_000_000)  # more than this process ever had
    del ballast
    assert usage()["peak_rss_bytes"] >= before + 16_000_000


def test_context_switches_are_counted() -> None:
    assert all(count >= 0 for count in usage()["context_switches"].values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pythön (1, #threads: 1)\n---\nse.nr_migrations   :   12\n", 12),
        ("nr_switches : 4\n", None),
        ("", None),
    ],
)
def test_migrations(
    text: str, expected: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sched"
    file.write_bytes(text.encode("latin-1"))
    monkeypatch.setattr(module, "Path", lambda path: file)
    assert module._migrations() == expected


def test_a_kernel_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Path", lambda path: Path("/nowhere"))
    used = usage()
    assert used["peak_rss_bytes"] is None
    assert used["migrations"] is None
