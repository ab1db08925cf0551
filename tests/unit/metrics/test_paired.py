"""Two models on the same samples: the exact test is scipy's, the interval covers."""

from __future__ import annotations

import numpy as np
import pytest

from edgeloop.metrics import paired
from edgeloop.metrics.paired import (
    SampleScores,
    ScoreKeeper,
    bonett_price,
    paired_difference,
    why_not_paired,
)
from edgeloop.spec.metrics import CORRECT, SQUARED_ERROR

stats = pytest.importorskip("scipy.stats")


def right(both: int, only_first: int, only_second: int, neither: int) -> list[SampleScores]:
    first = np.repeat([True, True, False, False], [both, only_first, only_second, neither])
    second = np.repeat([True, False, True, False], [both, only_first, only_second, neither])
    return [SampleScores(CORRECT, values, "same") for values in (first, second)]


@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize(("a", "b"), [(0.02, 0.02), (0.05, 0.01), (0.1, 0.1), (0.3, 0.05)])
def test_the_interval_covers_by_enumeration(n: int, a: float, b: float) -> None:
    covered = 0.0
    for first in range(n + 1):
        second = np.arange(n - first + 1)
        chances = stats.multinomial.pmf(
            np.stack([np.full_like(second, first), second, n - first - second], axis=1),
            n,
            [a, b, 1 - a - b],
        )
        for count, chance in zip(second, chances):
            if chance > 1e-9:
                low, high = bonett_price(first, int(count), n)
                covered += chance * (low <= a - b <= high)
    # Exact, so without a tolerance for chance; few samples make it cautious, never bold.
    assert covered >= 0.94


def test_mcnemars_exact_test_is_the_binomial_one() -> None:
    found = paired_difference(*right(70, 15, 4, 11), seed=0)
    assert (found.only_first, found.only_second, found.n) == (15, 4, 100)
    assert found.p_value == pytest.approx(stats.binomtest(4, 19, 0.5).pvalue)
    assert found.difference == pytest.approx(0.11)
    low, high = found.difference_ci95 or (0.0, 0.0)
    assert 0 < low < 0.11 < high
    assert found.verdict == "better"
    assert paired_difference(*right(70, 4, 15, 11), seed=0).verdict == "worse"


def test_models_that_differ_on_no_sample_have_an_interval_all_the_same() -> None:
    found = paired_difference(*right(90, 0, 0, 10), seed=0)
    assert (found.difference, found.p_value, found.verdict) == (0.0, 1.0, "no difference shown")
    low, high = found.difference_ci95 or (0.0, 0.0)
    assert low == -high
    assert 0 < high < 0.04  # by the rule of three 0.03


def test_what_both_share_does_not_widen_the_interval() -> None:
    generator = np.random.default_rng(0)
    hard = generator.random(2000) < 0.25
    first, second = ~hard, ~hard
    first = first ^ (generator.random(2000) < 0.02)
    second = second ^ (generator.random(2000) < 0.02)
    scores = [SampleScores(CORRECT, values, "same") for values in (first, second)]
    low, high = paired_difference(*scores, seed=0).difference_ci95 or (0.0, 0.0)
    unpaired = 2 * 1.96 * np.sqrt(2 * 0.75 * 0.25 / 2000)
    assert high - low < 0.5 * unpaired


def test_errors_are_compared_by_their_differences() -> None:
    generator = np.random.default_rng(0)
    shared = generator.exponential(size=300)
    first = shared + generator.normal(0.05, 0.1, 300)
    scores = [SampleScores(SQUARED_ERROR, values, "same") for values in (first, shared)]
    found = paired_difference(*scores, seed=0)
    assert found.p_value == pytest.approx(stats.ttest_rel(first, shared).pvalue)
    low, high = found.difference_ci95 or (0.0, 0.0)
    assert low < 0.05 < high
    assert high - low == pytest.approx(4 * 0.1 / np.sqrt(300), rel=0.2)
    assert found.verdict == "worse"  # a larger error
    assert paired_difference(scores[1], scores[1], seed=0).verdict == "no difference shown"


def test_only_the_same_samples_are_paired(monkeypatch: pytest.MonkeyPatch) -> None:
    keepers = [ScoreKeeper() for _ in range(4)]
    labels = np.arange(6)
    for keeper, their, kind in zip(keepers, (labels, labels, labels[::-1], labels),
                                   (CORRECT, CORRECT, CORRECT, SQUARED_ERROR)):  # fmt: skip
        for start in (0, 4):
            piece = their[start : start + 4]
            keeper.add(kind, np.ones(len(piece), bool), piece)
    first, second, other, errors = [keeper.scores() for keeper in keepers]
    assert why_not_paired(first, second) is None
    assert "not the same samples" in str(why_not_paired(first, other))
    assert "the tasks differ" in str(why_not_paired(first, errors))
    monkeypatch.setattr(paired, "MOST_SAMPLES", 5)
    keepers[0].add(CORRECT, np.ones(1, bool), labels[:1])
    assert keepers[0].scores() is None
    assert "not known one by one" in str(why_not_paired(None, second))
