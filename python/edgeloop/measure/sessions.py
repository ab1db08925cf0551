"""The same measurement again and again, spaced in time."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgeloop.errors import EdgeloopError
from edgeloop.measure.observer import Observer
from edgeloop.results.schema import Result
from edgeloop.spec.repetition import Repetition

Measured = tuple[list[Result], list[tuple[str, EdgeloopError]]]
"""Results, and what failed by its title."""


def repeated(
    measure: Callable[[], Measured],
    repetition: Repetition,
    observer: Observer,
    now_s: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Measured:
    """Measure once for each session, and return what the last one gave.

    Each session stores its results, and each result tells what those before it add
    (results.sessions). A session that fails ends the repetition; Ctrl-C in a pause does too, and
    what was measured stands.
    """
    begun_s = now_s()
    measured = measure()
    for number in range(1, repetition.sessions):
        if measured[1] or any(result.error is not None for result in measured[0]):
            break
        due_s = begun_s + number * repetition.every_s
        try:
            left_s = due_s - now_s()
            if left_s > 0:
                words = f"session {number + 1} of {repetition.sessions} begins in {left_s:.0f} s"
                observer.phase(words)
                sleep(left_s)
        except KeyboardInterrupt:
            break
        measured = measure()
    return measured
