"""A line of a result that came from anywhere, brought to what the published schema says.

The pages and reports read many fields of a header without a question. So a result is compared with
`result.schema.json` once, when it is read, by the part of JSON Schema that this schema uses; and
its texts lose what a terminal would take for a command.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from edgeloop.errors import ModelError, plain

_SCHEMA = "result.schema.json"

# Controls, marks that turn the direction of writing, halves of characters.
_COMMANDS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_COMMANDS_IN_A_LOG = re.compile(_COMMANDS.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
# Of several lines.
_LOGS = ("log",)

_TOO_DEEP = "it is nested more deeply than any result"
_MOST_WHOLE = 1 << 64
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
# What a page raises that reads a field which is not what it should be.
STUMBLED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


SCHEMA_VERSION = 1


def upgraded(header: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a header of any published version as one of the present version.

    Raises ModelError for what is not a header of a result, or that of a newer edgeloop.
    """
    version = header.get("schema_version")
    if type(version) is not int or version < 1:
        raise ModelError(f"{where} is not a result of edgeloop: its first line is not a header")
    if version > SCHEMA_VERSION:
        raise ModelError(
            f"{where} was written by a newer edgeloop (schema {version}, this one reads up to "
            f"{SCHEMA_VERSION}); update edgeloop"
        )
    return header


@contextmanager
def odd_fields(path: str | None) -> Iterator[None]:
    """Blame the stored result where a page stumbles over it; the schema does not tell every field.

    Raises ModelError.
    """
    try:
        yield
    except STUMBLED as error:
        what = plain(f"{type(error).__name__}: {error}", 160)
        raise ModelError(
            f"{path or 'the result'} has a field that does not fit the schema ({what})"
        ) from error


def checked_line(document: dict[str, Any]) -> dict[str, Any]:
    """Return a header or a last line fit for the pages. Raises ModelError.

    What is there has to be of the schema's types; a line of an older edgeloop may lack fields.
    """
    return _checked(document, _schema())


def checked_invocation(document: dict[str, Any]) -> dict[str, Any]:
    """Return the line of an invocation fit for the pages. Raises ModelError."""
    return _checked(document, _schema()["$defs"]["invocation"])


@cache
def _schema() -> dict[str, Any]:
    place = Path(__file__).with_name(_SCHEMA)
    schema: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return schema


def _checked(document: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    try:
        clean: dict[str, Any] = _clean("", document)
        wrong = _difference(clean, schema, "")
    except RecursionError:
        raise ModelError(_TOO_DEEP) from None
    if wrong is not None:
        raise ModelError(wrong)
    return clean


def without_commands(document: Any) -> Any:
    """Return a JSON document whose texts a terminal can print. Raises ModelError."""
    try:
        return _clean("", document)
    except RecursionError:
        raise ModelError(_TOO_DEEP) from None


def _clean(name: str, value: Any) -> Any:
    """Return a value with texts of one line and numbers that can be counted with."""
    if isinstance(value, str):
        return (_COMMANDS_IN_A_LOG if name in _LOGS else _COMMANDS).sub("?", value)
    if isinstance(value, dict):
        return {_COMMANDS.sub("?", key): _clean(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(name, item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ModelError(f"'{name}' is {value}, which is not a number")
    if isinstance(value, int) and abs(value) > _MOST_WHOLE:
        raise ModelError(f"'{name}' is too large for a result")
    return value


def _difference(value: Any, schema: Any, name: str) -> str | None:
    """Say where a value is not what the schema says; None where it is."""
    if "$ref" in schema:
        return _difference(value, _schema()["$defs"][schema["$ref"].rsplit("/", 1)[1]], name)
    if "oneOf" in schema:
        # The alternatives differ in type: what fits none is described by the last, the fullest.
        differences = [_difference(value, one, name) for one in schema["oneOf"]]
        return None if None in differences else differences[-1]
    if not _is_of_type(value, schema):
        return f"{_called(name)} is {_short(value)}, not {_kind(schema)}"
    if isinstance(value, dict):
        return _object_difference(value, schema, name)
    if isinstance(value, list):
        return _array_difference(value, schema, name)
    if isinstance(value, str):
        pattern = schema.get("pattern")
        fits = pattern is None or re.search(pattern, value) is not None
    else:
        fits = value is None or isinstance(value, bool) or _is_within(value, schema)
    return None if fits else f"{_called(name)} is {_short(value)}, which no result has"


def _is_of_type(value: Any, schema: Mapping[str, Any]) -> bool:
    if "const" in schema:
        return [type(value), value] == [type(schema["const"]), schema["const"]]
    if "enum" in schema:
        return any(type(value) is type(one) and value == one for one in schema["enum"])
    if "type" not in schema:
        return True
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if isinstance(value, bool):  # an int of Python, but not of JSON
        return "boolean" in names
    return any(isinstance(value, _TYPES[name]) for name in names)


def _is_within(value: float, schema: Mapping[str, Any]) -> bool:
    least, most = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    return bool(least <= value <= most and schema.get("exclusiveMinimum", -math.inf) < value)


def _object_difference(
    value: Mapping[str, Any], schema: Mapping[str, Any], name: str
) -> str | None:
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for key, item in value.items():
        rule = known.get(key)
        if rule is None:
            rule = next((r for pattern, r in patterns.items() if re.search(pattern, key)), None)
        if rule is None:
            rule = schema.get("additionalProperties", True)
        if isinstance(rule, dict):
            wrong = _difference(item, rule, key)
            if wrong is not None:
                return wrong
        elif rule is False:
            return f"{_called(name)} has the unknown field '{key[:40]}'"
    return None


def _array_difference(value: list[Any], schema: Mapping[str, Any], name: str) -> str | None:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return f"{_called(name)} has {len(value)} entries"
    first = schema.get("prefixItems", ())
    rest = schema.get("items", {})
    for index, item in enumerate(value):
        wrong = _difference(item, first[index] if index < len(first) else rest, name)
        if wrong is not None:
            return wrong
    return None


def _called(name: str) -> str:
    return f"'{name}'" if name else "it"


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(one) for one in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(names)


def _short(value: Any) -> str:
    words = json.dumps(value, ensure_ascii=False)
    return words if len(words) <= 60 else f"{words[:59]}…"
