"""`compare` over folders: what belongs together, Holm's correction, checks for CI, Markdown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional

import pytest

import edgeloop
from edgeloop.cli.pages.comparison import folder_markdown, folder_page
from edgeloop.errors import CheckFailedError, ModelError, UsageError
from edgeloop.results.compare import FolderComparison, compare_folders, require
from edgeloop.results.samples import decode, encode

DELTA = 0.02


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A result of the null engine, as text."""
    out = tmp_path_factory.mktemp("measured")
    result = edgeloop.bench(
        "null", settings={"multiplications": "5000"}, runs=300, threads=1, out=str(out)
    )
    assert result.path is not None
    return Path(result.path).read_text()


def _write(
    folder: Path,
    text: str,
    title: str,
    factors: tuple[float, ...],
    *,
    created: str = "2026-01-01T00:00:00+0000",
    cpu: str = "",
    sha256: str = "a" * 64,
    executed: Optional[str] = None,
) -> None:
    """Write a copy in which each process takes so many times what was measured."""
    folder.mkdir(exist_ok=True)
    header, first, *_, last = (json.loads(line) for line in text.splitlines())
    header.update(title=title, created=created)
    header["model"]["sha256"] = sha256
    header["runtime"]["executed_precision"] = executed
    if cpu:
        header["host"]["cpu"]["model_names"] = [cpu]
    lines = [header]
    for factor in factors:
        blocks = [
            {**block, "durations_ns": encode((decode(block["durations_ns"]) * factor).astype("u8"))}
            for block in first["blocks"]
        ]
        lines.append({**first, "blocks": blocks})
    path = folder / f"{len(list(folder.iterdir()))}.edgeloop.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in [*lines, last]))


STEADY = (1.0, 1.001, 0.999)
SLOW = (1.1, 1.101, 1.099)


@pytest.fixture
def folders(measured: str, tmp_path: Path) -> tuple[str, str]:
    """Three configurations in both, one of them slower in NEW; one more on either side."""
    base, new = tmp_path / "base", tmp_path / "new"
    for title in ("m@null,threads=1", "m@null,threads=2", "m@null,threads=4"):
        _write(base, measured, title, STEADY)
        _write(new, measured, title, SLOW if title.endswith("2") else STEADY)
    _write(base, measured, "gone@null", STEADY, sha256="b" * 64)
    _write(new, measured, "added@null,threads=8", STEADY, sha256="c" * 64)
    return str(base), str(new)


def _verdicts(compared: FolderComparison) -> dict[str, str]:
    return {row.b.partition(" ")[0]: row.comparison.verdict for row in compared.rows}


def test_rows_are_matched_and_judged(folders: tuple[str, str]) -> None:
    compared = compare_folders(*folders, DELTA, ())
    assert _verdicts(compared) == {
        "m@null,threads=1": "equivalent",
        "m@null,threads=2": "slower",
        "m@null,threads=4": "equivalent",
    }
    assert compared.only_base == ("gone@null (native)",)
    assert compared.only_new == ("added@null,threads=8 (native)",)
    require(compared, [("slower", 0.2), ("faster", 0.0)])
    with pytest.raises(CheckFailedError, match=r"slower: 1 of 3: m@null,threads=2"):
        require(compared, [("slower", 0.02)])
    with pytest.raises(CheckFailedError, match=r"missing: 1 of 4: gone@null"):
        require(compared, [("missing", 0.0)])


@pytest.mark.parametrize(
    ("base_precision", "allow", "verdict"),
    [("fp32", (), "not comparable"), ("fp32", ("precision",), "slower"), (None, (), "slower")],
)
def test_another_executed_precision_is_another_condition_where_both_are_known(
    measured: str,
    tmp_path: Path,
    base_precision: Optional[str],
    allow: tuple[str, ...],
    verdict: str,
) -> None:
    base, new = tmp_path / "base", tmp_path / "new"
    _write(base, measured, "m@null", STEADY, executed=base_precision)
    _write(new, measured, "m@null", SLOW, executed="fp16")
    assert _verdicts(compare_folders(str(base), str(new), DELTA, allow)) == {"m@null": verdict}


def test_p_values_are_corrected_for_the_number_of_rows(measured: str, tmp_path: Path) -> None:
    """A difference that is one in thirty by chance is no verdict among twenty rows."""
    base, new = tmp_path / "base", tmp_path / "new"
    factors = (1.035, 1.05, 1.065)
    _write(base, measured, "odd@null", STEADY)
    _write(new, measured, "odd@null", factors)
    alone = compare_folders(str(base), str(new), 0.01, ())
    assert alone.rows[0].comparison.verdict == "slower"
    for number in range(19):
        _write(base, measured, f"m{number}@null", STEADY)
        _write(new, measured, f"m{number}@null", STEADY)
    many = compare_folders(str(base), str(new), 0.01, ())
    odd = next(row for row in many.rows if row.b.startswith("odd"))
    assert odd.comparison.verdict == "inconclusive"
    assert "not after correction for 20 comparisons" in odd.comparison.reason
    assert odd.comparison.p_value is not None
    assert alone.rows[0].comparison.p_value is not None
    assert odd.comparison.p_value > alone.rows[0].comparison.p_value


