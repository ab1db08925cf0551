"""What a notebook shows of the API's objects: a table each, and a repr of one line."""

from __future__ import annotations

import re
from typing import Any

import pytest

from edgeloop.measure.profile.summary import Profile
from edgeloop.results.compare import FolderComparison, compare_results
from edgeloop.results.schema import Result
from edgeloop.results.store import read_result
from edgeloop.results.summarise import summarise_result

HOSTILE = '<script>alert("x")</script>\x1b[2Jname\n'
FIGURES = {"mean_ns": 1500.0, "mean_ci95_ns": [1400.0, 1600.0], "share": 1.0}


@pytest.fixture
def result(golden: Any) -> Result:
    found = read_result(str(golden))
    found.summary = {**summarise_result(found, "converged"), "accuracy": None, "warnings": []}
    return found


def shown(thing: Any) -> str:
    """The table, after what holds for every object."""
    line, page = repr(thing), thing._repr_html_()
    assert line.startswith(f"<{type(thing).__name__} ")
    assert line.isprintable()
    assert len(line) < 250
    assert page.startswith("<table>")
    assert "<script" not in page
    return page


def test_a_result_has_its_loops_and_metrics(result: Result) -> None:
    loops = [f"median, {name}" for name in result.loop_names]
    assert re.findall(r"<td>(median, [\w-]+)</td>", shown(result)) == loops
    assert repr(result).startswith(f"<Result {result.header['title']}, {loops[0]} ")
    result.header.update(command="eval", title=HOSTILE)
    result.summary["accuracy"] = {
        "n": 200, "accuracy": 0.98765, "accuracy_ci95": [0.98, 0.995],
        "log_loss": None, "log_loss_ci95": None, "classes": {"0": 5},
    }  # fmt: skip
    result.summary["agreement"] = {
        "outputs": [{"name": "y", "top_1_agreement": 0.5, "top_1_agreement_ci95": [0.4, 0.6]}]
    }
    cells = re.findall(r"<td>(.*?)</td>", shown(result))
    assert cells[:4] == ["accuracy", "0.9877 [0.98, 0.995]", "y: top 1 agreement", "0.5 [0.4, 0.6]"]
    assert cells[4] == loops[0]
    assert "accuracy 0.9877 [0.98, 0.995]" in repr(result)


def test_a_result_that_was_ended_early_shows_itself() -> None:
    ended = Result(header={"title": "m@null"})
    assert repr(ended) == "<Result m@null>"
    shown(ended)


def test_a_comparison_has_both_sides_and_the_verdict(result: Result) -> None:
    result.header["title"] = HOSTILE
    compared = compare_results(result, result, 0.01, ())
    page = shown(compared)
    assert page.count("<tr><td>") == 2
    assert f"B is {compared.comparison.verdict}" in page
    assert f"B is {compared.comparison.verdict}" in repr(compared)
    folders = FolderComparison((compared, compared), (), (), ())
    assert shown(folders).count("<tr><td>") == 2
    assert repr(folders) == f"<FolderComparison 2 {compared.comparison.verdict}>"
    assert repr(FolderComparison((), (), (), ())) == "<FolderComparison no rows in common>"


def test_a_profile_has_a_row_for_each_type() -> None:
    types = [{"operator": HOSTILE, "owner": "CPU", "calls": 3, **FIGURES}]
    document = {"title": "m@null", "profile": {"run": FIGURES, "by_type": types, "operators": [{}]}}
    found = Profile(document, ())
    assert "<td>3</td><td>1.500 µs [1.400, 1.600]</td>" in shown(found)
    assert repr(found) == "<Profile m@null, a run takes 1.500 µs [1.400, 1.600] in 1 operators>"
