"""What a suite's TOML says, read and checked: models, runtimes, axes, rules, options."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

from edgeloop.errors import EdgeloopError, ModelError, UsageError, canonical, nearest, plain
from edgeloop.runtimes import known_names
from edgeloop.runtimes.choice.runtimes import split_entry
from edgeloop.spec.configuration import runtime_entry
from edgeloop.spec.option import fields_by_word, located, read_value
from edgeloop.spec.run import RunSpec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Place = Sequence[Union[str, int]]
"""Where a value stands: ("matrix", "threads"), ("override", 1, "effort")."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")

_MOST_BYTES = 1 << 20
_MOST_LINE = 1000  # characters
# The time that tomllib takes for a key grows with the square of its parts; no key here has four.
_MOST_PARTS = 20
_LONG_KEY = re.compile(rf"""(?<![\w"'-])(?:[\w"'-]+[ \t]*\.[ \t]*){{{_MOST_PARTS}}}""")

COMMANDS = ("bench", "overhead")

# Axis of the matrix → the word that one of its values is an option by.
AXES: Mapping[str, str] = {
    "models": "model",
    "runtimes": "runtime",
    "loops": "loops",
    "threads": "threads",
    "delegates": "delegate",
    "providers": "provider",
    "torch-modes": "torch-mode",
    "to": "to",
    "precision": "precision",
    "batch-size": "batch-size",
}

# Words that are not options of a run: what is made of the model before, and where it runs.
_BEFORE: Mapping[str, type] = {
    "to": str,
    "precision": str,
    "representative-data": str,
    "samples": int,
    "layout": str,
    "environment": str,
}

_FLOAT = "fp32"

Options = Mapping[str, Any]
"""Field of RunSpec, or word of `_BEFORE` with underscores → value."""


@dataclass(frozen=True)
class Named:
    """A model or a runtime of the suite, with the options that hold for its entries."""

    name: str
    value: str
    """The path of the model; the runtime, or plugin=PATH."""
    options: Options
    place: Place


@dataclass(frozen=True)
class Rule:
    """A table of [[include]], [[exclude]] or [[override]]."""

    when: Options
    """What an entry must have: word of AXES → the values that match."""
    options: Options
    place: Place


@dataclass(frozen=True)
class Definition:
    """A suite as its file says it."""

    file: TomlFile
    name: str
    command: str
    order_seed: Optional[int]
    """Of the order of the entries; None: drawn."""
    rest_c: Optional[float]
    """Wait between entries until the CPU is as cool as this, in °C; None: as at the start."""
    rest_s: float
    """The most that one such wait takes."""
    defaults: Options
    models: Sequence[Named]
    runtimes: Sequence[Named]
    axes: Mapping[str, Sequence[Options]] = field(default_factory=dict)
    """The other axes: name → the options that each of its values stands for."""
    includes: Sequence[Rule] = ()
    excludes: Sequence[Rule] = ()
    overrides: Sequence[Rule] = ()


def read_definition(path: str, text: Optional[str] = None) -> Definition:
    """Read a suite, or its `text` as if it stood in the file.

    Raises ModelError, or UsageError that names the line and the nearest word.
    """
    return _Reader(TomlFile(path, text)).definition()


