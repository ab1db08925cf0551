"""A suite written for one model: every runtime that fits, by conversion where that is needed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Optional

from edgeloop.conversion.graph import reachable
from edgeloop.conversion.plan import make_plan
from edgeloop.conversion.quantization.methods import (
    CALIBRATED,
    PRECISIONS,
    choose_method,
    possible_precisions,
)
from edgeloop.envs.interpreter import look_for
from edgeloop.errors import EdgeloopError, UsageError, canonical, nearest
from edgeloop.models.formats import ModelFormat, detect_format
from edgeloop.models.inspect import inspect_model
from edgeloop.runtimes import known_names, runtime
from edgeloop.runtimes.choice.runtimes import interpreter_of
from edgeloop.runtimes.protocol import Runtime
from edgeloop.spec.load import ANY
from edgeloop.spec.option import default_of, options_of, word_of
from edgeloop.spec.run import RunSpec
from edgeloop.suite.matrix import LeftOut
from edgeloop.suite.run import SuiteSpec

FLOAT = "fp32"
_CHOICES = (FLOAT, *PRECISIONS)

# Written as [[include]] tables; the other fields of the run are the same for all rows.
_OF_A_ROW = ("model", "runtimes")


@dataclass(frozen=True)
class SweepSpec:
    """What the user asked for."""

    run: RunSpec
    """Of all rows; its runtimes are those to restrict the sweep to, empty: all."""
    precisions: Sequence[str] = ()
    """Of fp32 (the model as it is) and those of `quantize`; empty: all that can be made."""
    representative_data: Optional[str] = None
    samples: int = 200


@dataclass(frozen=True)
class SweepRow:
    """One row of the table before it is measured."""

    runtime: str
    format: str
    """What the runtime is given."""
    to: Optional[str]
    """The format to convert to; None: the model's own."""
    precision: Optional[str]
    """What it is quantised to; None: it is not."""
    way: str
    """The formats on the way and the tools, in words."""
    missing: Optional[str] = None
    """Why it cannot be made here now, and what to do."""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True)
