from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edgeloop.stats.compare import (
    NOT_INTERLEAVED,
    compare_paired,
    compare_unpaired,
    correct_for_many,
    difference,
)
from edgeloop.stats.hodges_lehmann import MOST_EXACT, pseudo_median, pseudo_median_interval
from edgeloop.stats.holm import holm
from edgeloop.stats.location import Location, location, welch
from edgeloop.stats.verdict import judge


def pairs(
    effect: float, count: int = 20, noise: float = 0.003, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a = 1e6 * np.exp(0.05 * rng.standard_normal(count))
    return a, a * (1 + effect) * np.exp(noise * rng.standard_normal(count))


def student(values: np.ndarray) -> tuple[float, float]:
    return stats.t.interval(0.95, values.size - 1, values.mean(), stats.sem(values))


def test_paired_interval_is_students() -> None:
    a, b = pairs(0.02)
    result = compare_paired(a, b)
    low, high = student(np.log(b / a))
    assert result.ratio_ci95 == pytest.approx((math.exp(low), math.exp(high)))
    assert result.p_value == pytest.approx(stats.ttest_rel(np.log(b), np.log(a)).pvalue)
    assert result.ratio == pytest.approx(stats.gmean(b / a))
    assert result.half_width == pytest.approx((math.exp(high - low) - 1) / 2, rel=0.01)


@pytest.mark.parametrize(
    ("effect", "noise", "verdict"),
    [
        (0.05, 0.003, "slower"),
        (-0.05, 0.003, "faster"),
        (0.0, 0.003, "equivalent"),
        (0.0, 0.05, "inconclusive"),
        (0.008, 0.01, "inconclusive"),
    ],
)
def test_verdicts(effect: float, noise: float, verdict: str) -> None:
    result = compare_paired(*pairs(effect, noise=noise))
    assert result.verdict == verdict
    assert "the 95 % interval [" in result.reason
    assert (result.settle is not None) == (verdict == "inconclusive")


def test_small_but_certain_difference_is_equivalent_and_says_so() -> None:
    result = compare_paired(*pairs(0.004, noise=0.001))
    assert result.verdict == "equivalent"
    assert result.reason.endswith("though it excludes 1")


@given(st.integers(0, 2**32 - 1), st.floats(-0.05, 0.05), st.floats(0.0001, 0.1))
def test_swapping_the_sides_mirrors_the_result(seed: int, effect: float, noise: float) -> None:
    a, b = pairs(effect, noise=noise, seed=seed)
    there, back = compare_paired(a, b), compare_paired(b, a)
    mirror = {"faster": "slower", "slower": "faster"}
    assert back.verdict == mirror.get(there.verdict, there.verdict)
    assert back.ratio == pytest.approx(1 / there.ratio)
    assert back.ratio_ci95 == pytest.approx(tuple(1 / end for end in reversed(there.ratio_ci95)))
    assert back.hodges_lehmann == pytest.approx(1 / there.hodges_lehmann)


def test_what_would_settle_it_settles_it() -> None:
    a, b = pairs(0.0, noise=0.03, seed=6)
    result = compare_paired(a, b)
    assert result.verdict == "inconclusive"
    assert result.settle is not None
    needed = int(result.settle.split()[1])
    settled = 0
    for seed in range(50):
        # The same scatter and the same ratio as found, with the number of pairs advised.
        more = pairs(result.ratio - 1, needed, float(np.std(np.log(b / a), ddof=1)), seed)
        settled += compare_paired(*more).verdict != "inconclusive"
    # Meant for five of six; three standard errors of 50 repeats are 0.16.
    assert settled >= 0.67 * 50


def test_difference_at_the_bound_is_not_settled_by_more_pairs() -> None:
    found = Location(math.log(1.0095), 0.001, 19, 20, "pairs")
    assert judge(found).settle == (
        "the difference lies at the 1 % bound itself: only another bound settles it"
    )


def test_mismatches_make_it_not_comparable() -> None:
    result = compare_paired(*pairs(0.5), mismatches=["threads (1, 4)", "governor"])
    assert result.verdict == "not comparable"
    assert result.reason == "not the same conditions: threads (1, 4); governor"


def test_two_pairs_are_inconclusive() -> None:
    result = compare_paired([1.0, 2.0], [1.5, 2.5])
    assert (result.verdict, result.ratio_ci95, result.p_value) == ("inconclusive", None, None)
    assert result.settle == "at least 3 interleaved pairs, or 3 processes each"


def test_bound_is_a_choice() -> None:
    sides = pairs(0.02)
    assert compare_paired(*sides, delta=0.01).verdict == "slower"
    assert compare_paired(*sides, delta=0.05).verdict == "equivalent"


def test_luck_of_processes_widens_the_interval() -> None:
    rng = np.random.default_rng(7)
    luck = np.repeat(0.02 * rng.standard_normal(5), 10)
    a, b = pairs(0.0, count=50)
    labels = np.repeat(range(5), 10).tolist()
    alone = compare_paired(a, b * np.exp(luck))
    by_session = compare_paired(a, b * np.exp(luck), sessions=labels)
    assert by_session.half_width > 2 * alone.half_width
    means = (np.log(b / a) + luck).reshape(5, 10).mean(axis=1)
    low, high = student(means)
    assert by_session.ratio_ci95 == pytest.approx((math.exp(low), math.exp(high)))
    assert by_session.hodges_lehmann == pytest.approx(math.exp(pseudo_median(means)))
    assert by_session.hodges_lehmann_ci95 is None  # five sessions are too few for one
    assert "processes" in (by_session.settle or "processes")


def test_sessions_without_luck_keep_the_pairs_as_unit() -> None:
    values = np.tile([0.0, 0.1, -0.1, 0.05], 3)
    found = location(values, np.repeat([0, 1, 2], 4).tolist())
    assert found is not None
    assert (found.unit, found.count) == ("pairs", 12)


def test_labels_must_match_the_pairs() -> None:
    with pytest.raises(ValueError, match="2 sessions for 20 pairs"):
        compare_paired(*pairs(0.0), sessions=[0, 1])


def test_unpaired_interval_is_welchs_and_warns() -> None:
    rng = np.random.default_rng(8)
    a, b = np.exp(rng.normal(14, 0.01, 5)), np.exp(rng.normal(14.1, 0.03, 9))
    result = compare_unpaired(a, b)
    test = stats.ttest_ind(np.log(b), np.log(a), equal_var=False)
    assert result.p_value == pytest.approx(test.pvalue)
    assert result.ratio_ci95 is not None
    for end in result.ratio_ci95:
        # The ends of the interval are the ratios that the test just rejects.
        test = stats.ttest_ind(np.log(b / end), np.log(a), equal_var=False)
        assert test.pvalue == pytest.approx(0.05)
    assert result.hodges_lehmann == pytest.approx(
        np.exp(np.median(np.subtract.outer(np.log(b), np.log(a))))
    )
    assert result.warnings == (NOT_INTERLEAVED,)
    assert not result.paired


def test_two_processes_a_side_are_inconclusive() -> None:
    assert compare_unpaired([1.0, 1.1], [2.0, 2.1, 2.2]).verdict == "inconclusive"
    assert welch(np.ones(3), np.ones(3)) is not None


def test_identical_sides_are_equivalent() -> None:
    a, _ = pairs(0.0)
    result = compare_paired(a, a)
    assert (result.verdict, result.ratio, result.p_value) == ("equivalent", 1.0, 1.0)
    assert compare_unpaired([5.0] * 4, [5.0] * 4).verdict == "equivalent"


def test_difference_in_ns_and_as_a_share() -> None:
    a, _ = pairs(0.0)
    b = a + 5000 + np.random.default_rng(9).normal(0, 300, a.size)
    result = difference(a, b)
    assert result.ns_ci95 == pytest.approx(student(b - a))
    assert result.ns == pytest.approx(5000, abs=300)
    assert result.share == pytest.approx(0.005, rel=0.1)
    assert result.share_ci95 is not None
    assert result.share_ci95[0] < result.share < result.share_ci95[1]


def test_difference_of_one_pair_has_no_interval() -> None:
    result = difference([100.0], [110.0])
    assert (result.ns, result.ns_ci95, result.share_ci95) == (10.0, None, None)
    assert result.share == pytest.approx(0.1)
    assert result.reason == "not enough pairs for an interval (have 1)"


@pytest.mark.parametrize("count", [6, 20, MOST_EXACT, MOST_EXACT + 1, 120])
def test_hodges_lehmann_interval_is_what_wilcoxon_does_not_reject(count: int) -> None:
    d = np.random.default_rng(count).normal(0.3, 1.0, count)
    low, high = pseudo_median_interval(d, 0.95)
    assert low < pseudo_median(d) < high
    method = "exact" if count <= MOST_EXACT else "approx"
    inside, outside = 1e-9, -1e-9
    assert stats.wilcoxon(d - low - inside, method=method).pvalue > 0.05
    assert stats.wilcoxon(d - low - outside, method=method).pvalue <= 0.0501


def test_five_pairs_are_too_few_for_a_hodges_lehmann_interval() -> None:
    assert pseudo_median_interval(np.arange(5.0), 0.95) is None


def test_one_wild_pair_moves_the_mean_and_not_its_twin() -> None:
    a, b = pairs(0.0)
    b[3] *= 3.0
    result = compare_paired(a, b)
    assert result.ratio > 1.04
    assert result.hodges_lehmann == pytest.approx(1.0, abs=0.003)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_lowers_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)


def test_many_comparisons_demote_what_was_luck() -> None:
    lucky = compare_paired(*pairs(0.012, noise=0.03, seed=14))
    assert lucky.verdict == "slower"
    certain = compare_paired(*pairs(0.1))
    many = correct_for_many([lucky, certain, *[compare_paired(*pairs(0.0))] * 8])
    assert many[0].verdict == "inconclusive"
    assert many[0].reason.endswith("but not after correction for 10 comparisons")
    assert many[1].verdict == "slower"
    assert correct_for_many([compare_paired([1.0], [1.0])])[0].p_value is None


@pytest.mark.parametrize(
    ("a", "b", "match"),
    [
        ([], [], "nothing was measured"),
        ([1.0, 2.0], [1.0], "as many of each"),
        ([0.0, 1.0], [1.0, 1.0], "too coarse"),
    ],
)
def test_medians_that_cannot_be_compared_are_refused(
    a: list[float], b: list[float], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        compare_paired(a, b)
