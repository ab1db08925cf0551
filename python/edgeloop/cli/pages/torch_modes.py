"""The ways in which PyTorch ran one model, as one table: eager, script, compile, AOTInductor."""

from __future__ import annotations

from collections.abc import Sequence

from edgeloop.cli.pages.columns import columns
from edgeloop.results.figures import duration, duration_interval
from edgeloop.results.schema import Result


def torch_modes_table(results: Sequence[Result]) -> str:
    """Return a line for each mode and loop; "" unless several results are modes of PyTorch."""
    modes = [result for result in results if _mode(result) is not None]
    if len(modes) < 2:
        return ""
    rows: list[Sequence[str]] = [("code", "loop", "median [95 %]", "load", "first run")]
    native_is_shown = False
    for result in modes:
        for loop in result.loop_names:
            native = loop in ("native", "binding")
            if native and native_is_shown:
                continue  # the same package in every mode
            instance = "engine" if native else "framework"
            first = result.invocations[0]
            rows.append((
                "package" if native else str(_mode(result)),
                loop,
                _median(result, loop),
                duration(first.load_ns[instance]),
                duration(first.first_run_ns[instance]),
            ))  # fmt: skip
        native_is_shown = native_is_shown or "native" in result.loop_names
    words = (
        "PyTorch's modes, each measured in its own processes; torch.compile compiles while loading"
    )
    return f"{words}\n{columns(rows, right=(2, 3, 4))}\n"


def _mode(result: Result) -> object:
    return result.header["spec"]["options"].get("torch_mode")


def _median(result: Result, loop: str) -> str:
    summary = result.summary["loops"][loop]
    if summary["median_ci95_ns"] is None:
        return f"{duration(summary['median_ns'])} (no interval)"
    return duration_interval(summary["median_ns"], summary["median_ci95_ns"])
