"""The first screen: the answer first, nothing twice, no line that wraps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop.cli.pages.brief import bars, brief_page, first_sentence
from edgeloop.cli.pages.model import model_page
from edgeloop.demo import ASSETS
from edgeloop.models.inspect import inspect_model
from edgeloop.results.schema import Result
from edgeloop.results.store import read_result
from edgeloop.results.summarise import summarise_result

GOLDEN = Path(__file__).parents[2] / "golden" / "v1-null-bench.edgeloop.jsonl"


def result(processes: int = 3, **summary: Any) -> Result:
    """The native loop of the golden result, measured by as many processes."""
    golden = read_result(str(GOLDEN))
    golden.header["spec"]["loops"] = ["native"]
    first = golden.invocations[0]
    native = [block for block in first.blocks if block.loop == "native"]
    golden.invocations = [replace(first, blocks=native) for _ in range(processes)]
    golden.summary = {
        **summarise_result(golden, "converged"),
        "accuracy": None,
        "warnings": [],
        **summary,
    }
    return golden


def test_the_first_line_is_the_answer() -> None:
    first, second, *_ = brief_page(result()).split("\n")
    assert first.startswith("100.0 ns [")
    assert first.endswith("null@null,threads=1,multiplications=100")
    assert second == "  median of one run, 95 % interval of 3 processes in these seconds"


def test_one_process_has_scatter_and_no_interval() -> None:
    first, second, *_ = brief_page(result(1)).split("\n")
    assert "[" not in first
    assert "no interval from one process (±" in second


def test_the_page_fits_a_screen() -> None:
    warnings = [
        {"code": code, "text": f"{code} is the matter. {'More words. ' * 20}", "fix": "x"}
        for code in ("timer-coarse", "virtual-machine", "other-load", "impossible", "drift")
    ]
    page = brief_page(result(warnings=warnings)).split("\n")
    assert len(page) <= 23
    assert max(map(len, page)) <= 80
    told = [line for line in page if line.startswith("warning: ")]
    assert told == [
        "warning: impossible is the matter",
        "warning: other-load is the matter",
        "warning: drift is the matter",
    ]
    assert page[-1] == "2 more warnings and all details: --verbose"


def test_a_withheld_headline_is_no_answer() -> None:
    shown = result()
    shown.summary["summary"]["headline_withheld"] = "faster than the device can be"
    page = brief_page(shown)
    assert "no headline" in page.split("\n")[0]
    assert "faster than the device can be" in page
    assert "100.0 ns" not in page


def test_a_result_without_summary_says_why() -> None:
    shown = result()
    shown.summary = {"summary": None, "summary_reason": "nothing was measured"}
    assert brief_page(shown).endswith("nothing was measured")


def test_what_steers_a_terminal_is_shown_as_text() -> None:
    shown = result()
    shown.header["title"] = "a\x1b[31mb"
    assert "\x1b" not in brief_page(shown)


def test_bars_count() -> None:
    drawn = bars(np.array([1.0] * 80 + [2.0] * 10), 1.0, 2.0)
    assert (drawn[0], drawn[-1]) == ("█", "▂")
    assert set(drawn[1:-1]) == {" "}


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("This is a machine (kvm). Others share it.", "This is a machine (kvm)"),
        ("slow: it is so; do that", "slow"),
        ("0.5 of 2 CPUs", "0.5 of 2 CPUs"),
        ("x" * 200, "x" * 148 + "…"),
    ],
)
def test_a_warning_is_its_first_sentence(text: str, short: str) -> None:
    assert first_sentence(text) == short


def test_metadata_of_a_model_is_no_python() -> None:
    page = model_page(inspect_model(ASSETS / "digits_int8.tflite"))
    assert "signatures           serving_default: subgraph: 0, inputs: args_0: 0" in page
    assert not set("[]{}'") & set(page.split("inputs\n")[0])
