"""`edgeloop results`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edgeloop.cli.app import run

GOLDEN = Path(__file__).parents[2] / "golden" / "v1-null-bench.edgeloop.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("20261121-a", "20261121-b"):
        shutil.copy(GOLDEN, tmp_path / f"{name}.edgeloop.jsonl")
    return tmp_path


def test_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "broken.edgeloop.jsonl").write_text("{}\n", encoding="utf-8")
    assert run(["results", "list", "--folder", str(folder)]) == 0
    said = capsys.readouterr()
    assert said.out.count("null@null") == 2
    assert "AMD EPYC" in said.out
    assert "broken.edgeloop.jsonl is not a result" in said.err
    assert run(["results", "list", "--folder", str(folder), "--runtime", "torch"]) == 0
    assert capsys.readouterr().out.strip() == "no result fits"


def test_list_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["results", "list", "--folder", str(folder), "--json", "-"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["runtime"] for entry in entries] == ["null", "null"]
    assert all(entry["median_ns"] > 0 for entry in entries)


def test_show_prints_what_was_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["results", "show", "20261121-a", "--folder", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "null@null,threads=1,multiplications=100" in said
    assert "binding" in said
    assert run(["results", "show", "x", "--folder", str(folder)]) == 2


def test_prune_removes_only_with_yes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["results", "prune", "--folder", str(folder)]) == 0
    said = capsys.readouterr()
    assert said.out.count("would remove") == 1
    assert "--yes" in said.err
    assert len(list(folder.iterdir())) == 2
    assert run(["results", "prune", "--folder", str(folder), "--yes"]) == 0
    assert len(list(folder.iterdir())) == 1
    assert run(["results", "prune", "--keep", "-1"]) == 2


def test_a_number_of_the_list_names_a_result(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["results", "list", "--folder", str(folder)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:3]]
    assert [row[0] for row in rows] == ["2", "1"]
    assert run(["results", "show", "1", "--folder", str(folder)]) == 0
    assert run(["results", "show", "3", "--folder", str(folder)]) == 2
    assert "holds 2" in capsys.readouterr().err


def test_report_takes_the_newest_or_a_number(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = folder / "data" / "edgeloop" / "results"
    kept.mkdir(parents=True)
    for path in list(folder.glob("*.jsonl")):
        path.rename(kept / path.name)
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    for places in ([], ["1"], ["2", "1"]):
        assert run(["report", *places]) == 0
        assert "null" in capsys.readouterr().out
    assert run(["report", "9"]) == 2
