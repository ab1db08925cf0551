"""A result as one row of a report: what was run where, and its figures with their intervals.

Text comes from files that may be anybody's: it is made plain here, and escaped where it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from edgeloop.errors import plain
from edgeloop.metrics.paired import SampleScores
from edgeloop.results.document import odd_fields
from edgeloop.results.placement import counted_names, covered_share
from edgeloop.results.sample_scores import scores_of
from edgeloop.results.schema import Result

Interval = tuple[Optional[float], Optional[float]]

_LONGEST = 160

# The first of these that a result has stands for its accuracy.
_METRICS = ("accuracy", "map_50_95", "pixel_accuracy", "r2", "mse")


@dataclass(frozen=True)
class Figure:
    """A value with its interval, or None and why there is none."""

    value: Optional[float]
    interval: Optional[Interval] = None
    reason: str = ""


@dataclass(frozen=True)
class ReportRow:
    """One result."""

    title: str
    command: str
    """bench, overhead, eval or compare: what kind of figures these are."""
    model: str
    runtime: str
    version: str
    """The runtime's."""
    threads: Optional[int]
    delegates: str
    precision: str
    """As stored, where the result has it: int8, fp16, ...; else empty."""
    executed: str
    """The precision that the kernels compute in; empty where it is not known."""
    board: str
    created: str
    effort: str
    data: str
    """Name of the data set; empty without one."""
    loop: str
    """The headline's."""
    latency_ns: Figure
    p90_ns: Figure
    samples: Optional[int]
    n_eff: Optional[float]
    processes: Optional[int]
    loops_ns: Mapping[str, Figure]
    cold_ns: Mapping[str, int]
    """Of the first process: interpreter, import, load, first run."""
    metric: str
    """Name of the metric in `accuracy`; empty without data."""
    accuracy: Figure
    scores: Optional[SampleScores]
    """Of single samples, where the result keeps them."""
    energy_j: Figure
    bytes: Optional[int]
    covered: Optional[float]
    """Share of the work that delegates or providers ran, 0 to 1."""
    covered_by: str
    verdict: Optional[str]
    """Of the machine: clean, disturbed, slower, throttled, under-voltage."""
    withheld: Optional[str]
    environment: Mapping[str, str]
    warnings: tuple[str, ...]
    """What to know before relying on the figures, one sentence each."""


def report_rows(results: Sequence[Result]) -> list[ReportRow]:
    """Return a row for each result, in their order. Raises ModelError for a damaged one."""
    rows = []
    for result in results:
        with odd_fields(result.path):
            rows.append(_row(result))
    return rows


def latency(result: Result) -> Figure:
    """Return the headline: the median time of a run in ns."""
    last = result.summary
    return _figure(last.get("summary") or {}, "median_ns", "median_ci95_ns", last)


def _row(result: Result) -> ReportRow:
    header, last = result.header, result.summary
    headline = last.get("summary") or {}
    loops = last.get("loops") or {}
    metric, accuracy = _accuracy(last)
    covered, covered_by = _coverage(header)
    withheld = headline.get("headline_withheld")
    return ReportRow(
        title=_text(header["title"]),
        command=_text(header["command"]),
        model=_text(Path(str(header["model"]["path"])).name),
        runtime=_text(header["runtime"]["name"]),
        version=_text(header["runtime"]["version"] or ""),
        threads=header["runtime"]["threads"],
        delegates=_text(" ".join(header["runtime"]["delegates"] or ())),
        precision=_precision(header),
        executed=_text(header["runtime"].get("executed_precision") or ""),
        board=_board(header["host"]),
        created=_text(header["created"]),
        effort=_text(header["spec"].get("effort") or ""),
        data=_data(header["spec"]),
        loop=_text(result.loop_names[0]) if result.loop_names else "",
        latency_ns=latency(result),
        p90_ns=_figure(headline, "p90_ns", "p90_ci95_ns", {}),
        samples=headline.get("n"),
        n_eff=headline.get("n_eff"),
        processes=headline.get("processes"),
        loops_ns={
            _text(name): _figure(loop, "median_ns", "median_ci95_ns", {})
            for name, loop in loops.items()
        },
        cold_ns=_cold(result),
        metric=metric,
        accuracy=accuracy,
        scores=scores_of(last),
        energy_j=_energy(last),
        bytes=header["model"]["bytes"],
        covered=covered,
        covered_by=covered_by,
        verdict=(last.get("throttling") or {}).get("verdict"),
        withheld=None if withheld is None else _text(withheld),
        environment=_environment(header),
        warnings=tuple(_text(one["text"]) for one in last.get("warnings") or ()),
    )


