"""`edgeloop report`: many results as HTML, Markdown, CSV and charts."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgeloop.cli.app import run
from edgeloop.errors import ModelError
from edgeloop.report.answer import answers, measured
from edgeloop.report.cells import COLUMNS, csv_rows, shown_columns
from edgeloop.report.charts import pareto_front
from edgeloop.report.html import differences, html_page
from edgeloop.report.markdown import markdown_page
from edgeloop.report.tracks import Axis, Mark
from edgeloop.results.collection import collect
from edgeloop.results.row import Figure, ReportRow, report_rows
from edgeloop.results.store import SUFFIX, read_result

GOLDEN = Path(__file__).parents[2] / "golden" / "v1-null-bench.edgeloop.jsonl"
HOSTILE = '<script>alert(1)</script>"&|`*_\x1b[31m'


def edited(folder: Path, name: str, **header: Any) -> Path:
    """Copy the golden result with changes to its header."""
    first, *rest = GOLDEN.read_text(encoding="utf-8").splitlines()
    document = {**json.loads(first), **header}
    path = folder / f"{name}{SUFFIX}"
    path.write_text("\n".join([json.dumps(document), *rest]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    results = tmp_path / "results"
    results.mkdir()
    for number in range(3):
        shutil.copy(GOLDEN, results / f"{number}{SUFFIX}")
    edited(results, "hostile", title=HOSTILE)
    return results


def row(latency_ns: float | None, accuracy: float | None, metric: str = "accuracy") -> ReportRow:
    (base,) = report_rows([read_result(str(GOLDEN))])
    return replace(base, latency_ns=Figure(latency_ns), accuracy=Figure(accuracy), metric=metric)


def test_results_of_folders_and_files_are_read_once(folder: Path) -> None:
    (folder / f"broken{SUFFIX}").write_text("{}\n", encoding="utf-8")
    found = collect([str(folder), str(folder / f"0{SUFFIX}")])
    assert len(found.results) == 4
    assert len(found.unreadable) == 1
    with pytest.raises(ModelError, match="does not exist"):
        collect([str(folder / "none")])
    with pytest.raises(ModelError, match="no result was found"):
        collect([str(folder / f"broken{SUFFIX}")])


def test_the_page_holds_no_script_and_needs_no_network(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'edgeloop[report]'")
    page = tmp_path / "report.html"
    assert run(["report", str(folder), "--html", str(page), "--title", HOSTILE]) == 0
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "\x1b" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    # The namespaces of SVG are names, not addresses that anything fetches.
    addresses = set(re.findall(r"(?:src|href)=\"([^\"#][^\"]*)", text))
    assert {a for a in addresses if not a.startswith("http://www.w3.org/")} == set()
    assert text.count("<svg") >= 2 + 4 * 2
    assert "aria-label" in text
    assert text.count("<tr>") == 1 + 4  # the conditions are the same everywhere


def test_charts_of_single_runs_are_left_out_of_large_reports(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'edgeloop[report]'")
    for number in range(21):
        shutil.copy(GOLDEN, tmp_path / f"{number}{SUFFIX}")
    charts = tmp_path / "charts"
    assert run(["report", str(tmp_path), "--plots", str(charts), "--plot-format", "png"]) == 0
    names = {path.name for path in charts.iterdir()}
    assert not any(name.startswith("time-") for name in names)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in charts.iterdir())
    assert run(["report", str(tmp_path), "--plots", str(charts), "--detail"]) == 0
    assert (charts / "time-21.svg").exists()


def test_a_chart_cannot_leave_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'edgeloop[report]'")
    model = json.loads(GOLDEN.read_text(encoding="utf-8").splitlines()[0])["model"]
    edited(tmp_path, "a", model={**model, "path": "x/..%2f..\x00\\..\\evil"})
    charts = tmp_path / "deep" / "charts"
    assert run(["report", str(tmp_path), "--plots", str(charts)]) == 0
    assert {path.parent for path in tmp_path.rglob("*.svg")} == {charts}


def test_markdown_shows_text_as_it_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(folder)]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 4
    assert len({re.sub(r"\\.", "", line).count("|") for line in table}) == 1
    assert "<script>" not in text


def test_csv_names_its_units_and_is_no_formula(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(folder, "formula", title="=cmd()")
    assert run(["report", str(folder), "--csv", "-"]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(table) == 5
    assert float(table[0]["median_ns"]) == pytest.approx(100.0)
    # The golden result is of two processes: its old version printed an interval of them.
    assert (table[0]["median_low_ns"], table[0]["median_high_ns"]) == ("", "")
    assert table[0]["no_interval"] == "not enough processes (need 3, have 2 processes)"
    assert "'=cmd()" in {line["title"] for line in table}
    assert len({len(line) for line in csv_rows(report_rows(collect([str(folder)]).results))}) == 1


def test_the_front_is_what_no_other_beats() -> None:
    fast, slow, beaten = row(1.0, 0.7), row(5.0, 0.9), row(6.0, 0.8)
    assert pareto_front([beaten, slow, row(None, 0.99), fast, row(3.0, None)]) == [fast, slow]
    low, high = row(1.0, 9.0, "mse"), row(2.0, 3.0, "mse")
    assert pareto_front([high, low, row(3.0, 5.0, "mse")]) == [low, high]


def timed(model: str, median_ns: float, low_ns: float, high_ns: float, **changed: Any) -> ReportRow:
    figure = Figure(median_ns, (low_ns, high_ns))
    title = f"{model}@{changed.get('runtime', 'litert')},threads=1"
    return replace(row(1.0, None), model=model, latency_ns=figure, title=title, **changed)


def test_the_answer_names_the_fastest_and_by_how_much() -> None:
    fast = timed("a.tflite", 10e6, 9.9e6, 10.1e6, loop="native")
    slow = timed("a.tflite", 25e6, 24e6, 26e6, runtime="tflite", loop="native")
    (answer,) = answers([slow, fast])
    assert answer.startswith("a.tflite: litert, threads=1 takes 10.00 ms [9.90, 10.10], ")
    assert answer.endswith("2.5 times as fast as the next, tflite, threads=1.")
    near = timed("a.tflite", 10.1e6, 10.0e6, 10.2e6, runtime="tflite", loop="native")
    assert "cannot be distinguished from it" in answers([near, fast])[0]
    unknown = replace(timed("a.tflite", 99e6, 99e6, 99e6), latency_ns=Figure(99e6))
    assert "cannot be distinguished" in answers([fast, unknown])[0]


def test_the_latency_of_an_evaluation_stands_beside_no_benchmark() -> None:
    bench, evaluated = timed("a", 1e6, 1e6, 1e6), timed("a", 5e5, 5e5, 5e5, command="eval")
    assert measured([bench, evaluated]) == [bench]
    (median,) = (column for column in COLUMNS if column.heading == "median")
    assert median.cell(evaluated) == ""


def test_columns_that_say_nothing_are_left_out() -> None:
    headings = [column.heading for column in shown_columns([row(1.0, None), row(2.0, None)])]
    assert "median" in headings
    assert not {"accuracy", "energy of a run", "precision", "board"} & set(headings)


@pytest.mark.parametrize(
    ("values", "log", "ticks"),
    [
        ([3.8, 6.5], False, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ([37.0], False, [0.0, 10.0, 20.0, 30.0]),
        ([0.0013, 0.002], False, [0.0, 0.0005, 0.001, 0.0015, 0.002]),
        ([1.0, 90.0], True, [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]),
    ],
)
def test_ticks_are_round_and_differ(values: list[float], log: bool, ticks: list[float]) -> None:
    axis = Axis.over([Mark("1", "", value, None, None, "") for value in values])
    assert axis.log is log
    assert axis.ticks() == pytest.approx(ticks)
    places = [axis.place(tick) for tick in ticks]
    assert places == sorted(set(places))
    assert all(0.0 <= axis.place(value) <= 100.0 for value in values)


def test_a_warning_of_several_results_is_said_once_with_their_numbers(tmp_path: Path) -> None:
    rows = [replace(row(1.0, None), warnings=("guests share it",)) for _ in range(2)]
    page = html_page("t", [*rows, row(2.0, None)], [], [])
    assert page.count("guests share it") == 1
    assert "(1, 2)" in page


def test_what_differs_between_results_is_named() -> None:
    a, b = row(1.0, None), row(2.0, None)
    b = replace(b, environment={**b.environment, "governor": "performance"})
    a = replace(a, environment={**a.environment, "governor": "ondemand"})
    assert differences([a, b]) == [("governor", {"ondemand": 1, "performance": 1})]
    assert "governor" in markdown_page([a, b])
    assert differences([a, a]) == []


def test_published_figures_are_marked_as_those_of_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = json.loads(GOLDEN.read_text(encoding="utf-8").splitlines()[0])["model"]
    edited(tmp_path, "a", model={**model, "path": "/m/resnet50.onnx"})
    assert run(["report", str(tmp_path), "--with-published"]) == 0
    text = capsys.readouterr().out
    assert "Published by others, not measured with edgeloop" in text
    assert "IMPOSSIBLE: 8.2 GFLOP" in text


def test_a_bad_form_and_a_bad_place_are_sentences(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", str(folder), "--plots", "x", "--plot-format", "gif"]) == 2
    assert run(["report", str(folder), "--csv", str(folder / "no" / "a.csv")]) == 6
    assert run(["report", str(folder / "none")]) == 4
    assert "does not exist" in capsys.readouterr().err


def test_samples_as_columns() -> None:
    result = read_result(str(GOLDEN))
    columns = result.sample_columns()
    count = sum(b.durations_ns.size for i in result.invocations for b in i.blocks)
    assert {values.size for values in columns.values()} == {count}
    assert set(columns["loop"]) == {"native", "binding"}
    assert columns["duration_ns"].min() > 0


def test_a_dataframe_where_pandas_is_here() -> None:
    pandas = pytest.importorskip("pandas", reason="pip install pandas")
    frame = read_result(str(GOLDEN)).to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["duration_ns"].gt(0).all()