class Sweep:
    """The rows of a model, what is left out, and the suite that measures them."""

    name: str
    source: ModelFormat
    rows: tuple[SweepRow, ...]
    left_out: tuple[LeftOut, ...]
    """What installed runtimes lack, by the runtime and its precisions."""
    missing: tuple[LeftOut, ...]
    """The runtimes that could fit and are not installed, with what to do."""
    toml: str = field(repr=False)

    def suite(self, *, out: Optional[str] = None, resume: bool = False) -> SuiteSpec:
        """Return what measures the rows."""
        return SuiteSpec(file=f"{self.name}.toml", text=self.toml, out=out, resume=resume)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--plan --json` prints."""
        return {
            "name": self.name,
            "format": self.source.format,
            "rows": [row.as_dict() for row in self.rows],
            "left_out": [{"name": one.name, "reason": one.reason} for one in self.left_out],
            "missing": [{"name": one.name, "reason": one.reason} for one in self.missing],
            "suite": self.toml,
        }


def plan_sweep(spec: SweepSpec) -> Sweep:
    """Return the rows of a model's sweep, and their suite; nothing is converted or measured.

    Raises ModelError, UsageError where a runtime or precision is unknown or no row is left.
    """
    source = detect_format(spec.run.model)
    planner = _Planner(spec, source)
    rows = [row for name in planner.runtimes() for row in planner.rows(name)]
    if not rows:
        without = (*planner.left_out, *planner.missing)
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in without)
        raise UsageError(f"no runtime fits {spec.run.model} ({source.format}): {reasons}")
    stem = re.sub(r"[^\w. -]+", "-", Path(spec.run.model).stem).strip("-. ") or "model"
    name = f"sweep-{stem}"
    return Sweep(
        name=name,
        source=source,
        rows=tuple(rows),
        left_out=tuple(planner.left_out),
        missing=tuple(planner.missing),
        toml=_toml(name, spec, rows),
    )


class _Planner:
    """Finds for each runtime the nearest format that it reads, and its precisions."""

    def __init__(self, spec: SweepSpec, source: ModelFormat) -> None:
        self._spec = spec
        self._source = source
        named = tuple(map(canonical, spec.run.runtimes))
        self._named = () if "all" in named else named
        self._wanted = tuple(map(canonical, spec.precisions))
        for one in self._wanted:
            if one not in _CHOICES:
                raise UsageError(f"unknown precision '{one}'; {nearest(one, _CHOICES)}")
        self._is_float = _precision_of(spec.run.model) in (None, FLOAT)
        self._reachable = reachable(source)
        self.left_out: list[LeftOut] = []
        self.missing: list[LeftOut] = []

    def runtimes(self) -> list[str]:
        """Return the runtimes that were named, else those that are installed and could fit.

        Raises UsageError for one that is unknown or reads nothing that the model can become.
        """
        if self._named:
            for name in self._named:
                if self._format_for(runtime(name)) is None:
                    reads = ", ".join(runtime(name).formats)
                    raise UsageError(
                        f"{name} reads {reads}, and a model in the format "
                        f"{self._source.format} is none and cannot be converted to it"
                    )
            return list(dict.fromkeys(self._named))
        return [name for name in known_names() if self._fits(name)]

    def _fits(self, name: str) -> bool:
        """Say whether a runtime is installed and reads the model; others are left out."""
        try:
            chosen = runtime(name)
            if chosen.named_by_path or self._format_for(chosen) is None:
                return False
            interpreter_of(name, None, [])
        except EdgeloopError as error:  # not installed, or a broken package's
            self.missing.append(LeftOut(name, str(error)))
            return False
        return True

    def _format_for(self, chosen: Runtime) -> Optional[str]:
        """Return the format that a runtime is given: the model's own, else the nearest."""
        if ANY in chosen.formats:
            return None
        if self._source.format in chosen.formats:
            return self._source.format
        read = [name for name, rank in chosen.formats.items() if rank is not None]
        return next((name for name in self._reachable if name in read), None)

    def rows(self, name: str) -> list[SweepRow]:
        """Return a row for each precision."""
        target = self._format_for(runtime(name))
        assert target is not None
        to = None if target == self._source.format else target
        refusal = runtime(name).refuses(self._spec.run.model) if to is None else None
        if refusal is not None:
            self.left_out.append(LeftOut(name, refusal))
            return []
        way, missing = self._way(target)
        rows = []
        for precision in self._precisions(name, target):
            if precision == FLOAT:
                rows.append(SweepRow(name, target, to, None, way, missing))
                continue
            method = choose_method(target, precision)
            found = look_for(method.packages, method.environment, None, "")
            made = method.tool if to is None else f"{way}, {method.tool}"
            rows.append(SweepRow(name, target, to, precision, made, missing or found.reason))
        return rows

    def _precisions(self, name: str, target: str) -> list[str]:
        """Return the precisions in which a runtime's format can be had, and note the others."""
        found = [FLOAT]
        if self._is_float:
            found += [
                one
                for one in possible_precisions(target)
                if choose_method(target, one).target == target
            ]
        kept = [one for one in found if not self._wanted or one in self._wanted]
        if self._spec.representative_data is not None:
            return kept
        calibrated = [one for one in kept if one in CALIBRATED]
        if calibrated:
            words = "needs --representative-data, samples that show the ranges"
            self.left_out.append(LeftOut(f"{name} {' and '.join(calibrated)}", words))
        return [one for one in kept if one not in CALIBRATED]

    def _way(self, target: str) -> tuple[str, Optional[str]]:
        """Return how the model gets to a format, and what is missing for that."""
        if target == self._source.format:
            return "as it is", None
        plan = make_plan(self._source, target)
        missing = [step.missing for step in plan.steps if step.python is None]
        return ", ".join(step.edge.tool for step in plan.steps), next(iter(missing), None)


def _precision_of(model: str) -> Optional[str]:
    try:
        return inspect_model(model).precision
    except EdgeloopError:  # the package that reads the format is missing
        return None


def _toml(name: str, spec: SweepSpec, rows: Sequence[SweepRow]) -> str:
    """Return the suite: what holds for all rows, then an [[include]] for each."""
    lines = [f"name = {_value(name)}", 'command = "bench"']
    run = _absolute(spec.run)
    for one in fields(RunSpec):
        value = getattr(run, one.name)
        if one.name not in _OF_A_ROW and value != default_of(one):
            declared = options_of(RunSpec)[one.name]
            lines.append(f"{word_of(one.name, declared)} = {_value(value)}")
    if spec.representative_data is not None:
        data = str(Path(spec.representative_data).absolute())
        lines += [f"representative-data = {_value(data)}", f"samples = {spec.samples}"]
    for row in rows:
        words = {
            "model": run.model,
            "runtime": row.runtime,
            "to": row.to,
            "precision": row.precision,
        }
        lines += ["", "[[include]]"]
        lines += [f"{word} = {_value(value)}" for word, value in words.items() if value]
    return "\n".join(lines) + "\n"


def _absolute(run: RunSpec) -> RunSpec:
    """Return the run with paths that hold wherever the suite lies."""
    paths: dict[str, Any] = {}
    for name, declared in options_of(RunSpec).items():
        value = getattr(run, name)
        if declared.file and isinstance(value, str):
            paths[name] = str(Path(value).absolute())
    return replace(run, **paths)


def _value(value: Any) -> str:
    """Write a value as TOML; a shape as its text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Mapping):
        items = (
            f"{_value(key)} = {_value(one if isinstance(one, str) else 'x'.join(map(str, one)))}"
            for key, one in value.items()
        )
        return f"{{ {', '.join(items)} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)