def _precision(header: Mapping[str, Any]) -> str:
    """Return what edgeloop quantised the model to, or the dtype of integer inputs."""
    made = (header.get("conversion") or {}).get("precision")
    dtypes = {str(one["dtype"]) for one in header["model"]["inputs"]}
    integer = "int8" if dtypes & {"int8", "uint8"} else ""
    return _text(made or integer)


def _data(spec: Mapping[str, Any]) -> str:
    path = (spec.get("inputs") or {}).get("data")
    return "" if path is None else _text(Path(str(path)).name)


def _text(value: Any) -> str:
    return plain(str(value), _LONGEST)


def _figure(
    document: Mapping[str, Any], value: str, interval: str, last: Mapping[str, Any]
) -> Figure:
    if document.get(value) is None:
        reason = document.get(f"{value}_reason") or last.get("summary_reason") or "ended early"
        return Figure(None, None, _text(reason))
    found = document.get(interval)
    reason = "" if found else _text(document.get(f"{interval}_reason", ""))
    return Figure(float(document[value]), None if found is None else (found[0], found[1]), reason)


def _accuracy(last: Mapping[str, Any]) -> tuple[str, Figure]:
    found = last.get("accuracy") or {}
    for name in _METRICS:
        if found.get(name) is not None:
            return name, _figure(found, name, f"{name}_ci95", {})
    return "", Figure(None, None, _text(last.get("accuracy_reason", "no data was given")))


def _energy(last: Mapping[str, Any]) -> Figure:
    found = last.get("energy")
    if not found:
        return Figure(None, None, _text(last.get("energy_reason", "no power was measured")))
    return _figure(found, "energy_per_run_j", "energy_per_run_ci95_j", {})


def _cold(result: Result) -> dict[str, int]:
    if not result.invocations:
        return {}
    first = result.invocations[0]
    return {
        "interpreter": first.interpreter_start_ns,
        "import": first.import_ns,
        "load": sum(first.load_ns.values()),
        "first run": next(iter(first.first_run_ns.values()), 0),
    }


def _coverage(header: Mapping[str, Any]) -> tuple[Optional[float], str]:
    placement = header.get("placement")
    if not placement or not placement["delegates"]:
        return None, ""
    _, share, basis = covered_share(placement)
    return share, f"{_text(counted_names(placement))}, of the {basis}"


def _board(host: Mapping[str, Any]) -> str:
    names = host["cpu"]["model_names"]
    return _text(host["board"]["model"] or (names[0] if names else "unknown"))


def _environment(header: Mapping[str, Any]) -> dict[str, str]:
    """Return what may explain a difference between two results."""
    host, runtime = header["host"], header["runtime"]
    governors = sorted({str(policy.get("governor")) for policy in header.get("policies") or ()})
    found = {
        "board": _board(host),
        "CPU": ", ".join(host["cpu"]["model_names"]),
        "kernel": host["system"].get("kernel"),
        "libc": host["system"].get("libc"),
        "distribution": host["system"].get("distribution"),
        "virtual machine": host["virtualisation"].get("virtual_machine"),
        "governor": ", ".join(governors),
        "clock": header["clock"].get("name"),
        "Python": runtime.get("python"),
        f"{runtime['name']} version": runtime.get("version"),
        "threads": runtime.get("threads"),
        "regime": header["spec"].get("regime"),
    }
    return {name: _text(value) for name, value in found.items() if value not in (None, "")}
