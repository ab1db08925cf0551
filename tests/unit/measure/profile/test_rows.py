"""The operators of many runs as rows and columns."""

from __future__ import annotations

import numpy as np

from edgeloop.measure.profile.rows import aligned
from edgeloop.runtimes.protocol import OperatorTime


def one(operator: str, duration_ns: float, **more: object) -> OperatorTime:
    return OperatorTime(operator, "x", duration_ns, **more)  # type: ignore[arg-type]


def test_the_same_operator_of_every_run_is_one_row() -> None:
    runs = [
        [one("P", 5, nodes=(0, 1)), one("c", 3, inside=True), one("c", 2, inside=True)],
        [one("P", 7, nodes=(0, 1), start_ns=1.5), one("c", 4, inside=True),
         one("c", 3, inside=True)],
    ]  # fmt: skip
    found = aligned(runs)
    assert [(row["operator"], row["inside"], row["nodes"]) for row in found.rows] == [
        ("P", None, [0, 1]),
        ("c", 0, []),
        ("c", 0, []),
    ]
    np.testing.assert_array_equal(found.durations_ns, [[5, 3, 2], [7, 4, 3]])
    assert found.starts_ns == [1.5, None, None]


def test_equal_operators_of_two_partitions_are_not_mixed_up() -> None:
    run = [one("P", 1, nodes=(0,)), one("c", 2, inside=True),
           one("P", 3, nodes=(9,)), one("c", 4, inside=True)]  # fmt: skip
    found = aligned([run])
    assert [row["inside"] for row in found.rows] == [None, 0, None, 2]


def test_an_operator_that_did_not_run_took_no_time() -> None:
    found = aligned([[one("a", 1), one("a", 2)], [one("a", 5)], []])
    np.testing.assert_array_equal(found.durations_ns, [[1, 2], [5, 0], [0, 0]])
    assert aligned([]).rows == []
