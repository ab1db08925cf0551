"""From a definition to its entries: the product of the axes, the rules, what cannot be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Optional

from edgeloop.conversion.quantization.methods import CALIBRATED
from edgeloop.errors import EdgeloopError, ModelError, UsageError, canonical, nearest
from edgeloop.models.formats import FORMATS
from edgeloop.models.identity import identity_of
from edgeloop.runtimes import runtime
from edgeloop.runtimes.choice.delegates import delegates_of, providers_of
from edgeloop.runtimes.choice.runtimes import format_of, split_entry
from edgeloop.spec.limits import require_sound_numbers
from edgeloop.spec.load import LOOPS, NULL_MODEL
from edgeloop.spec.run import RunSpec
from edgeloop.suite.definition import Definition, Named, Options, Rule
from edgeloop.suite.entry import Conversion, Entry

_FIELDS = {one.name for one in fields(RunSpec)}

# Axes that mean something to some runtimes only: for the others their values are one and the same.
_ONLY_SOME = ("delegate", "provider", "torch_mode")


@dataclass(frozen=True)
class LeftOut:
    """A combination of the matrix that cannot be measured."""

    name: str
    reason: str


@dataclass(frozen=True)
class Matrix:
    """What a suite measures."""

    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]


def expand(definition: Definition, host: Optional[str] = None) -> Matrix:
    """Return the entries in the order of the file.

    `host`: the board that they all run on. Raises UsageError or ModelError that names the line.
    """
    return _Expansion(definition, host).matrix()


class _Expansion:
    def __init__(self, definition: Definition, host: Optional[str]) -> None:
        self._definition = definition
        self._host = host
        self._formats: dict[tuple[str, str], str] = {}
        self._identities: dict[tuple[str, Optional[str]], str] = {}
        self._entries: dict[str, Entry] = {}
        self._left_out: list[LeftOut] = []
        self._matched: set[int] = set()

    def matrix(self) -> Matrix:
        definition = self._definition
        fits: set[str] = set()
        for model, chosen, axis_options in self._product():
            if self._excluded(model, chosen, axis_options):
                fits.update((f"model {model.name}", f"runtime {chosen.name}"))
                continue
            if self._add(model, chosen, axis_options):
                fits.update((f"model {model.name}", f"runtime {chosen.name}"))
        for rule in definition.includes:
            self._include(rule)
        self._require_used(fits)
        for rule in (*definition.excludes, *definition.overrides):
            if id(rule) not in self._matched:
                raise definition.file.error(rule.place, "this rule matches no entry of the matrix")
        if not self._entries:
            raise definition.file.error((), "no entry is left: the rules exclude all of them")
        return Matrix(tuple(self._entries.values()), tuple(self._left_out))

    def _product(self) -> Iterator[tuple[Named, Named, dict[str, Any]]]:
        definition = self._definition
        if definition.models and not definition.runtimes:
            raise definition.file.error(("matrix",), "no runtime: give [matrix] runtimes = [...]")
        axes = list(definition.axes.values())
        for model, chosen in itertools.product(definition.models, definition.runtimes):
            for values in itertools.product(*axes):
                merged: dict[str, Any] = {}
                for value in values:
                    merged.update(value)
                yield model, chosen, merged

    def _merged(self, model: Named, chosen: Named, own: Options) -> dict[str, Any]:
        """Return the options of an entry: of the suite, the model, the runtime, the entry."""
        merged = {**self._definition.defaults, **model.options, **chosen.options, **own}
        for rule in self._definition.overrides:
            if _matches(rule, model, chosen, merged):
                self._matched.add(id(rule))
                merged.update(rule.options)
        return merged

    def _excluded(self, model: Named, chosen: Named, own: Options) -> bool:
        merged = self._merged(model, chosen, own)
        rules = [r for r in self._definition.excludes if _matches(r, model, chosen, merged)]
        self._matched.update(map(id, rules))
        return bool(rules)

    def _add(self, model: Named, chosen: Named, own: Options) -> bool:
        """Add an entry of the product; return whether it can be measured."""
        merged = self._merged(model, chosen, own)
        entry = self._entry(model, chosen, merged)
        collapsed = self._without_foreign_axes(entry, own)
        reason = self._why_impossible(collapsed)
        if reason is not None:
            self._left_out.append(LeftOut(entry.name, reason))
            return False
        if collapsed.id in self._entries:
            if collapsed == entry:
                raise self._definition.file.error(("matrix",), f"the matrix has {entry.name} twice")
            words = f"{chosen.name} has no such choice: measured once"
            self._left_out.append(LeftOut(entry.name, words))
            return True
        self._entries[collapsed.id] = collapsed
        return True

    def _include(self, rule: Rule) -> None:
        model, chosen = rule.when["model"], rule.when["runtime"]
        entry = self._entry(model, chosen, self._merged(model, chosen, rule.options))
        entry = replace(entry, line=self._definition.file.line(rule.place))
        reason = self._why_impossible(entry)
        if reason is not None:
            raise self._definition.file.error(rule.place, f"{entry.name} cannot be: {reason}")
        if entry.id in self._entries:
            raise self._definition.file.error(rule.place, f"{entry.name} is there already")
        self._entries[entry.id] = entry

    def _entry(self, model: Named, chosen: Named, merged: Options) -> Entry:
        file = self._definition.file
        spec = RunSpec(
            model=model.value,
            runtimes=(chosen.value,),
            **{name: value for name, value in merged.items() if name in _FIELDS},
        )
        try:
            require_sound_numbers(spec)
        except UsageError as error:
            raise file.error(model.place, f"{model.name}@{chosen.name}: {error}") from None
        found = self._format(model, chosen)
        host = self._host or spec.host
        if host is not None and merged.get("environment") is not None:
            raise file.error(
                chosen.place,
                f"{chosen.name}: managed environments are only on this machine; name the "
                f"interpreter on {host} with python",
            )
        return Entry(
            model_name=model.name,
            spec=replace(spec, host=host),
            conversion=self._conversion(model, merged, found),
            environment=merged.get("environment"),
            model_sha256=self._identity(model, spec.model_class_path),
            line=file.line(model.place),
        )

    def _conversion(self, model: Named, merged: Options, found: str) -> Optional[Conversion]:
        """Return what is made of the model, None where nothing is."""
        file = self._definition.file
        to, precision = merged.get("to"), merged.get("precision")
        if to is not None and to not in FORMATS:
            raise file.error(("matrix", "to"), f"no format '{to}'; {nearest(to, FORMATS)}")
        if to == found:
            to = None
        if to is None and precision is None:
            return None
        data = merged.get("representative_data")
        if precision in CALIBRATED and data is None:
            raise file.error(
                model.place,
                f"{model.name}: {precision} needs representative-data: samples that show the "
                "ranges of the activations",
            )
        return Conversion(
            to=to,
            precision=precision,
            representative_data=data if precision in CALIBRATED else None,
            samples=merged.get("samples", 200),
            layout=merged.get("layout", "keep"),
        )

    def _format(self, model: Named, chosen: Named) -> str:
        key = (model.value, chosen.value)
        if key not in self._formats:
            with self._named(model):
                self._formats[key] = format_of(model.value, (chosen.value,))
        return self._formats[key]

    def _identity(self, model: Named, class_path: Optional[str]) -> Optional[str]:
        if model.value == NULL_MODEL:
            return None
        key = (model.value, class_path)
        if key not in self._identities:
            with self._named(model):
                self._identities[key] = identity_of(*key)
        return self._identities[key]

    @contextmanager
    def _named(self, model: Named) -> Iterator[None]:
        """Say in an error on which line of the suite the model is."""
        try:
            yield
        except ModelError as error:
            file = self._definition.file
            raise ModelError(f"{file.path}, line {file.line(model.place)}: {error}") from None

    def _without_foreign_axes(self, entry: Entry, own: Options) -> Entry:
        """Leave out of the axes what the runtime has no choice in."""
        spec = entry.spec
        name = split_entry(entry.runtime)[0]
        for axis in _ONLY_SOME:
            if axis in own and _is_foreign(axis, name):
                changes: dict[str, Any] = {axis: None}
                spec = replace(spec, **changes)
        return replace(entry, spec=spec)

    def _why_impossible(self, entry: Entry) -> Optional[str]:
        spec = entry.spec
        name = split_entry(entry.runtime)[0]
        found = self._formats[spec.model, entry.runtime]
        if entry.conversion is not None and entry.conversion.to is not None:
            found = entry.conversion.to
        if not runtime(name).reads(found):
            return f"{name} reads {', '.join(runtime(name).formats)}, and this is {found}"
        try:
            delegates_of(spec, name, [])
            providers_of(spec, name)
        except UsageError as error:
            return str(error)
        except EdgeloopError:  # not installed: that is a row of the table, with its reason
            pass
        for loop in map(canonical, spec.loops):
            if loop not in LOOPS:
                raise self._definition.file.error(
                    ("matrix", "loops"), f"unknown loop '{loop}'; {nearest(loop, LOOPS)}"
                )
            missing = runtime(name).engine_of(spec.package).missing_loops
            if loop in missing:
                return f"{name} has no {loop} loop: {missing[loop]}"
        return None

    def _require_used(self, fits: set[str]) -> None:
        """Raise UsageError for a model or runtime of which every combination is impossible."""
        definition = self._definition
        for kind, named in (("model", definition.models), ("runtime", definition.runtimes)):
            for one in named:
                if f"{kind} {one.name}" in fits:
                    continue
                reason = next(
                    (left.reason for left in self._left_out if one.name in left.name), "none"
                )
                raise definition.file.error(
                    one.place, f"{kind} '{one.name}' has no possible combination: {reason}"
                )


def _is_foreign(axis: str, name: str) -> bool:
    """Return whether no value of an axis means anything to a runtime."""
    if axis == "delegate":
        return not runtime(name).delegates
    chosen = runtime(name)
    return not {"provider": chosen.has_providers, "torch_mode": chosen.has_modes}[axis]


def _matches(rule: Rule, model: Named, chosen: Named, merged: Options) -> bool:
    for word, values in rule.when.items():
        if word == "model":
            if not {model.name, model.value, Path(model.value).name} & set(values):
                return False
        elif word == "runtime":
            if chosen.value not in values:
                return False
        elif merged.get(word.replace("-", "_")) not in values:
            return False
    return True
