"""Pages fit the terminal: tables by giving way, lines by breaking between words."""

from __future__ import annotations

import pytest

from edgeloop.cli.pages import columns as module
from edgeloop.cli.pages.columns import columns, fitted

ROWS = [
    ("#", "what", "median [95 %]"),
    ("12", "bench mobilenet_v2_1.0_224_quant.tflite@litert,threads=2", "68.64 µs [44.15, 83.39]"),
]


@pytest.fixture
def width(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    monkeypatch.setattr(module, "page_width", lambda: request.param)
    return int(request.param)


def test_a_pipe_has_no_end() -> None:
    assert columns(ROWS).split("\n")[1].endswith("threads=2  68.64 µs [44.15, 83.39]")
    assert fitted("word " * 100) == "word " * 100


@pytest.mark.parametrize("width", [80, 60, 40], indirect=True)
def test_the_widest_column_gives_way_and_nothing_is_lost(width: int) -> None:
    text = columns(ROWS, right=(2,))
    assert max(map(len, text.split("\n"))) <= width
    squeezed = "".join(text.split())
    for piece in ("mobilenet_", "threads=2", "68.64", "[44.15,83.39]"):
        assert piece in squeezed


@pytest.mark.parametrize("width", [60], indirect=True)
def test_a_figure_stays_with_its_unit_and_its_interval(width: int) -> None:
    text = fitted("  Python costs at the very most a little under 653.12 ns [592.3, 714.1] a call")
    assert text.split("\n")[0] == "  Python costs at the very most a little under 653.12 ns"
    assert text.split("\n")[1] == "    [592.3, 714.1] a call"


@pytest.mark.parametrize("width", [30], indirect=True)
def test_a_name_breaks_at_its_joints(width: int) -> None:
    lines = fitted("resnet.tflite@litert,threads=2,delegate=xnnpack").split("\n")
    assert lines == ["resnet.tflite@litert,", "  threads=2,delegate=xnnpack"]
    assert max(map(len, lines)) <= width
