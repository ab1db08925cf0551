"""Results that somebody else could have written: each field in turn is something else."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

# What a field becomes; "" and its like are of a right type and still odd.
ODD = (None, True, -1, 0, 1e308, 10**400, float("nan"), "", "$\\b$", "\x1b[2J\n=1", "x" * 5000,
       [], [None], {}, {"model": None}, "\ud800")  # fmt: skip
MISSING = object()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every value in a JSON document, its own left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, (dict, list)):
            yield from places(item, (*path, key))


def mutants(lines: list[dict[str, Any]], n: int, seed: int) -> Iterator[list[dict[str, Any]]]:
    """Yield `n` variants of a result's lines with one value each replaced or removed."""
    chance = random.Random(seed)
    every = [place for place in places(lines) if len(place) > 1]
    for _ in range(n):
        *above, last = chance.choice(every)
        odd = chance.choice((*ODD, MISSING))
        mutant = copy.deepcopy(lines)
        parent: Any = mutant
        for key in above:
            parent = parent[key]
        if odd is MISSING:
            del parent[last]
        else:
            parent[last] = odd
        yield mutant
