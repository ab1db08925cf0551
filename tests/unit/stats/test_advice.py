from __future__ import annotations

import math

import numpy as np
import pytest

from edgeloop.stats.advice import VarianceComponents, advice, variance_components
from edgeloop.stats.quantile import QuantileEstimate, quantile_interval


def medians(between: float, count: int, seed: int = 0, n: int = 1000) -> list[QuantileEstimate]:
    rng = np.random.default_rng(seed)
    shifts = between * rng.standard_normal(count)
    return [
        quantile_interval(np.exp(14 + shift + 0.05 * rng.standard_normal(n)), 0.5)
        for shift in shifts
    ]


def test_components_recover_what_was_simulated() -> None:
    parts = variance_components(medians(between=0.01, count=200))
    assert parts is not None
    # Standard error of a median of n normal samples: sigma sqrt(pi / 2n). Intervals from order
    # statistics and estimated dependence are a little wider, hence 15 %; 200 processes give 10 %.
    assert math.sqrt(parts.within) == pytest.approx(0.05 * math.sqrt(math.pi / 2000), rel=0.15)
    assert math.sqrt(parts.between) == pytest.approx(0.01, rel=0.1)


def test_negative_component_counts_as_none() -> None:
    same = [QuantileEstimate(0.5, 10.0, 9.0, 11.0, 100, 100.0)] * 5
    parts = variance_components(same)
    assert parts is not None
    assert parts.between == 0.0
    assert parts.between_share == 0.0


def test_the_components_add_up_to_what_the_medians_show() -> None:
    # Disturbed blocks: each process is unsure by 10 %, and yet they agree to 0.1 %.
    agreeing = [
        QuantileEstimate(0.5, 10.0 + 0.01 * (k % 3), 9.0, 11.0, 100, 100.0) for k in range(12)
    ]
    parts = variance_components(agreeing)
    assert parts is not None
    shown = np.var([math.log(one.value or 0.0) for one in agreeing], ddof=1)
    assert parts.within + parts.between == pytest.approx(shown)
    assert parts.half_width() < 0.001


def test_half_width_follows_both_levels() -> None:
    parts = VarianceComponents(within=4e-6, between=4e-6, processes=10)
    t9, t19 = 2.262157, 2.093024
    assert parts.half_width() == pytest.approx(t9 * math.sqrt(8e-7), rel=1e-5)
    assert parts.half_width(more_runs=2) == pytest.approx(t9 * math.sqrt(6e-7), rel=1e-5)
    assert parts.half_width(more_processes=2) == pytest.approx(t19 * math.sqrt(4e-7), rel=1e-5)


@pytest.mark.parametrize(
    ("between", "opening"),
    [
        (0.05, "more processes would help, more runs would not"),
        (0.002, "more processes would help, more runs a little"),
        (0.0, "more runs would help as much as more processes"),
    ],
)
def test_advice_names_the_level_that_carries_the_variance(between: float, opening: str) -> None:
    sentence = advice(medians(between, count=40))
    assert sentence.startswith(f"{opening} (")
    assert "twice the runs give ±" in sentence


def test_advice_without_enough_to_go_by() -> None:
    assert advice(medians(0.0, count=2)).startswith("run at least 3 processes")
    vague = [QuantileEstimate(0.5, 10.0, None, None, 10, 10.0, "not enough samples (need 30)")] * 5
    assert advice(vague).startswith("give each process more runs")
