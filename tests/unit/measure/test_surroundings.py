"""What was read of the machine around the blocks."""

from __future__ import annotations

import numpy as np

from edgeloop.measure.surroundings import process_power
from edgeloop.results.schema import Block, Invocation


def test_the_power_before_the_first_block_is_not_that_of_the_runs() -> None:
    samples = [{"taken_ns": at, "power_w": watts} for at, watts in ((50, 1.0), (150, 5.0))]
    blocks = [Block("native", start, 2, np.full(3, 10, np.uint64)) for start in (100, 200)]
    invocation = Invocation(0, 0, {}, {}, {}, blocks, "", "", host_samples=samples)
    found = process_power(invocation)
    assert (list(found.power_w), found.runs) == ([5.0], 12)
