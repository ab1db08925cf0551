"""The words of a suite for the options of a run: the same as on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from edgeloop.errors import UsageError
from edgeloop.spec.run import RunSpec, parse_percentiles, parse_setting, parse_shape

# Fields that the command line calls otherwise than by their name with hyphens.
_FIELD_OF_WORD = {
    "runtime": "runtimes",
    "shape": "shapes",
    "set": "settings",
    "budget": "budget_s",
    "rate": "rate_hz",
    "timeout": "timeout_s",
    "cool-down": "cool_down_c",
}

# Files that a suite names from where it lies itself.
PATHS = ("model", "data", "package", "model_class_path", "y_file", "labels")

# The same, but a bare name is looked for on the PATH, or by the loader.
_PROGRAMS = ("python", "library")


def words() -> dict[str, str]:
    """Return word → field of RunSpec for every option of a run."""
    renamed = {field: word for word, field in _FIELD_OF_WORD.items()}
    return {
        renamed.get(field.name, field.name.replace("_", "-")): field.name
        for field in fields(RunSpec)
    }


def read_option(field: str, value: Any, folder: Path) -> Any:
    """Return the value of a field from what the TOML has for it; paths start at `folder`.

    Raises UsageError that says what is wanted.
    """
    reader = _READERS.get(field)
    if reader is not None:
        return reader(value)
    hint = get_type_hints(RunSpec)[field]
    if not _fits(value, hint):
        raise UsageError(f"{value!r} is not {_in_words(hint)}")
    if isinstance(value, list):
        return tuple(value)
    if field in PATHS or (field in _PROGRAMS and "/" in value):
        return located(value, folder)
    return float(value) if isinstance(value, int) and not _fits_whole(hint) else value


def located(path: str, folder: Path) -> str:
    """Return a path of the suite as one that holds from anywhere; 'null' is no file."""
    if path == "null":
        return path
    return str((folder / Path(path).expanduser()).absolute())


def _texts(value: Any) -> tuple[str, ...]:
    """Read a text, comma-separated, or a list of texts."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, (list, tuple)) or not all(isinstance(one, str) for one in given):
        raise UsageError(f"{value!r} is neither a text nor a list of texts")
    return tuple(one.strip() for one in given if one.strip())


def _shapes(value: Any) -> dict[str, tuple[int, ...]]:
    return dict(parse_shape(text) for text in _texts(value))


def _settings(value: Any) -> dict[str, str]:
    if isinstance(value, Mapping):
        return dict(parse_setting(f"{key}={one}") for key, one in value.items())
    return dict(parse_setting(text) for text in _texts(value))


def _percentiles(value: Any) -> tuple[float, ...]:
    if isinstance(value, list):
        return parse_percentiles(",".join(str(one) for one in value))
    return parse_percentiles(str(value))


def _delegates(value: Any) -> tuple[str, ...]:
    # Not comma-separated: a delegate's own options are.
    return _texts([value] if isinstance(value, str) else value)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "runtimes": _texts,
    "loops": _texts,
    "torch_mode": _texts,
    "shapes": _shapes,
    "settings": _settings,
    "percentiles": _percentiles,
    "delegate": _delegates,
    "provider": _delegates,
}


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
