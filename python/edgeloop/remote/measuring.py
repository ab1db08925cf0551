"""Here or there: measure on this machine or on a board, with the same result."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Optional

from edgeloop.errors import CannotWriteError, EdgeloopError, RuntimeFailedError, UsageError
from edgeloop.measure.bench import measure_one
from edgeloop.measure.compare import compare_live, require_folder
from edgeloop.measure.observer import Observer
from edgeloop.remote.board import Board, Boards
from edgeloop.results.compare import Compared
from edgeloop.results.row import Figure
from edgeloop.results.schema import Result
from edgeloop.results.sessions import put_sessions
from edgeloop.results.store import ResultWriter, open_result, result_of
from edgeloop.results.summarise import summarise_result
from edgeloop.results.warnings import result_warnings
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.load import NULL_MODEL
from edgeloop.spec.run import RunSpec
from edgeloop.stats.compare import Comparison
from edgeloop.worker.protocol import error_of


class _Arriving:
    """One result, as its lines come."""

    def __init__(self, board: Board, model: str, writer: Optional[ResultWriter]) -> None:
        self._board = board
        self._model = model
        self._writer = writer
        self._source = f"what {board.host} sent"
        self._lines: list[dict[str, Any]] = []
        self._unwritten: Optional[CannotWriteError] = None

    def take(self, line: dict[str, Any]) -> None:
        """Keep a line; the header is given the name of the board and the model's path here."""
        if not self._lines:
            line = self._named(line)
            result_of([(1, line)], self._source)  # nothing is kept that is not a header
        elif "summary" in line and self._writer is not None:
            put_sessions(self._lines[0], line, self._writer.path)
        self._lines.append(line)
        if self._writer is None or self._unwritten is not None:
            return
        try:
            self._writer.append(line)
        except CannotWriteError as error:
            self._unwritten = error

    def result(self, error: Optional[EdgeloopError]) -> Optional[Result]:
        """Return what has arrived, None where nothing has; without a last line it is made here."""
        if not self._lines:
            return None
        path = None if self._writer is None else str(self._writer.path)
        result = result_of(list(enumerate(self._lines, start=1)), self._source)
        result.path = path
        if not result.summary:
            self.take(_last_line(result))
            result.summary = self._lines[-1]
        result.error = error or self._unwritten
        return result

    def _named(self, header: dict[str, Any]) -> dict[str, Any]:
        board = self._board
        named = {
            **header,
            "remote": {
                "host": board.host,
                "edgeloop": board.hello["edgeloop"],
                "executable": board.hello["executable"],
            },
        }
        if self._model != NULL_MODEL:
            path = str(Path(self._model).resolve())
            named["model"] = {**header["model"], "path": path}
        return named


def _last_line(result: Result) -> dict[str, Any]:
    """Return the summary of what arrived before the connection was cut."""
    summary = summarise_result(result, "failed")
    cut = "the connection to the board was cut before"
    summary.update({"accuracy": None, "accuracy_reason": cut})
    summary["warnings"] = result_warnings(result, summary)
    return summary


def measure_on_board(
    board: Board,
    spec: RunSpec,
    command: str,
    *,
    save: bool,
    out: Optional[str],
    observer: Observer,
) -> tuple[list[Result], list[tuple[str, EdgeloopError]]]:
    """Measure every runtime of a spec there; return results, and what failed, by its title.

    Raises what is wrong with the spec itself, or with the way to the board.
    """
    there = board.run_there(spec, observer)
    results: list[Result] = []
    failures: list[tuple[str, EdgeloopError]] = []
    arriving: Optional[_Arriving] = None
    title = spec.model
    request = {"type": "measure", "command": command, "spec": asdict(there)}
    doing = f"measuring on {board.host}"

    def end(error: Optional[EdgeloopError]) -> None:
        result = None if arriving is None else arriving.result(error)
        if result is not None:
            results.append(result)
        elif error is not None:
            failures.append((title, error))

    with ExitStack() as stack:
        try:
            for event in board.events(request, observer, doing):
                with board.understood(doing):
                    if event["type"] == "begin":
                        title = str(event["title"])
                        runtime = str(event["runtime"])
                        writer = open_result(out, spec.model, runtime) if save else None
                        if writer is not None:
                            stack.enter_context(writer)
                        arriving = _Arriving(board, spec.model, writer)
                    elif event["type"] == "line" and arriving is not None:
                        arriving.take(event["document"])
                    elif event["type"] == "end":
                        end(None if event["error"] is None else error_of(event["error"]))
                        arriving = None
        except EdgeloopError as error:
            if arriving is None and not results:
                raise
            with board.understood(doing):
                end(error)
    if not results and not failures:
        raise RuntimeFailedError(f"{board.host} measured nothing and gave no reason")
    return results, failures


