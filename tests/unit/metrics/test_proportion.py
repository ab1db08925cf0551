from __future__ import annotations

import pytest

from edgeloop.metrics.proportion import Proportion


# R. G. Newcombe 1998, table I, method 3, four digits.
@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_as_published(count: int, n: int, low: float, high: float) -> None:
    assert Proportion(count, n).interval == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("count", "n"), [(0, 1), (1, 1), (5, 10), (10, 10), (9500, 10_000)])
def test_wilsons_interval_as_scipy_has_it(count: int, n: int) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    theirs = scipy_stats.binomtest(count, n).proportion_ci(method="wilson")
    assert Proportion(count, n).interval == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_the_fields_of_a_result() -> None:
    fields = Proportion(3, 4).fields("accuracy")
    assert fields["accuracy"] == 0.75
    assert fields["accuracy_ci95"] == list(Proportion(3, 4).interval)
