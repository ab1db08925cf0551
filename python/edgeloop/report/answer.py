"""What a report says first: the answer in a sentence, and what was compared where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgeloop.metrics.paired import (
    BETTER,
    NO_DIFFERENCE,
    WORSE,
    paired_difference,
    why_not_paired,
)
from edgeloop.results.figures import duration_interval, paired_text
from edgeloop.results.row import ReportRow

_ACCURACY = {
    BETTER: "is more accurate than",
    WORSE: "is less accurate than",
    NO_DIFFERENCE: "is not shown to differ in accuracy from",
}

# More models than this have no sentence each: the chart says it shorter.
_MOST_MODELS = 3


def answers(rows: Sequence[ReportRow]) -> list[str]:
    """Return a sentence for each model: the fastest configuration, and by how much.

    And one for each model whose accuracy was taken on the samples of another's.
    """
    timed = [row for row in measured(rows) if row.latency_ns.value]
    models = list(dict.fromkeys(row.model for row in timed))
    return [*_latencies(timed, models), *_accuracies(rows)]


def _latencies(timed: Sequence[ReportRow], models: Sequence[str]) -> list[str]:
    if len(models) > _MOST_MODELS:
        return [f"{len(timed)} configurations of {len(models)} models, the fastest of each first."]
    return [_answer(model, [row for row in timed if row.model == model]) for model in models]


def measured(rows: Iterable[ReportRow]) -> list[ReportRow]:
    """Return the rows whose latency may stand beside others: not those of `eval`."""
    return [row for row in rows if row.command != "eval"]


def facts(rows: Sequence[ReportRow]) -> list[tuple[str, str]]:
    """Return what holds of all results together: when, where, with what."""
    days = sorted({row.created[:10] for row in rows})
    found = [
        ("date", days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"),
        ("machine", _each(row.board for row in rows)),
        ("runtimes", _each(f"{row.runtime} {row.version}".strip() for row in rows)),
        ("effort", _each(row.effort for row in rows)),
        ("data set", _each(row.data for row in rows)),
    ]
    return [(name, value) for name, value in found if value]


def label(row: ReportRow, *, with_board: bool = False) -> str:
    """Return the configuration without the model's name, and the loop where it says something."""
    configuration = row.title.partition("@")[2] or row.title
    loop = "" if row.loop in ("", "native") else f", {row.loop} loop"
    board = f" on {row.board}" if with_board else ""
    return configuration.replace(",", ", ") + loop + board


def _answer(model: str, rows: Sequence[ReportRow]) -> str:
    ordered = sorted(rows, key=lambda row: row.latency_ns.value or 0.0)
    best, several = ordered[0], len({row.board for row in rows}) > 1
    latency = duration_interval(best.latency_ns.value or 0.0, best.latency_ns.interval)
    text = f"{model}: {label(best, with_board=several)} takes {latency}"
    if len(ordered) == 1:
        return f"{text}."
    second = ordered[1]
    other = label(second, with_board=several)
    if _apart(best, second):
        ratio = (second.latency_ns.value or 0.0) / (best.latency_ns.value or 1.0)
        return f"{text}, {ratio:.3g} times as fast as the next, {other}."
    return f"{text}; {other} cannot be distinguished from it: run edgeloop compare on the two."


def _apart(a: ReportRow, b: ReportRow) -> bool:
    """Return whether two intervals leave no doubt which is faster."""
    first, second = a.latency_ns.interval, b.latency_ns.interval
    if first is None or second is None or first[1] is None or second[0] is None:
        return False
    return first[1] < second[0]


def _accuracies(rows: Sequence[ReportRow]) -> list[str]:
    """Compare each model with the first one on the same samples; the first few only."""
    found = []
    first: dict[tuple[str, str], ReportRow] = {}
    models: set[tuple[str, str]] = set()
    for row in rows:
        if row.scores is None:
            continue
        base = first.setdefault((row.scores.kind, row.scores.labels_sha256), row)
        if base.model == row.model or base.scores is None:
            continue
        if (row.model, row.scores.labels_sha256) in models:
            continue
        models.add((row.model, row.scores.labels_sha256))
        if why_not_paired(row.scores, base.scores) is None:
            paired = paired_difference(row.scores, base.scores, seed=0)
            words = _ACCURACY[paired.verdict]
            text = paired_text(paired.as_dict())
            found.append(f"{row.model} {words} {base.model} on the same samples: {text}.")
    return found[:_MOST_MODELS]


def _each(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))
