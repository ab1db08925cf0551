"""How a field of a spec is given: its flags, words and bounds, declared beside its type, once.

The command line, `--help`, suite words, configuration strings and the copying of files to a board
are all derived from this metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Optional, Union, get_args, get_origin, get_type_hints

from edgeloop.errors import UsageError, nearest

_KEY = "option"

# Sections of --help, in their order.
MODEL = "Model"
RUNTIME = "Runtime"
ACCELERATOR = "Accelerator"
DATA = "Data"
PREPARE = "Convert or quantise first"
PRECISION = "How long, how exact"
OUTPUT = "Output"
PICTURES = "Pictures"
METRICS = "Accuracy"
PYTORCH = "PyTorch"
PLACEMENT = "Placement on the machine"
SURROUNDINGS = "Heat and power"
SECTIONS = (
    *(MODEL, RUNTIME, ACCELERATOR, DATA, METRICS, PICTURES, PREPARE, PRECISION, OUTPUT),
    *(PYTORCH, PLACEMENT, SURROUNDINGS),
)


@dataclass(frozen=True)
class Shorthand:
    """A friendlier flag for one value of an option."""

    flag: str
    value: str
    """What it stands for; "{}" is replaced by its own value."""
    help: str
    metavar: Optional[str] = None
    """None: the flag takes no value."""


@dataclass(frozen=True)
class Option:
    """How one field is given."""

    flags: tuple[str, ...]
    """The first names the word in suites and configurations; none: a positional argument."""
    help: str
    section: str
    metavar: Optional[str] = None
    more: bool = False
    """Listed by --help-all only."""
    bounds: Optional[tuple[float, float]] = None
    """Least and greatest value."""
    choices: tuple[str, ...] = ()
    repeat: bool = False
    """Given several times, each a value of its own."""
    commas: bool = False
    """One text may hold several values."""
    parse: Optional[Callable[[str], Any]] = None
    """Reads the whole text."""
    parse_pair: Optional[Callable[[str], tuple[str, Any]]] = None
    """Reads one of several texts into an item of a mapping."""
    shown_default: Optional[str] = None
    """What --help shows where the field's own default is not text."""
    file: bool = False
    """A path here: relative to the suite that names it, copied to the board."""
    program: bool = False
    """A path where it holds a slash, else a name that is looked for."""
    configured: bool = False
    """A key of configuration strings."""
    shorthands: tuple[Shorthand, ...] = ()


def option(default: Any, *flags: str, help: str, section: str, **how: Any) -> Any:
    """Return a dataclass field that can be given; a callable default is a factory."""
    metadata = {_KEY: Option(tuple(flags), help, section, **how)}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def argument(*, metavar: str, help: str, **how: Any) -> Any:
    """Return a required dataclass field that is given by its place."""
    return field(metadata={_KEY: Option((), help, MODEL, metavar=metavar, **how)})


def options_of(spec: type) -> dict[str, Option]:
    """Return field → how it is given, of a dataclass, in the order of its fields."""
    return {one.name: one.metadata[_KEY] for one in fields(spec) if _KEY in one.metadata}


def word_of(name: str, declared: Option) -> str:
    """Return the word of a field: its long flag without the hyphens, or its name."""
    return declared.flags[0].lstrip("-") if declared.flags else name.replace("_", "-")


def fields_by_word(spec: type) -> dict[str, str]:
    """Return word → field."""
    return {word_of(name, declared): name for name, declared in options_of(spec).items()}


def files_of(spec: type) -> tuple[str, ...]:
    """Return the fields that name a file or folder on this machine."""
    return tuple(name for name, declared in options_of(spec).items() if declared.file)


def default_of(one: Field[Any]) -> Any:
    """Return a field's default. Raises KeyError where it has none."""
    if one.default_factory is not MISSING:
        return one.default_factory()
    if one.default is MISSING:
        raise KeyError(one.name)
    return one.default


def require_known(declared: Option, value: str) -> None:
    """Raise UsageError that names the nearest choice where a value is not one."""
    if value not in declared.choices:
        hint = nearest(value, declared.choices)
        raise UsageError(f"unknown value '{value}' for {declared.flags[0]}; {hint}")


def require_bounds(spec: object) -> None:
    """Raise UsageError for a number that cannot be meant, or a word that is not a choice."""
    hints = get_type_hints(type(spec))
    for name, declared in options_of(type(spec)).items():
        value = getattr(spec, name)
        if declared.choices and value is not None:
            require_known(declared, value)
        if value is None or declared.bounds is None:
            continue
        least, most = declared.bounds
        flag, whole = declared.flags[0], float not in (hints[name], *get_args(hints[name]))
        is_number = type(value) is int or (type(value) is float and not whole)
        if is_number and least <= value <= most:
            continue
        bound = f"at most {most}" if is_number and value > most else f"at least {least}"
        kind = "a whole number of " if whole else ""
        raise UsageError(f"{flag} must be {kind}{bound}, not {value!r}")


def read_value(spec: type, name: str, value: Any, folder: Path) -> Any:
    """Return the value of a field from what a TOML file has for it; paths start at `folder`.

    Raises UsageError that says what is wanted.
    """
    declared, hint = options_of(spec)[name], get_type_hints(spec)[name]
    if declared.parse_pair is not None:
        return _pairs(declared.parse_pair, value)
    if declared.parse is not None:
        given = value if isinstance(value, list) else [value]
        return declared.parse(",".join(str(one) for one in given))
    if declared.commas or declared.repeat:
        alone = value.split(",") if declared.commas and isinstance(value, str) else [value]
        return _texts(alone if isinstance(value, str) else value)
    return _read_typed(declared, hint, value, folder)


def _read_typed(declared: Option, hint: Any, value: Any, folder: Path) -> Any:
    if not _fits(value, hint):
        raise UsageError(f"{value!r} is not {_in_words(hint)}")
    if declared.choices:
        require_known(declared, value)
    if isinstance(value, list):
        return tuple(value)
    if declared.file or (declared.program and "/" in value):
        return located(value, folder)
    return float(value) if isinstance(value, int) and not _fits_whole(hint) else value


def located(path: str, folder: Path) -> str:
    """Return a path of a file in `folder` as one that holds from anywhere; 'null' is not a file."""
    if path == "null":
        return path
    return str((folder / Path(path).expanduser()).absolute())


def _texts(given: Any) -> tuple[str, ...]:
    if not isinstance(given, (list, tuple)) or not all(isinstance(one, str) for one in given):
        raise UsageError(f"{given!r} is neither a text nor a list of texts")
    return tuple(one.strip() for one in given if one.strip())


def _pairs(read: Callable[[str], tuple[str, Any]], value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(read(f"{key}={one}") for key, one in value.items())
    return dict(map(read, _texts(value.split(",") if isinstance(value, str) else value)))


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Union:
        return any(_fits(value, one) for one in get_args(hint))
    if get_origin(hint) is not None:  # Sequence[...]
        return isinstance(value, list) and all(_fits(one, get_args(hint)[0]) for one in value)
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    return isinstance(value, (int, float) if hint is float else hint)


def _fits_whole(hint: Any) -> bool:
    return hint is int or int in get_args(hint) or str in get_args(hint)


def _in_words(hint: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    wanted: Sequence[Any] = get_args(hint) if get_origin(hint) is Union else (hint,)
    return " or ".join(names.get(one, "a list") for one in wanted if one is not type(None))
