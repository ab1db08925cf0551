"""Run a suite: one entry after the other, each on the disk when it ends, resumed where it broke."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

from edgeloop.envs.managed import python_of
from edgeloop.errors import (
    EdgeloopError,
    InterruptedRunError,
    ModelError,
    NotAvailableError,
    RuntimeFailedError,
    UsageError,
)
from edgeloop.host.thermal import cpu_temperature
from edgeloop.measure.observer import Observer
from edgeloop.measure.rest import Rest
from edgeloop.remote.board import Boards
from edgeloop.remote.measuring import measure_all
from edgeloop.results.figures import in_words
from edgeloop.results.schema import Result
from edgeloop.results.store import default_folder, read_result
from edgeloop.spec.run import RunSpec
from edgeloop.suite.conversions import Conversions
from edgeloop.suite.definition import Definition, read_definition
from edgeloop.suite.entry import Entry
from edgeloop.suite.journal import FAILED, FINISHED, NAME, Ended, Journal
from edgeloop.suite.matrix import LeftOut, Matrix, expand
from edgeloop.suite.plan import Plan, at_most_s, make_plan

_UNFINISHED = ("failed", "interrupted")


@dataclass(frozen=True)
class SuiteSpec:
    """What the user asked for."""

    file: str
    text: Optional[str] = None
    """What the file says, where it was not written; None: it is read."""
    out: Optional[str] = None
    """The folder; None: a fresh one in the folder of results, on resuming the newest there."""
    resume: bool = False
    retry_failed: bool = False
    """On resuming, run the failed entries again."""
    order_seed: Optional[int] = None
    host: Optional[str] = None


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    entry: Entry
    ended: Optional[Ended]
    """None: not measured yet."""
    result: Optional[Result] = None

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        summary = None if self.result is None else self.result.summary
        return {
            **self.entry.as_dict(),
            **({"state": "pending"} if self.ended is None else self.ended.as_dict()),
            "summary": None if summary is None else summary.get("summary"),
            "accuracy": None if summary is None else summary.get("accuracy"),
        }


@dataclass
class SuiteReport:
    """What a suite has measured so far."""

    plan: Plan
    folder: Path
    rows: list[Row] = field(default_factory=list)
    interrupted: bool = False

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """The combinations that cannot be measured."""
        return self.plan.left_out

    @property
    def exit_code(self) -> int:
        """That of the first failed row; 130 where it was interrupted."""
        if self.interrupted:
            return InterruptedRunError.exit_code
        codes = [row.ended.exit_code for row in self.rows if row.ended is not None]
        return next((code for code in codes if code), 0)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            **self.plan.as_dict(),
            "folder": str(self.folder),
            "interrupted": self.interrupted,
            "entries": [row.as_dict() for row in self.rows],
        }


def plan_suite(spec: SuiteSpec) -> Plan:
    """Return what would be done, without doing it. Raises UsageError, ModelError."""
    definition = read_definition(spec.file, spec.text)
    return make_plan(definition, expand(definition, spec.host), spec.order_seed)


def run_suite(spec: SuiteSpec, observer: Observer) -> SuiteReport:
    """Measure every entry that has not ended yet.

    A failed entry is a row with its reason. Raises UsageError or ModelError where the suite itself
    is at fault, CannotWriteError where the folder takes no more.
    """
    definition = read_definition(spec.file, spec.text)
    matrix = expand(definition, spec.host)
    code = _code_in(matrix)
    if code:
        observer.note(f"{spec.file} runs programs that its author chose: {', '.join(code)}")
    folder = _folder(spec, definition.name)
    with Journal(folder, resume=spec.resume) as journal:
        plan = _plan(definition, matrix, journal, spec)
        journal.plan(plan.journal_document())
        with Boards() as boards:
            run = _Run(definition, plan, folder, journal, spec.retry_failed, boards, observer)
            return run.run()


# Options by which a suite runs code besides that of its models.
_CODE = ("trust-pickle", "model-class-path", "python", "library", "package", "power-command")


def _code_in(matrix: Matrix) -> list[str]:
    """Return the words of a suite that run code: who starts one of a stranger should know."""
    specs = [entry.spec for entry in matrix.entries]
    found = [word for word in _CODE if any(getattr(one, word.replace("-", "_")) for one in specs)]
    if any("=" in one.spec.runtimes[0] for one in matrix.entries):
        found.append("plugin")
    for word in ("delegate", "provider"):
        given = " ".join(str(getattr(one, word)) for one in specs)
        if "/" in given or ".so" in given:
            found.append(word)
    return found


def _folder(spec: SuiteSpec, name: str) -> Path:
    if spec.out is not None:
        return Path(spec.out).absolute()
    parent = default_folder()
    if not spec.resume:
        return parent / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    found = sorted(path.parent for path in parent.glob(f"{name}-*/{NAME}"))
    if not found:
        raise UsageError(f"there is no run of the suite '{name}' in {parent}; name it with --out")
    return found[-1]


def _plan(definition: Definition, matrix: Matrix, journal: Journal, spec: SuiteSpec) -> Plan:
    """Return the plan; a resumed one may have more entries than before, but lacks none."""
    before = journal.content.plan
    if not before:
        return make_plan(definition, matrix, spec.order_seed)
    now = {entry.id for entry in matrix.entries}
    gone = [one["name"] for one in before["entries"] if one["id"] not in now]
    if gone or before["command"] != definition.command:
        what = f"lacks {len(gone)} of its entries, {gone[0]} among them" if gone else "changed"
        raise UsageError(
            f"{definition.file.path} is not what was run in {journal.path.parent}: it {what} "
            "(changed options and changed model files count); a resumed suite may only gain "
            "entries: undo the change, or start again with another --out"
        )
    first = [one["id"] for one in before["entries"]]
    return make_plan(definition, matrix, before["order_seed"], first)


class _Run:
    """Works through the entries of a plan."""

    def __init__(
        self,
        definition: Definition,
        plan: Plan,
        folder: Path,
        journal: Journal,
        retry_failed: bool,
        boards: Boards,
        observer: Observer,
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._journal = journal
        self._retry_failed = retry_failed
        self._boards = boards
        self._observer = observer
        self._conversions = Conversions(folder, observer)
        self._results: dict[str, Result] = {}
        self._rest_rules = (definition.rest_c, definition.rest_s)

    def run(self) -> SuiteReport:
        left = [entry for entry in self._plan.entries if not self._has_ended(entry)]
        interrupted = False
        try:
            rest: Optional[Rest] = None
            for number, entry in enumerate(left):
                if rest is None:
                    temperature = self._temperature_of(entry)
                    rest = Rest(temperature, *self._rest_rules, self._observer)
                else:
                    rest.take()
                self._announce(entry, left[number:])
                self._take(entry)
        except (InterruptedRunError, KeyboardInterrupt):
            interrupted = True
        rows = [self._row(entry) for entry in self._plan.entries]
        return SuiteReport(self._plan, self._folder, rows, interrupted)

    def _has_ended(self, entry: Entry) -> bool:
        """Look in the journal and on the disk; an interrupted result is put aside."""
        ended = self._journal.content.ended.get(entry.id)
        if ended is not None and ended.state == FAILED and not self._retry_failed:
            return True
        path = self._folder / entry.file_name
        if not path.exists():
            return False
        finished = _finished(path)
        if finished is not None and (ended is None or ended.state == FINISHED):
            if ended is None:  # killed between the result and its line here
                spent_s = sum(one.measuring_s for one in finished.invocations)
                self._journal.ended(Ended(entry.id, FINISHED, spent_s, path.name))
            return True
        path.replace(path.with_name(f"{path.name}.torn"))
        return False

    def _announce(self, entry: Entry, left: Sequence[Entry]) -> None:
        done = len(self._plan.entries) - len(left)
        self._observer.note(
            f"entry {done + 1} of {len(self._plan.entries)}{self._time_left(left)}: {entry.name}"
        )

    def _time_left(self, left: Sequence[Entry]) -> str:
        """Say how long the rest takes: by what the ended entries took, before that at most."""
        spent = [one.elapsed_s for one in self._journal.content.ended.values()]
        if spent:
            return f", about {in_words(len(left) * sum(spent) / len(spent))} left"
        most_s = at_most_s(left)
        return "" if most_s is None else f", at most {in_words(most_s)} of measuring left"

    def _take(self, entry: Entry) -> None:
        """Measure one entry and write down what became of it."""
        begun_s = time.monotonic()
        error: Optional[EdgeloopError] = None
        try:
            error = self._measure(entry)
        except EdgeloopError as raised:
            error = raised
        if isinstance(error, InterruptedRunError):
            raise error
        path = self._folder / entry.file_name
        self._journal.ended(
            Ended(
                entry=entry.id,
                state=FINISHED if error is None else FAILED,
                elapsed_s=time.monotonic() - begun_s,
                result=path.name if path.exists() else None,
                error=None if error is None else str(error),
                exit_code=0 if error is None else error.exit_code,
            )
        )
        if error is not None:
            self._observer.note(f"failed: {entry.name}: {error}")

    def _measure(self, entry: Entry) -> Optional[EdgeloopError]:
        """Measure into the entry's file; return what was wrong with a result that is there."""
        spec = self._spec(entry)
        path = self._folder / entry.file_name
        results, failures = measure_all(
            spec,
            self._plan.command,
            save=True,
            out=str(path),
            observer=self._observer,
            boards=self._boards,
        )
        if results:
            self._results[entry.id] = results[0]
        if failures:
            return failures[0][1]
        if len(results) != 1:
            return RuntimeFailedError(f"{entry.name} is {len(results)} configurations, not one")
        return results[0].error

    def _spec(self, entry: Entry) -> RunSpec:
        """Return the run: of the converted model, in the managed environment."""
        spec = entry.spec
        if entry.conversion is not None:
            spec = self._conversions.measured(entry)
        if entry.environment is None:
            return spec
        python = python_of(entry.environment)
        if python is None:
            raise NotAvailableError(
                f"the managed environment {entry.environment} is not installed; run "
                f"'edgeloop setup {entry.environment}'"
            )
        return replace(spec, python=python)

    def _temperature_of(self, entry: Entry) -> Callable[[], Optional[float]]:
        """Return what reads the temperature of the machine that measures, in °C."""
        spec = entry.spec

        def of_board() -> Optional[float]:
            try:
                board = self._boards.board(str(spec.host), spec.python)
                answer = board.ask({"type": "temperature"}, "reading the temperature")
            except EdgeloopError:  # the entries themselves say so
                return None
            found: Optional[float] = answer["temperature_c"]
            return found

        return of_board if spec.host else lambda: cpu_temperature().temperature_c

    def _row(self, entry: Entry) -> Row:
        ended = self._journal.content.ended.get(entry.id)
        result = self._results.get(entry.id)
        if result is None and ended is not None and ended.result is not None:
            try:
                result = read_result(str(self._folder / ended.result))
            except ModelError:
                result = None
        return Row(entry, ended, result)


def _finished(path: Path) -> Optional[Result]:
    """Return the result of an entry that was measured to its end, else None."""
    try:
        result = read_result(str(path))
    except ModelError:
        return None
    summary = result.summary.get("summary")
    if summary is None or summary.get("stop_reason") in _UNFINISHED:
        return None
    return result
