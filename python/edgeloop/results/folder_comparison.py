"""`compare` over folders of stored results: what belongs together, and one table of verdicts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

from edgeloop.errors import CheckFailedError, ModelError
from edgeloop.results.collection import collect
from edgeloop.results.compare import Compared, compare_results, condition, require_conditions
from edgeloop.results.schema import Result
from edgeloop.stats.compare import correct_for_many
from edgeloop.stats.verdict import NOT_COMPARABLE

MISSING = "missing"
"""What --fail-on calls a result of BASE that NEW has none for."""


@dataclass(frozen=True)
class FolderComparison:
    """NEW against BASE: a row for each result that both have."""

    rows: tuple[Compared, ...]
    only_base: tuple[str, ...]
    """Titles."""
    only_new: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Verdict → number of rows."""
        found: dict[str, int] = {}
        for row in self.rows:
            found[row.comparison.verdict] = found.get(row.comparison.verdict, 0) + 1
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "rows": [row.as_dict() for row in self.rows],
            "counts": self.counts,
            "only_base": list(self.only_base),
            "only_new": list(self.only_new),
            "notes": list(self.notes),
        }


def holds_results(text: str) -> bool:
    """Return whether an argument of `compare` is a folder of results, not a model's folder."""
    path = Path(text)
    return path.is_dir() and not (path / "saved_model.pb").exists()


def compare_folders(base: str, new: str, delta: float, allow: Sequence[str]) -> FolderComparison:
    """Compare what two folders (or files) hold, row by row; p values are corrected by Holm.

    Rows belong together by title and model; a row measured on unlike hosts, models, clocks,
    threads or governors is `not comparable` unless `allow` names the condition. Of several results
    of the same the newest counts.

    Raises UsageError for an unknown condition, ModelError where a folder holds no result, or the
    two have nothing in common.
    """
    require_conditions(allow)
    a, b = collect([base]), collect([new])
    notes = [*a.unreadable, *b.unreadable]
    pairs, only_base, only_new = _pairs(_newest(a.results, notes), _newest(b.results, notes))
    rows = []
    for one, other in pairs:
        try:
            rows.append(compare_results(one, other, delta, allow))
        except ModelError as error:  # nothing was measured before it failed
            notes.append(str(error))
    if not rows:
        raise ModelError(
            f"nothing in {new} is what was measured in {base}: neither title and model nor "
            f"configuration agree (for instance {_title(b.results[0])} and {_title(a.results[0])})"
        )
    corrected = correct_for_many([row.comparison for row in rows])
    return FolderComparison(
        rows=tuple(replace(row, comparison=one) for row, one in zip(rows, corrected)),
        only_base=tuple(map(_title, only_base)),
        only_new=tuple(map(_title, only_new)),
        notes=tuple(notes),
    )


def require(compared: FolderComparison, checks: Sequence[tuple[str, float]]) -> None:
    """Raise CheckFailedError where rows have a verdict that the user will not have.

    A check that could look at no row fails too: it would else pass for ever.
    """
    for verdict, share in checks:
        bad = list(compared.only_base) if verdict == MISSING else [
            row.b for row in compared.rows if row.is_worse(verdict, share)
        ]  # fmt: skip
        if bad:
            count = len(compared.rows) + (len(bad) if verdict == MISSING else 0)
            raise CheckFailedError(f"--fail-on {verdict}: {len(bad)} of {count}: {'; '.join(bad)}")
    if checks and compared.counts.get(NOT_COMPARABLE) == len(compared.rows):
        raise CheckFailedError(
            f"not one row could be compared: {compared.rows[0].comparison.reason}"
        )


def _pairs(
    a: Sequence[Result], b: Sequence[Result]
) -> tuple[list[tuple[Result, Result]], list[Result], list[Result]]:
    """Match by everything; then where the host or the model's content is another; then its name."""
    keys: tuple[Callable[[Result], Hashable], ...] = (
        lambda r: (_title(r), condition(r, "model"), condition(r, "host")),
        lambda r: (_title(r), condition(r, "model")),
        lambda r: (_title(r), condition(r, "host")),
        _title,
        lambda r: (_configuration(r), condition(r, "model")),
    )
    left_a, left_b = list(a), list(b)
    found: dict[int, Result] = {}
    for key in keys:
        waiting: dict[Hashable, list[Result]] = {}
        for other in left_b:
            waiting.setdefault(key(other), []).append(other)
        for one in list(left_a):
            candidates = waiting.get(key(one))
            if candidates:
                found[id(one)] = candidates.pop(0)
                left_a.remove(one)
                left_b = [other for other in left_b if other is not found[id(one)]]
    return [(one, found[id(one)]) for one in a if id(one) in found], left_a, left_b


def _newest(results: Sequence[Result], notes: list[str]) -> list[Result]:
    """Return one result of each configuration on each host, the newest."""
    newest: dict[Hashable, Result] = {}
    older: dict[Hashable, int] = {}
    for result in sorted(results, key=lambda one: str(one.header.get("created"))):
        key = (_title(result), condition(result, "model"), condition(result, "host"))
        older[key] = older.get(key, -1) + 1
        newest[key] = result
    notes += [
        f"{_title(newest[key])}: the newest of {count + 1} results counts"
        for key, count in older.items()
        if count
    ]
    return list(newest.values())


def _title(result: Result) -> str:
    return f"{result.header['title']} ({', '.join(result.loops)})"


def _configuration(result: Result) -> Optional[str]:
    """Return the title without the model's name."""
    return _title(result).partition("@")[2] or None
