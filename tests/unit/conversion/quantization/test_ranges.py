"""The range of a tensor over all samples: least minimum, greatest maximum, nothing averaged."""

from __future__ import annotations

from functools import reduce

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgeloop.conversion.quantization.ranges import widen


def seen(low: float, high: float) -> dict[str, np.ndarray]:
    return {"min": np.array([[low]]), "max": np.array([[high]])}


def test_the_first_sample_is_taken_as_it_is() -> None:
    assert widen({}, seen(-1, 2)) == seen(-1, 2)


def test_a_rare_extreme_is_kept_whole() -> None:
    ordinary = [seen(-1, 1)] * 99
    found = reduce(widen, [*ordinary[:50], seen(-40, 30), *ordinary[50:]], {})
    assert found == seen(-40, 30)  # a moving average of 0.95 would end near ±4


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e6)), min_size=1))
def test_the_order_of_the_samples_does_not_matter(samples: list[tuple[float, float]]) -> None:
    ranges = [seen(low, low + width) for low, width in samples]
    found = reduce(widen, ranges, {})
    assert found == reduce(widen, reversed(ranges), {})
    assert found["min"] == min(one["min"] for one in ranges)
    assert found["max"] == max(one["max"] for one in ranges)


def test_each_channel_has_its_own_range() -> None:
    one = {"min": np.array([0.0, -5.0]), "max": np.array([1.0, 2.0])}
    two = {"min": np.array([-1.0, 0.0]), "max": np.array([0.5, 3.0])}
    found = widen(one, two)
    assert found["min"].tolist() == [-1.0, -5.0]
    assert found["max"].tolist() == [1.0, 3.0]
