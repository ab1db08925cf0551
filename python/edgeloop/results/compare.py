"""Stored results against each other, by the medians of their processes: two, or two folders."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Optional

import numpy as np

from edgeloop.errors import CheckFailedError, EdgeloopError, ModelError, UsageError, reasoned
from edgeloop.metrics.paired import PairedDifference, paired_difference, why_not_paired
from edgeloop.results.collection import collect
from edgeloop.results.document import odd_fields
from edgeloop.results.figures import duration_interval
from edgeloop.results.notebook import html_table, one_line
from edgeloop.results.row import Figure, latency
from edgeloop.results.sample_scores import scores_of
from edgeloop.results.sample_warnings import SAMPLE_CODES
from edgeloop.results.schema import Result
from edgeloop.results.store import SUFFIX, read_result
from edgeloop.stats.compare import Comparison, compare_unpaired, correct_for_many
from edgeloop.stats.ratio import ratio_text
from edgeloop.stats.run_times import joined
from edgeloop.stats.verdict import NOT_COMPARABLE, SLOWER

MISSING = "missing"
"""What --fail-on calls a result of BASE that NEW has none for."""

# What may differ between two stored results without `--allow`: nothing of this.
CONDITIONS = ("model", "host", "clock", "threads", "governor", "precision")
UNKNOWN_PRECISION = "unknown"


@dataclass(frozen=True)
class Compared:
    """The comparison of B against A with what is needed to read it."""

    a: str
    b: str
    """Titles of the two sides."""
    comparison: Comparison
    medians_ns: tuple[Figure, Figure]
    """Of either side, as its result has it."""
    stop_reason: Optional[str]
    notes: tuple[str, ...]
    results: tuple[Optional[str], Optional[str]]
    """Paths of the result files of either side."""
    warnings: tuple[dict[str, Any], ...] = ()
    """What the machine and the runtimes warn of, on either side."""
    error: Optional[EdgeloopError] = None
    accuracy: Optional[PairedDifference] = None
    """How much better B is on the same samples; None where they are not known."""
    accuracy_reason: Optional[str] = None
    """Why it is not known, where there was data."""

    def __repr__(self) -> str:
        """Return the sides, the ratio and the verdict in one line."""
        return one_line("Compared", f"B is {self._verdict()}; A: {self.a}, B: {self.b}")

    def _repr_html_(self) -> str:
        """Show both sides and what came of it in a notebook."""
        rows = [
            (side, title, median.reason if median.value is None else
             duration_interval(median.value, median.interval))
            for side, title, median in zip("AB", (self.a, self.b), self.medians_ns)
        ]  # fmt: skip
        return html_table(f"B is {self._verdict()}", ("", "configuration", "median [95 %]"), rows)

    def _verdict(self) -> str:
        ratio = ratio_text(self.comparison.ratio, self.comparison.ratio_ci95)
        return f"{self.comparison.verdict}: its time is {ratio} times A's"

    def is_worse(self, verdict: str, share: float) -> bool:
        """Return whether the verdict is this one, by more than the share; 0: by whatever."""
        ratio = self.comparison.ratio
        difference = ratio - 1 if verdict == SLOWER else 1 - ratio
        return self.comparison.verdict == verdict and (share == 0.0 or difference > share)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return {
            "a": self.a,
            "b": self.b,
            **asdict(self.comparison),
            **_median_document("a", self.medians_ns[0]),
            **_median_document("b", self.medians_ns[1]),
            "accuracy": None if self.accuracy is None else self.accuracy.as_dict(),
            **({} if self.accuracy_reason is None else {"accuracy_reason": self.accuracy_reason}),
            "warnings": list(self.warnings),
            "half_width": self.comparison.half_width,
            "stop_reason": self.stop_reason,
            "notes": [*self.comparison.warnings, *self.notes],
            "results": list(self.results),
            **({} if self.error is None else {"error": str(self.error)}),
        }


def _median_document(side: str, median: Figure) -> dict[str, Any]:
    value, interval = f"{side}_median_ns", f"{side}_median_ci95_ns"
    return {
        **reasoned(value, median.value, median.reason),
        **reasoned(interval, median.interval, median.reason),
    }


def is_result(text: str) -> bool:
    """Return whether an argument of `compare` names a stored result."""
    return text.endswith(SUFFIX)


def compare_stored(a_path: str, b_path: str, delta: float, allow: Sequence[str]) -> Compared:
    """Compare two stored results by the medians of their processes.

    Raises UsageError for an unknown condition in `allow`, ModelError for a file that holds no
    measurement.
    """
    require_conditions(allow)
    a, b = read_result(a_path), read_result(b_path)
    with odd_fields(f"{a_path} or {b_path}"):
        return compare_results(a, b, delta, allow)


def require_conditions(allow: Sequence[str]) -> None:
    """Raise UsageError for what is not a condition that may differ."""
    for name in allow:
        if name not in CONDITIONS:
            raise UsageError(f"unknown value '{name}' for --allow; known: {', '.join(CONDITIONS)}")


def compare_results(a: Result, b: Result, delta: float, allow: Sequence[str]) -> Compared:
    """Compare two results by the medians of their processes; `allow` names what may differ."""
    mismatches = [text for name, text in _differences(a, b) if name not in allow]
    accuracy, reason = _paired(a, b)
    return Compared(
        a=f"{a.header['title']} ({a.loop_names[0]})",
        b=f"{b.header['title']} ({b.loop_names[0]})",
        comparison=compare_unpaired(
            _process_medians(a), _process_medians(b), delta=delta, mismatches=mismatches
        ),
        medians_ns=(latency(a), latency(b)),
        stop_reason=None,
        notes=(),
        results=(a.path, b.path),
        warnings=warnings_of((a, b)),
        accuracy=accuracy,
        accuracy_reason=reason,
    )


def _paired(a: Result, b: Result) -> tuple[Optional[PairedDifference], Optional[str]]:
    """Return how much better B is than A, or why it is not known; neither without accuracy."""
    if not (a.summary.get("accuracy") and b.summary.get("accuracy")):
        return None, None
    ours, theirs = scores_of(b.summary), scores_of(a.summary)
    reason = why_not_paired(ours, theirs)
    if reason is not None or ours is None or theirs is None:
        return None, reason
    return paired_difference(ours, theirs, seed=0), None


def warnings_of(results: Sequence[Result]) -> tuple[dict[str, Any], ...]:
    """Return each kind of warning once; how wide a side's own intervals are is not the ratio's."""
    found: dict[str, dict[str, Any]] = {}
    for result in results:
        for one in result.summary.get("warnings", ()):
            if one["code"] not in SAMPLE_CODES:
                found.setdefault(one["code"], one)
    return tuple(found.values())


def _process_medians(result: Result) -> list[float]:
    """Return the median time of a run in each process, in ns."""
    medians = []
    for invocation in result.invocations:
        run_times_ns = joined(invocation.run_times(result.loop_names[0]))
        if run_times_ns.size:
            medians.append(float(np.median(run_times_ns)))
    if not medians:
        raise ModelError(f"{result.path} holds no measurement of its {result.loop_names[0]} loop")
    return medians


def _differences(a: Result, b: Result) -> list[tuple[str, str]]:
    """Return (condition, sentence) for each condition in which two results differ."""
    found = []
    for name in CONDITIONS:
        ours, theirs = condition(a, name), condition(b, name)
        if name == "precision" and UNKNOWN_PRECISION in (ours, theirs):
            continue  # an older result does not have it, and many runtimes do not report it
        if ours != theirs:
            found.append((name, f"{name} ({ours} against {theirs}; --allow {name} to go on)"))
    return found


def condition(result: Result, name: str) -> str:
    """Return one of CONDITIONS as it was for a result, in words."""
    header = result.header
    if name == "model":
        return str(header["model"]["sha256"] or header["model"]["path"])[:12]
    if name == "host":
        board = header["host"]["board"].get("model")
        return str(board or ", ".join(header["host"]["cpu"]["model_names"]))
    if name == "clock":
        return str(header["clock"]["name"])
    if name == "threads":
        return str(header["runtime"]["threads"])
    if name == "precision":
        return str(header["runtime"].get("executed_precision") or UNKNOWN_PRECISION)
    return ", ".join(sorted({str(one["governor"]) for one in header["policies"]})) or "unknown"


def parse_delta(text: str) -> float:
    """Read 2%, or 0.02, as a share. Raises UsageError."""
    number, percent, rest = text.strip().partition("%")
    try:
        share = float(number) / (100.0 if percent else 1.0)
    except ValueError:
        share = -1.0
    if not 0.0 < share < 1.0 or rest:
        raise UsageError(f"'{text}' is not a difference; write 2%")
    return share


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

    def __repr__(self) -> str:
        """Return how many rows have which verdict, in one line."""
        counts = [f"{count} {verdict}" for verdict, count in self.counts.items()]
        return one_line("FolderComparison", ", ".join(counts) or "no rows in common")

    def _repr_html_(self) -> str:
        """Show a row for each result that both have in a notebook."""
        rows = [
            (row.b, ratio_text(row.comparison.ratio, row.comparison.ratio_ci95),
             row.comparison.verdict)
            for row in self.rows
        ]  # fmt: skip
        return html_table("NEW against BASE", ("", "NEW / BASE [95 %]", "verdict"), rows)

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
            with odd_fields(f"{one.path} or {other.path}"):
                rows.append(compare_results(one, other, delta, allow))
        except ModelError as error:  # nothing was measured before it failed
            notes.append(str(error))
    if not rows:
        raise ModelError(
            f"nothing in {new} matches what was measured in {base}: neither title and model nor "
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
    return f"{result.header['title']} ({', '.join(result.loop_names)})"


def _configuration(result: Result) -> Optional[str]:
    """Return the title without the model's name."""
    return _title(result).partition("@")[2] or None
