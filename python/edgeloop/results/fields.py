"""Fields of a result that is read: each is what it should be."""

from __future__ import annotations

from typing import Any, Optional

from edgeloop.errors import ModelError


def mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object. Raises ModelError, as all below, where it is none."""
    if not isinstance(value, dict):
        raise ModelError(f"{_short(value)} was found where an object should be")
    return value


def sequence(document: dict[str, Any], name: str) -> list[Any]:
    """Return a field that is a JSON array."""
    value = _field(document, name)
    if not isinstance(value, list):
        raise ModelError(f"'{name}' is {_short(value)} and not an array")
    return value


def text(document: dict[str, Any], name: str) -> str:
    """Return a field that is text."""
    value = _field(document, name)
    if not isinstance(value, str):
        raise ModelError(f"'{name}' is {_short(value)} and not text")
    return value


def flag(document: dict[str, Any], name: str) -> bool:
    """Return a field that is true or false."""
    value = _field(document, name)
    if not isinstance(value, bool):
        raise ModelError(f"'{name}' is {_short(value)}, which is neither true nor false")
    return value


def whole(document: dict[str, Any], name: str, least: int = 0) -> int:
    """Return a field that is a whole number."""
    _field(document, name)
    value = whole_or_null(document, name, least)
    if value is None:
        raise ModelError(f"'{name}' is null and not a whole number")
    return value


def whole_or_null(document: dict[str, Any], name: str, least: int = 0) -> Optional[int]:
    """Return a field that is a whole number of at least `least`, or null, or was not known yet."""
    value = document.get(name)
    # `type`, not isinstance: JSON's true is an int of Python.
    if value is not None and (type(value) is not int or value < least):
        raise ModelError(f"'{name}' is {_short(value)} and not a whole number of at least {least}")
    return value


def number(document: dict[str, Any], name: str) -> float:
    """Return a field that is a number."""
    _field(document, name)
    value = number_or_null(document, name)
    if value is None:
        raise ModelError(f"'{name}' is null and not a number")
    return value


def number_or_null(document: dict[str, Any], name: str) -> Optional[float]:
    """Return a field that is a number, or null, or was not known yet."""
    value = document.get(name)
    if value is None:
        return None
    if type(value) not in (int, float):
        raise ModelError(f"'{name}' is {_short(value)} and not a number")
    return float(value)


def wholes(document: dict[str, Any], name: str) -> dict[str, int]:
    """Return a field that is an object of whole numbers."""
    values = mapping(_field(document, name))
    return {key: whole(values, key) for key in values}


def whole_list(document: dict[str, Any], name: str) -> list[int]:
    """Return a field that is an array of whole numbers."""
    values = sequence(document, name)
    if any(type(value) is not int for value in values):
        raise ModelError(f"'{name}' is {_short(values)} and not an array of whole numbers")
    return values


def _field(document: dict[str, Any], name: str) -> Any:
    if name not in document:
        raise ModelError(f"'{name}' is missing")
    return document[name]


def _short(value: Any) -> str:
    words = repr(value)
    return words if len(words) <= 60 else f"{words[:60]}…"
