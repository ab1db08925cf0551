"""What the overhead page says first: what Python costs, also where it is too little to see."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from edgeloop.cli.pages.python_cost import difference_text, python_cost, share_text
from edgeloop.results.schema import Result


def result(**loops: Any) -> Result:
    made = Result(header={})
    made.summary = {"overhead": {"loops": loops}}
    return made


def cost(
    ns: Optional[float],
    interval: Optional[list[float]],
    share: float = 0.0,
    share_ci95: Optional[list[float]] = None,
) -> dict[str, Any]:
    return {
        "difference_ns": ns,
        "difference_ci95_ns": interval,
        "share": share,
        "share_ci95": share_ci95,
        "difference_ns_reason": "have 2 processes",
    }


API = "through the framework's own API"
COSTS = (
    (
        cost(1234.5, [1184.0, 1285.0], 0.384, [0.362, 0.406]),
        f"Python costs 1.23 µs [1.18, 1.28] a call {API}, 38 % [36, 41].",
    ),
    (
        cost(400.0, [-900.0, 1910.0], 0.001, [-0.0022, 0.0048]),
        f"Python costs less than 2 µs (0.48 %) a call {API}: too little to distinguish from zero.",
    ),
    (
        cost(-5210.0, [-5390.0, -5030.0], -0.02, [-0.021, -0.019]),
        f"A call from Python takes 5.2 µs [5.0, 5.4] less than the native one {API}.",
    ),
    (
        cost(1200.0, None, 0.31),
        f"Python costs about 1.200 µs (31.0 %) (no interval) a call {API}.",
    ),
)


@pytest.mark.parametrize(("found", "sentence"), COSTS)
def test_the_sentence_says_what_python_costs(found: dict[str, Any], sentence: str) -> None:
    assert python_cost(result(framework=found)) == sentence


def test_every_way_to_call_has_its_sentence() -> None:
    small, large = cost(220.0, [213.0, 227.0], 0.07, [0.068, 0.072]), cost(None, None)
    words = "Python costs 220 ns [213, 227] a call over edgeloop's own binding, 7.0 % [6.8, 7.2]."
    assert python_cost(result(binding=small, framework=large)) == words


def test_what_is_not_known_is_said_with_its_reason() -> None:
    text = python_cost(result(framework=cost(None, None)))
    assert text == (
        "What Python costs through the framework's own API is not known: have 2 processes."
    )


def test_value_and_bounds_have_the_same_decimals_and_no_more_than_the_interval() -> None:
    assert difference_text(2_345_678.0, (2_300_000.0, 2_390_000.0)) == "2.35 ms [2.30, 2.39]"
    assert difference_text(0.31, (0.29, 0.33)) == "0.31 ns [0.29, 0.33]"
    assert difference_text(-12.0, (-30.0, 6.0)) == "-12 ns [-30, 6]"
    assert difference_text(5.0, None) == "5.000 ns (no interval)"
    assert share_text(0.123456, (0.1212, 0.1257)) == "12.3 % [12.1, 12.6]"
