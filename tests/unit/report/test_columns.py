from __future__ import annotations

from edgeloop.cli.pages.columns import columns


def test_cells_are_aligned() -> None:
    rows = [("median", "12 ms"), ("p", "1 ms")]
    assert columns(rows) == "  median  12 ms\n  p       1 ms"


def test_columns_may_be_flushed_right_and_indented_otherwise() -> None:
    rows = [("a", "1", "x"), ("bb", "100", "")]
    assert columns(rows, indent="", right=(1,)) == "a     1  x\nbb  100"


def test_rows_may_be_short_or_none() -> None:
    assert columns([("a", "b", "c"), ("long",)]) == "  a     b  c\n  long"
    assert columns([]) == ""
