"""A comparison that was made on a board, as it arrives here."""

from __future__ import annotations

import json
from dataclasses import asdict

from edgeloop.remote.measuring import _compared
from edgeloop.results.compare import Compared
from edgeloop.results.row import Figure
from edgeloop.stats.compare import compare_paired


def test_what_the_board_sends_is_what_it_compared() -> None:
    there = Compared(
        a="m@null,loop=native",
        b="m@null,loop=binding",
        comparison=compare_paired([1.0, 1.1, 1.2], [2.0, 2.1, 2.3], processes=[0, 1, 2]),
        medians_ns=(Figure(1.1, (1.0, 1.2)), Figure(2.1, None, "not enough processes")),
        stop_reason="time_budget",
        notes=("a note",),
        results=("/there/a", "/there/b"),
    )
    sent = json.loads(json.dumps(asdict(there)))
    here = _compared(sent, [None, None], None)
    assert here.comparison == there.comparison
    assert here.medians_ns == there.medians_ns
    assert (here.notes, here.results) == (("a note",), (None, None))
    document = here.as_dict()
    assert document["a_median_ci95_ns"] == (1.0, 1.2)
    assert document["b_median_ci95_ns_reason"] == "not enough processes"