def compare_anywhere(
    a_text: str,
    b_text: str,
    defaults: RunSpec,
    delta: float,
    observer: Observer,
    *,
    save: bool,
    out: Optional[str],
) -> Compared:
    """Compare two configurations here, or on the host that `defaults` name; see `compare_live`."""
    if defaults.host is None:
        return compare_live(a_text, b_text, defaults, delta, observer, save=save, out=out)
    require_folder(out)
    sides = (parse_configuration(a_text, defaults), parse_configuration(b_text, defaults))
    if sides[0].python != sides[1].python:
        raise UsageError("with --host both sides run in one interpreter: name it with --python")
    with Board(defaults.host, sides[0].python) as board:
        return compare_on_board(board, sides, delta, observer, save=save, out=out)


def compare_on_board(
    board: Board,
    sides: tuple[RunSpec, RunSpec],
    delta: float,
    observer: Observer,
    *,
    save: bool,
    out: Optional[str],
) -> Compared:
    """Compare two configurations on the board, block by block; see `compare_live`."""
    there = [board.run_there(side, observer) for side in sides]
    request = {"type": "compare", "delta": delta, "specs": [asdict(side) for side in there]}
    arriving: list[_Arriving] = []
    compared: Optional[dict[str, Any]] = None
    failed: Optional[EdgeloopError] = None
    with ExitStack() as stack:
        for side in sides:
            runtime = next(iter(side.runtimes), "default")
            writer = None
            if save:
                writer = stack.enter_context(open_result(out, side.model, runtime))
            arriving.append(_Arriving(board, side.model, writer))
        try:
            for event in board.events(request, observer, f"comparing on {board.host}"):
                with board.understood(f"comparing on {board.host}"):
                    if event["type"] == "line":
                        arriving[event["number"]].take(event["document"])
                    elif event["type"] == "compared":
                        compared = event["compared"]
                        failed = None if event["error"] is None else error_of(event["error"])
        except EdgeloopError as error:
            failed = error
        with board.understood(f"comparing on {board.host}"):
            results = [one.result(failed) for one in arriving]
    if compared is None:
        raise failed or EdgeloopError(f"{board.host} compared nothing")
    with board.understood(f"comparing on {board.host}"):
        return _compared(compared, results, failed)


def _compared(
    document: dict[str, Any], results: list[Optional[Result]], failed: Optional[EdgeloopError]
) -> Compared:
    comparison = dict(document["comparison"])
    for name in ("ratio_ci95", "warnings"):
        if comparison[name] is not None:
            comparison[name] = tuple(comparison[name])
    a, b = (None if one is None else one.path for one in results)
    return Compared(
        **{
            **document,
            "comparison": Comparison(**comparison),
            "medians_ns": tuple(_median(one) for one in document["medians_ns"]),
            "notes": tuple(document["notes"]),
            "warnings": tuple(document["warnings"]),
            "results": (a, b),
            "error": failed,
        }
    )


def measure_all(
    spec: RunSpec,
    command: str,
    *,
    save: bool,
    out: Optional[str],
    observer: Observer,
    boards: Optional[Boards] = None,
) -> tuple[list[Result], list[tuple[str, EdgeloopError]]]:
    """Measure every runtime of a spec; return the results, and by title what failed without one.

    An interruption ends the rest. `boards`: the connections to use where the spec names a host.
    """
    if spec.host is not None:
        with ExitStack() as stack:
            held = boards or stack.enter_context(Boards())
            board = held.board(spec.host, spec.python)
            return measure_on_board(board, spec, command, save=save, out=out, observer=observer)
    results: list[Result] = []
    failures: list[tuple[str, EdgeloopError]] = []
    for resolved in resolve(spec, command):
        for choice in resolved.choices:
            observer.note(choice)
        try:
            results.append(measure_one(resolved, save=save, out=out, observer=observer))
        except EdgeloopError as error:
            failures.append((resolved.title, error))
        ended = results[-1].error if results and not failures else None
        if _is_interruption(ended) or (failures and _is_interruption(failures[-1][1])):
            break
    return results, failures


def _is_interruption(error: Optional[EdgeloopError]) -> bool:
    return error is not None and error.exit_code == 130


def examine_board(host: str, python: Optional[str], timeout_s: float) -> dict[str, Any]:
    """Return what `examine` finds on a board; see `Board` for what it raises."""
    with Board(host, python) as board:
        request = {"type": "examine", "timeout_s": timeout_s}
        document: dict[str, Any] = board.ask(request, f"examining {host}")["document"]
    return document


def _median(document: dict[str, Any]) -> Figure:
    interval = document["interval"]
    low_high = None if interval is None else (interval[0], interval[1])
    return Figure(document["value"], low_high, document["reason"])