def test_unlike_hosts_and_models_are_refused_unless_allowed(measured: str, tmp_path: Path) -> None:
    base, new = tmp_path / "base", tmp_path / "new"
    _write(base, measured, "m@null", STEADY, cpu="Cortex-A72")
    _write(new, measured, "m@null", STEADY, cpu="Cortex-A76", sha256="b" * 64)
    refused = compare_folders(str(base), str(new), DELTA, ())
    reason = refused.rows[0].comparison.reason
    assert "--allow host" in reason
    assert "--allow model" in reason
    with pytest.raises(CheckFailedError, match="not one row could be compared"):
        require(refused, [("slower", 0.02)])
    allowed = compare_folders(str(base), str(new), DELTA, ("host", "model"))
    assert _verdicts(allowed) == {"m@null": "equivalent"}
    with pytest.raises(UsageError, match="unknown value 'hosts' for --allow"):
        compare_folders(str(base), str(new), DELTA, ("hosts",))


def test_each_board_is_compared_with_itself(measured: str, tmp_path: Path) -> None:
    base, new = tmp_path / "base", tmp_path / "new"
    for folder, order in ((base, ("A72", "A76")), (new, ("A76", "A72"))):
        for cpu in order:
            _write(folder, measured, "m@null", SLOW if cpu == "A72" else STEADY, cpu=cpu)
    compared = compare_folders(str(base), str(new), DELTA, ())
    assert [row.comparison.verdict for row in compared.rows] == ["equivalent", "equivalent"]


def test_a_renamed_model_is_still_the_same(measured: str, tmp_path: Path) -> None:
    base, new = tmp_path / "base", tmp_path / "new"
    _write(base, measured, "old.tflite@litert,threads=1", STEADY)
    _write(new, measured, "new.tflite@litert,threads=1", STEADY)
    assert len(compare_folders(str(base), str(new), DELTA, ()).rows) == 1


def test_the_newest_of_several_counts(measured: str, tmp_path: Path) -> None:
    base, new = tmp_path / "base", tmp_path / "new"
    _write(base, measured, "m@null", STEADY)
    _write(new, measured, "m@null", STEADY, created="2026-01-03T00:00:00+0000")
    _write(new, measured, "m@null", SLOW, created="2026-01-02T00:00:00+0000")
    compared = compare_folders(str(base), str(new), DELTA, ())
    assert _verdicts(compared) == {"m@null": "equivalent"}
    assert any("newest of 2" in note for note in compared.notes)


def test_nothing_in_common_and_nothing_at_all(measured: str, tmp_path: Path) -> None:
    base, new = tmp_path / "base", tmp_path / "new"
    _write(base, measured, "a@null", STEADY)
    _write(new, measured, "b@tflite", STEADY, sha256="b" * 64)
    with pytest.raises(ModelError, match=r"nothing in .* matches what was measured"):
        compare_folders(str(base), str(new), DELTA, ())
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="no result was found"):
        compare_folders(str(base), str(tmp_path / "empty"), DELTA, ())


def test_pages(folders: tuple[str, str]) -> None:
    compared = compare_folders(*folders, DELTA, ())
    page = folder_page(compared)
    assert "3 compared: 1 slower, 2 equivalent, 1 missing" in page
    assert "only in BASE: gone@null" in page
    markdown = folder_markdown(compared)
    rows = [line for line in markdown.splitlines() if line.startswith("| m@null")]
    assert rows[0].endswith("| slower |")
    assert len(rows) == 3
    assert json.loads(json.dumps(compared.as_dict()))["counts"] == {"equivalent": 2, "slower": 1}


def test_the_command_line(folders: tuple[str, str], tmp_path: Path, command_line: Any) -> None:
    target = tmp_path / "pr.md"
    done = command_line(
        "compare", *folders, "--delta", "2%", "--fail-on", "slower:2%",
        "--markdown", str(target), "--json", "-",
    )  # fmt: skip
    assert done.returncode == 1
    assert "--fail-on slower: 1 of 3" in done.stderr
    assert json.loads(done.stdout)["counts"]["slower"] == 1
    assert "| slower |" in target.read_text()
    assert command_line("compare", *folders, "--delta", "2%").returncode == 0
    printed = command_line("compare", *folders, "--markdown", "-")
    assert printed.stdout.startswith("**3 compared")
    bad = command_line("compare", "null@null", "null@null", "--markdown", "-")
    assert bad.returncode == 2
    nowhere = command_line("compare", *folders, "--markdown", str(tmp_path / "no" / "x.md"))
    assert nowhere.returncode == 6
