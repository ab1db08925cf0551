"""A result that somebody else wrote: one odd field costs a sentence, and no page its others."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from fakes.mutated_results import mutants

from edgeloop.cli.pages.history import history_page
from edgeloop.cli.pages.table import result_page
from edgeloop.errors import ModelError
from edgeloop.report.html import html_page
from edgeloop.report.markdown import markdown_page
from edgeloop.report.write import ReportTargets, write_report
from edgeloop.results.collection import collect
from edgeloop.results.document import odd_fields
from edgeloop.results.history import history, read_entry
from edgeloop.results.store import SUFFIX, read_result

GOLDEN = Path(__file__).parents[2] / "golden" / f"v1-null-bench{SUFFIX}"
MUTANTS = 150
SEED = 15


def golden_lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_no_field_breaks_a_page(tmp_path: Path) -> None:
    path = tmp_path / f"a{SUFFIX}"
    read = 0
    for mutant in mutants(golden_lines(), MUTANTS, SEED):
        write(path, mutant)
        pages = []
        try:
            entry = read_entry(path)
            pages.append(history_page([entry], {entry.path: 1}))
        except ModelError as error:
            pages.append(str(error))
        try:
            collected = collect([str(path)])
            with odd_fields(str(path)):
                pages.append(json.dumps(collected.results[0].as_dict(), allow_nan=False))
                pages.append(result_page(collected.results[0]))
            pages.append(markdown_page(collected.rows))
            pages.append(html_page("t", collected.rows, [], [], [], []))
            read += 1
        except ModelError as error:
            pages.append(str(error))
        assert not any("\x1b" in page for page in pages)
        "".join(pages).encode()
    assert 0 < read < MUTANTS


def test_one_odd_result_does_not_spoil_a_report(tmp_path: Path) -> None:
    lines = golden_lines()
    write(tmp_path / f"good{SUFFIX}", lines)
    lines[0]["host"]["board"] = None
    write(tmp_path / f"odd{SUFFIX}", lines)
    os.mkfifo(tmp_path / f"pipe{SUFFIX}")
    (tmp_path / f"zero{SUFFIX}").symlink_to("/dev/zero")
    printed: list[str] = []
    said = write_report([str(tmp_path)], ReportTargets(), "t", False, False, printed.append)
    assert "100.0 ns" in printed[0]
    assert "| 2 |" not in printed[0]
    assert "'board' is null" in said[0]
    assert ["is not a file" in line for line in said] == [False, True, True]
    entries, unreadable = history(tmp_path)
    assert len(entries) == 1
    assert len(unreadable) == 3


def test_a_formula_stays_text(tmp_path: Path) -> None:
    lines = golden_lines()
    lines[0]["title"] = " =cmd()@null"
    lines[0]["runtime"]["name"] = " +1"
    printed: list[str] = []
    path = str(write(tmp_path / f"a{SUFFIX}", lines))
    write_report([path], ReportTargets(csv="-"), "t", False, False, printed.append)
    (row,) = csv.DictReader(io.StringIO(printed[0]))
    formulas = [cell for cell in row.values() if "cmd" in cell or cell.strip("' ") == "+1"]
    assert formulas
    assert all(cell.startswith("'") for cell in formulas)


def test_a_name_that_tex_would_read(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    lines = golden_lines()
    lines[0]["title"] = lines[0]["model"]["path"] = "$\\b$"
    path = str(write(tmp_path / f"a{SUFFIX}", lines))
    page = tmp_path / "page.html"
    write_report([path], ReportTargets(html=str(page)), "t", False, False, print)
    assert "<svg" in page.read_text(encoding="utf-8")


def test_a_report_that_does_not_fit_leaves_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    def full(path: Path, text: str, encoding: str) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    target = tmp_path / "page.md"
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(Exception, match="No space left"):
        write_report([str(GOLDEN)], ReportTargets(markdown=str(target)), "t", False, False, print)
    assert not target.exists()


def test_samples_are_bounded_for_the_whole_file(tmp_path: Path) -> None:
    """Sixteen blocks of 16 MiB each, in some hundred kB."""
    lines = golden_lines()
    packed = base64.b64encode(zlib.compress(b"\1\0\0\0" * (1 << 22), 9)).decode()
    block = {**lines[1]["blocks"][0], "durations_ns": {"dtype": "<u4", "zlib+base64": packed}}
    lines[1]["blocks"] = [block] * 16
    path = write(tmp_path / f"a{SUFFIX}", lines)
    with pytest.raises(ModelError, match=r"damaged at line 2.*larger than any block or run"):
        read_result(str(path))


def test_values_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / f"a{SUFFIX}"
    path.write_text('{"schema_version": 1, "x": [' + "[]," * 3_000_000 + "[]]}", encoding="utf-8")
    with pytest.raises(ModelError, match="values, which no result does"):
        read_result(str(path))


def test_nesting_without_end(tmp_path: Path) -> None:
    path = tmp_path / f"a{SUFFIX}"
    path.write_text('{"x":' * 100_000, encoding="utf-8")
    with pytest.raises(ModelError, match="no complete line"):
        read_result(str(path))
