"""Where the results of a report were measured under unlike conditions."""

from __future__ import annotations

from collections.abc import Sequence

from edgeloop.results.row import ReportRow


def differences(rows: Sequence[ReportRow]) -> list[tuple[str, dict[str, int]]]:
    """Return each condition that is not the same everywhere: value → number of results.

    A condition that only some results know (another runtime's version) is no difference.
    """
    names = dict.fromkeys(name for row in rows for name in row.environment)
    found = []
    for name in names:
        counts: dict[str, int] = {}
        for row in rows:
            value = row.environment.get(name)
            if value is not None:
                counts[value] = counts.get(value, 0) + 1
        if len(counts) > 1:
            found.append((name, counts))
    return found
