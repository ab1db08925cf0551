from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edgeloop.stats.compare import (
    NOT_INTERLEAVED,
    Comparison,
    compare_paired,
    compare_unpaired,
    correct_for_many,
    difference,
    holm,
)
from edgeloop.stats.location import (
    Location,
    process_centres,
    processes_needed,
    student,
    welch,
)
from edgeloop.stats.ratio import inverse, ratio_text
from edgeloop.stats.verdict import judge


def pairs(
    effect: float, count: int = 20, noise: float = 0.003, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a = 1e6 * np.exp(0.05 * rng.standard_normal(count))
    return a, a * (1 + effect) * np.exp(noise * rng.standard_normal(count))


def compare(a: np.ndarray, b: np.ndarray, **more: Any) -> Comparison:
    """Compare pairs of which each was measured in a session of its own."""
    return compare_paired(a, b, processes=range(len(a)), **more)


def interval_of(values: np.ndarray) -> tuple[float, float]:
    return stats.t.interval(0.95, values.size - 1, values.mean(), stats.sem(values))


def test_paired_interval_is_students() -> None:
    a, b = pairs(0.02)
    result = compare(a, b)
    low, high = interval_of(np.log(b / a))
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
    result = compare(*pairs(effect, noise=noise))
    assert result.verdict == verdict
    assert "the 95 % interval [" in result.reason
    assert (result.settle is not None) == (verdict == "inconclusive")


def test_small_but_certain_difference_is_equivalent_and_says_so() -> None:
    result = compare(*pairs(0.004, noise=0.001))
    assert result.verdict == "equivalent"
    assert result.reason.endswith("though it excludes 1")


@given(st.integers(0, 2**32 - 1), st.floats(-0.05, 0.05), st.floats(0.0001, 0.1))
def test_swapping_the_sides_mirrors_the_result(seed: int, effect: float, noise: float) -> None:
    a, b = pairs(effect, noise=noise, seed=seed)
    there, back = compare(a, b), compare(b, a)
    mirror = {"faster": "slower", "slower": "faster"}
    assert back.verdict == mirror.get(there.verdict, there.verdict)
    assert back.ratio == pytest.approx(1 / there.ratio)
    assert back.ratio_ci95 == pytest.approx(tuple(1 / end for end in reversed(there.ratio_ci95)))


def test_what_would_settle_it_settles_it() -> None:
    a, b = pairs(0.0, noise=0.03, seed=6)
    result = compare(a, b)
    assert result.verdict == "inconclusive"
    assert result.settle is not None
    needed = int(result.settle.split()[1])
    settled = 0
    for seed in range(50):
        # The same scatter and the same ratio as found, with the number of pairs advised.
        more = pairs(result.ratio - 1, needed, float(np.std(np.log(b / a), ddof=1)), seed)
        settled += compare(*more).verdict != "inconclusive"
    # Meant for five of six; three standard errors of 50 repeats are 0.16.
    assert settled >= 0.67 * 50


def test_difference_at_the_bound_is_not_settled_by_more_pairs() -> None:
    found = Location(math.log(1.0095), 0.001, 19, 20)
    assert judge(found).settle == (
        "the difference lies at the 1 % bound itself: only another bound settles it"
    )


def test_mismatches_make_it_not_comparable() -> None:
    result = compare(*pairs(0.5), mismatches=["threads (1, 4)", "governor"])
    assert result.verdict == "not comparable"
    assert result.reason == "not the same conditions: threads (1, 4); governor"


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("effect", [0.0, 0.3])
def test_fewer_than_three_processes_are_inconclusive(processes: int, effect: float) -> None:
    labels = np.arange(60) % processes
    result = compare_paired(*pairs(effect, 60, noise=0.0001), processes=sorted(labels))
    assert (result.verdict, result.ratio_ci95, result.p_value) == ("inconclusive", None, None)
    assert (result.count, result.pairs) == (processes, 60)
    assert result.settle == "at least 3 processes a side"


def test_bound_is_a_choice() -> None:
    sides = pairs(0.02)
    assert compare(*sides, delta=0.01).verdict == "slower"
    assert compare(*sides, delta=0.05).verdict == "equivalent"


def test_the_interval_is_that_of_the_processes() -> None:
    rng = np.random.default_rng(7)
    luck = np.repeat(0.02 * rng.standard_normal(5), 10)
    a, b = pairs(0.0, count=50)
    labels = np.repeat(range(5), 10).tolist()
    result = compare_paired(a, b * np.exp(luck), processes=labels)
    ratios = (np.log(b / a) + luck).reshape(5, 10)
    low, high = interval_of(np.array([np.median(row) for row in ratios]))
    assert result.ratio_ci95 == pytest.approx((math.exp(low), math.exp(high)))
    assert (result.count, result.pairs) == (5, 50)
    assert result.settle is not None
    assert result.settle.endswith("processes a side instead of 5")


def test_a_session_is_one_value_whatever_its_number_and_order() -> None:
    values = np.array([1.0, 2.0, 3.0, 10.0, 20.0])
    assert process_centres(values, [7, 7, 7, 2, 2]).tolist() == [2.0, 15.0]
    assert process_centres(values, [7, 7, 7, 2, 2], np.min).tolist() == [1.0, 10.0]


def test_the_interval_of_two_stages_is_steins_where_it_is_wider() -> None:
    first, second = np.array([-0.03, 0.0, 0.03, 0.0]), np.zeros(12)
    both = np.concatenate([first, second])
    found = student(both, first_stage=4)
    assert found is not None
    expected = stats.t.ppf(0.975, 3) * np.std(first, ddof=1) / math.sqrt(16)
    assert found.half_width() == pytest.approx(expected)
    # Where the second stage scatters more than the first, all of it counts.
    wild = np.concatenate([first / 100, np.linspace(-1.0, 1.0, 12)])
    assert student(wild, first_stage=4) == student(wild)
    assert student(first, first_stage=4) == student(first)


def test_the_processes_that_stein_asks_for_give_the_half_width() -> None:
    first = np.random.default_rng(11).normal(0.0, 0.01, 8)
    count = processes_needed(first, 0.002)
    width = stats.t.ppf(0.975, 7) * np.std(first, ddof=1)
    assert width / math.sqrt(count) <= 0.002 < width / math.sqrt(count - 1)
    assert processes_needed(first, 1.0) == 8


def test_labels_must_match_the_pairs() -> None:
    with pytest.raises(ValueError, match="2 processes for 20 pairs"):
        compare_paired(*pairs(0.0), processes=[0, 1])


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
    assert result.warnings == (NOT_INTERLEAVED,)
    assert not result.paired


def test_two_processes_a_side_are_inconclusive() -> None:
    assert compare_unpaired([1.0, 1.1], [2.0, 2.1, 2.2]).verdict == "inconclusive"
    assert welch(np.ones(3), np.ones(3)) is not None


def test_identical_sides_are_equivalent() -> None:
    a, _ = pairs(0.0)
    result = compare(a, a)
    assert (result.verdict, result.ratio, result.p_value) == ("equivalent", 1.0, 1.0)
    assert compare_unpaired([5.0] * 4, [5.0] * 4).verdict == "equivalent"


def test_difference_in_ns_and_as_a_share() -> None:
    a, _ = pairs(0.0)
    b = a + 5000 + np.random.default_rng(9).normal(0, 300, a.size)
    result = difference(a, b, range(a.size))
    assert result.ns_ci95 == pytest.approx(interval_of(b - a))
    assert result.ns == pytest.approx(5000, abs=300)
    assert result.share == pytest.approx(0.005, rel=0.1)
    assert result.share_ci95 is not None
    assert result.share_ci95[0] < result.share < result.share_ci95[1]


def test_difference_of_two_processes_has_no_interval() -> None:
    result = difference([100.0] * 9, [110.0] * 9, [0] * 5 + [1] * 4)
    assert (result.ns, result.ns_ci95, result.share_ci95) == (10.0, None, None)
    assert result.share == pytest.approx(0.1)
    assert result.reason == "not enough processes (need 3, have 2)"
    assert (result.pairs, result.processes) == (9, 2)


def test_blocks_that_something_disturbed_do_not_move_a_session() -> None:
    a, b = pairs(0.0, count=60)
    b[::6] *= 3.0
    result = compare_paired(a, b, processes=np.repeat([0, 1, 2], 20).tolist())
    assert result.ratio == pytest.approx(1.0, abs=0.003)


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (1.3123, (1.2412, 1.3812), "1.31 [1.24, 1.38]"),
        (518.1224, (486.2, 550.1), "518 [486, 550]"),
        (518.1224, (517.91, 518.34), "518.1 [517.9, 518.3]"),
        (1.0027, (1.0013, 1.0041), "1.003 [1.001, 1.004]"),
        (1.0027, (1.0002, 1.0052), "1.0027 [1.0002, 1.0052]"),  # 1.000 would seem to be 1
        (0.9, (0.5, 1.3), "0.9 [0.5, 1.3]"),
        (1.0, (1.0, 1.0), "1.00 [1.00, 1.00]"),
        (1.2345, None, "1.2 (no interval)"),
        (518.1224, None, "520 (no interval)"),
    ],
)
def test_a_ratio_has_the_digits_that_its_interval_bears_out(
    value: float, interval: Any, text: str
) -> None:
    assert ratio_text(value, interval) == text


def test_the_inverse_of_an_interval_keeps_its_order() -> None:
    assert inverse((0.5, 0.8)) == (1.25, 2.0)
    assert inverse(None) is None


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
    lucky = compare(*pairs(0.012, noise=0.03, seed=14))
    assert lucky.verdict == "slower"
    certain = compare(*pairs(0.1))
    many = correct_for_many([lucky, certain, *[compare(*pairs(0.0))] * 8])
    assert many[0].verdict == "inconclusive"
    assert many[0].reason.endswith("but not after correction for 10 comparisons")
    assert many[1].verdict == "slower"
    assert correct_for_many([compare(np.ones(1), np.ones(1))])[0].p_value is None


@pytest.mark.parametrize(
    ("a", "b", "match"),
    [
        ([], [], "nothing was measured"),
        ([1.0, 2.0], [1.0], "equal numbers"),
        ([0.0, 1.0], [1.0, 1.0], "too coarse"),
    ],
)
def test_medians_that_cannot_be_compared_are_refused(
    a: list[float], b: list[float], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        compare_paired(a, b, processes=range(len(a)))