class _Reader:
    """Turns one file's tables into a definition."""

    def __init__(self, file: TomlFile) -> None:
        self._file = file
        self._folder = file.path.absolute().parent
        self._option_words = fields_by_word(RunSpec)

    def definition(self) -> Definition:
        document = self._file.document
        own = ("name", "command", "order-seed", "rest-until", "rest-at-most")
        tables = ("matrix", "model", "runtime", "include", "exclude", "override")
        known = [word for word in self._all_words() if word not in ("model", "runtime")]
        self._require_known(document, (), [*own, *tables, *known])
        matrix = self._table("matrix")
        self._require_known(matrix, ("matrix",), list(AXES))
        models = self._named("model", "path", matrix.get("models"))
        runtimes = self._named("runtime", "value", matrix.get("runtimes"))
        includes = self._rules("include", models, runtimes)
        if not models and not includes:
            raise self._file.error((), "no model: give [matrix] models, [[model]] or [[include]]")
        return Definition(
            file=self._file,
            name=self._name(),
            command=self._choice("command", "bench", COMMANDS),
            order_seed=self._number("order-seed", int, None),
            rest_c=self._number("rest-until", float, None),
            rest_s=self._number("rest-at-most", float, 120.0),
            defaults=self._options(
                {k: v for k, v in document.items() if k not in (*own, *tables)}, ()
            ),
            models=models,
            runtimes=runtimes,
            axes={
                axis: [self._axis_value(axis, index, value) for index, value in enumerate(values)]
                for axis, values in self._axes(matrix)
            },
            includes=includes,
            excludes=self._rules("exclude", models, runtimes),
            overrides=self._rules("override", models, runtimes),
        )

    def _all_words(self) -> list[str]:
        return [*self._option_words, *_BEFORE]

    def _require_known(self, table: Mapping[str, Any], place: Place, known: Sequence[str]) -> None:
        for word in table:
            if word not in known:
                raise self._file.error((*place, word), f"unknown key '{plain(word)}'; "
                                       f"{nearest(word, sorted(known))}")  # fmt: skip

    def _table(self, name: str) -> Mapping[str, Any]:
        found = self._file.document.get(name, {})
        if not isinstance(found, dict):
            raise self._file.error((name,), f"'{name}' is a table: write [{name}]")
        return found

    def _tables(self, name: str) -> list[Mapping[str, Any]]:
        found = self._file.document.get(name, [])
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self._file.error((name,), f"'{name}' are tables: write [[{name}]]")
        return found

    def _name(self) -> str:
        name = self._file.document.get("name", self._file.path.stem)
        if not isinstance(name, str) or not re.fullmatch(r"[\w][\w. -]*", name):
            raise self._file.error(("name",), f"{name!r} is not a name: use letters, digits, - . _")
        return name

    def _choice(self, word: str, default: str, known: Sequence[str]) -> str:
        value = self._file.document.get(word, default)
        if value not in known:
            raise self._file.error((word,), f"no {word} '{value}'; {nearest(str(value), known)}")
        return str(value)

    def _number(self, word: str, kind: type, default: Any) -> Any:
        value = self._file.document.get(word, default)
        if value is None:
            return None
        if type(value) not in (int, kind) or value < 0:
            raise self._file.error((word,), f"'{word}' is a number of at least 0, not {value!r}")
        return kind(value)

    def _named(self, table: str, key: str, listed: Any) -> list[Named]:
        """Return the [[model]] or [[runtime]] tables, and what the matrix lists beside them."""
        found = [self._from_table(table, index) for index in range(len(self._tables(table)))]
        self._require_distinct([(one.name, one.place) for one in found], table)
        if listed is None:
            return found
        axis = f"{table}s"
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise self._file.error(("matrix", axis), f"'{axis}' is a list of texts")
        place = ("matrix", axis)
        by_name = {one.name: one for one in found}
        wanted = [by_name.get(self._canonical(table, text)) or self._plain(table, text, place)
                  for text in listed]  # fmt: skip
        self._require_distinct([(one.name, place) for one in wanted], table)
        return wanted

    def _require_distinct(self, names: Sequence[tuple[str, Place]], table: str) -> None:
        seen: set[str] = set()
        for name, place in names:
            if name in seen:
                raise self._file.error(place, f"two {table}s are called '{name}'; give each its "
                                       f"own name with [[{table}]] name = ...")  # fmt: skip
            seen.add(name)

    def _from_table(self, table: str, index: int) -> Named:
        place: Place = (table, index)
        content = self._tables(table)[index]
        own = ("name", "path") if table == "model" else ("name",)
        words = [word for word in self._all_words() if word not in ("model", "runtime")]
        self._require_known(content, place, [*own, *words])
        value = content.get("path" if table == "model" else "name")
        if not isinstance(value, str):
            raise self._file.error(place, f"[[{table}]] needs a "
                                   f"{'path' if table == 'model' else 'name'}")  # fmt: skip
        plain = self._plain(table, value, place)
        name = content.get("name", plain.name)
        chosen = {k: v for k, v in content.items() if k not in own}
        return Named(
            self._canonical(table, str(name)), plain.value, self._options(chosen, place), place
        )

    def _plain(self, table: str, text: str, place: Place) -> Named:
        if table == "model":
            return Named(Path(text).name, located(text, self._folder), {}, place)
        entry = self._runtime(text, place)
        return Named(entry, entry, {}, place)

    def _canonical(self, table: str, name: str) -> str:
        return runtime_entry(name) if table == "runtime" else name

    def _runtime(self, text: str, place: Place) -> str:
        entry = runtime_entry(text)
        known = known_names()
        try:
            name, library = split_entry(entry)
        except EdgeloopError as error:
            raise self._file.error(place, str(error)) from None
        if name not in known:
            raise self._file.error(place, f"unknown runtime '{name}'; {nearest(name, known)}")
        return entry if library is None else f"{name}={located(library, self._folder)}"

    def _axes(self, matrix: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
        found = []
        for axis, values in matrix.items():
            if axis in ("models", "runtimes"):
                continue
            given = values if isinstance(values, list) else [values]
            if not given:
                raise self._file.error(("matrix", axis), f"'{axis}' is empty: leave it out")
            if any(given.count(one) > 1 for one in given):
                raise self._file.error(("matrix", axis), f"'{axis}' names a value twice")
            found.append((axis, given))
        return found

    def _axis_value(self, axis: str, index: int, value: Any) -> Options:
        return self._options({AXES[axis]: value}, ("matrix", axis))

    def _options(self, table: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """Read option words to what a RunSpec holds."""
        return dict(self._option(word, value, (*place, word)) for word, value in table.items())

    def _option(self, word: str, value: Any, place: Place) -> tuple[str, Any]:
        if word in _BEFORE:
            return word.replace("-", "_"), self._before(word, value, place)
        name = self._option_words[word]
        try:
            read = read_value(RunSpec, name, value, self._folder)
        except UsageError as error:
            raise self._file.error(place, f"{word}: {error}") from None
        return name, read

    def _before(self, word: str, value: Any, place: Place) -> Any:
        """Read a word that is not an option of a run."""
        kind: Any = _BEFORE[word]
        if type(value) is not kind:
            wanted = "a text" if kind is str else "a whole number"
            raise self._file.error(place, f"{word}: {value!r} is not {wanted}")
        if word == "precision":
            return None if canonical(value) == _FLOAT else canonical(value)
        if word == "representative-data":
            return located(value, self._folder)
        return canonical(value) if word in ("to", "layout") else value

    def _rules(
        self, table: str, models: Sequence[Named], runtimes: Sequence[Named]
    ) -> tuple[Rule, ...]:
        return tuple(
            self._rule(table, index, content, models, runtimes)
            for index, content in enumerate(self._tables(table))
        )

    def _rule(
        self,
        table: str,
        index: int,
        content: Mapping[str, Any],
        models: Sequence[Named],
        runtimes: Sequence[Named],
    ) -> Rule:
        place: Place = (table, index)
        axis_words = list(AXES.values())
        if table == "include":
            self._require_known(content, place, ["model", *self._all_words()])
            return self._include(content, place, models, runtimes)
        if table == "exclude":
            self._require_known(content, place, axis_words)
            return Rule(self._conditions(content, place), {}, place)
        self._require_known(content, place, ["when", *self._all_words()])
        when = content.get("when")
        if not isinstance(when, dict):
            raise self._file.error(place, "[[override]] needs when = { model = ..., ... }")
        self._require_known(when, (*place, "when"), axis_words)
        rest = {k: v for k, v in content.items() if k != "when"}
        for word in ("model", "runtime"):
            if word in rest:
                raise self._file.error((*place, word), f"an override cannot change the {word}")
        return Rule(self._conditions(when, (*place, "when")), self._options(rest, place), place)

    def _include(
        self,
        content: Mapping[str, Any],
        place: Place,
        models: Sequence[Named],
        runtimes: Sequence[Named],
    ) -> Rule:
        """Return an entry of its own; it takes the options of a model and runtime by name."""
        chosen: dict[str, Named] = {}
        for word, known in (("model", models), ("runtime", runtimes)):
            value = content.get(word)
            if not isinstance(value, str):
                raise self._file.error((*place, word), f"[[include]] needs a {word}")
            by_name = {one.name: one for one in known}
            chosen[word] = by_name.get(self._canonical(word, value)) or self._plain(
                word, value, (*place, word)
            )
        rest = {k: v for k, v in content.items() if k not in ("model", "runtime")}
        return Rule(chosen, self._options(rest, place), place)

    def _conditions(self, table: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """Return word → the values that match, read as the options are."""
        found: dict[str, Any] = {}
        for word, value in table.items():
            given = value if isinstance(value, list) else [value]
            if word == "model":
                found[word] = [str(one) for one in given]
            elif word == "runtime":
                found[word] = [self._runtime(str(one), (*place, word)) for one in given]
            else:
                found[word] = [self._option(word, one, (*place, word))[1] for one in given]
        return found


class TomlFile:
    """The tables of a file, and the lines of their keys."""

    def __init__(self, path: str, text: Optional[str] = None) -> None:
        """Read it. Raises ModelError where it cannot be read, UsageError where it is not TOML."""
        self.path = Path(path)
        try:
            text = self._read() if text is None else text
        except OSError as error:
            raise ModelError(f"the suite {path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{path} is not TOML: it is not UTF-8 text ({error.reason})"
            ) from error
        if _LONG_KEY.search(text):
            raise UsageError(f"{path} is not a suite: a key has more than {_MOST_PARTS} parts")
        try:
            self.document: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{path} is not TOML: {error}") from error
        except RecursionError as error:
            raise UsageError(f"{path} is not a suite: its values are nested too deep") from error
        self._lines = _lines_of_keys(text)

    def _read(self) -> str:
        with self.path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UsageError(f"{self.path} is not a suite: it has more than {_MOST_BYTES} bytes")
        return content.decode("utf-8")

    def line(self, place: Place) -> int:
        """Return the line of a value; of the table around it where its own is not known."""
        parts = list(place)
        while parts:
            found = self._lines.get(tuple(parts))
            if found is not None:
                return found
            parts.pop()
        return 1

    def error(self, place: Place, sentence: str) -> UsageError:
        """Return the error that names the file and the line."""
        return UsageError(f"{self.path}, line {self.line(place)}: {sentence}")


def _lines_of_keys(text: str) -> dict[tuple[Union[str, int], ...], int]:
    """Find the headers and keys that begin a line; tomllib itself reports no positions."""
    found: dict[tuple[Union[str, int], ...], int] = {}
    counts: dict[str, int] = {}
    table: tuple[Union[str, int], ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        line = line[:_MOST_LINE]  # noqa: PLW2901 (of a long one only the key is looked for)
        header = _HEADER.match(line)
        if header is not None:
            names = tuple(_unquoted(part) for part in header.group(2).split("."))
            table = names
            if header.group(1) == "[[":
                index = counts.get(header.group(2), 0)
                counts[header.group(2)] = index + 1
                table = (*names, index)
            found.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key is not None:
            found.setdefault((*table, _unquoted(key.group(1))), number)
    return found


def _unquoted(name: str) -> str:
    return name.strip().strip("\"'")
