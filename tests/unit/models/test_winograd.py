"""The fewest multiplications of a convolution."""

from __future__ import annotations

import pytest

from edgeloop.models.macs import fewest_multiplications


@pytest.mark.parametrize(
    ("kernel", "source", "result", "fewest"),
    [
        ((3, 3), (56, 56), (56, 56), 250),  # padded
        ((3, 3), (56, 56), (54, 54), 250),  # not padded
        ((3, 3), (4, 4), (2, 2), 250),  # unclear: counted as stride 1
        ((3, 3), (56, 56), (28, 28), 1000),  # stride 2
        ((1, 1), (56, 56), (56, 56), 1000),
        ((5, 5), (56, 56), (56, 56), 1000),
        ((3,), (56,), (56,), 1000),
        ((3, 3), (), (56, 56), 1000),
    ],
)
def test_winograd_saves_where_the_stride_is_1(kernel, source, result, fewest) -> None:
    assert fewest_multiplications(1000, kernel, source, result) == fewest


def test_a_multiplication_is_never_halved() -> None:
    assert fewest_multiplications(1, (3, 3), (3, 3), (1, 1)) == 1
