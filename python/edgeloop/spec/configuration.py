"""A configuration as one string: MODEL@runtime,threads=4,delegate=xnnpack,loop=native."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from edgeloop.errors import UsageError, canonical
from edgeloop.spec.option import options_of, word_of
from edgeloop.spec.run import RunSpec, parse_setting, parse_shape

_OPTIONS = {
    word_of(name, declared): (name, declared)
    for name, declared in options_of(RunSpec).items()
    if declared.configured
}


def parse_configuration(text: str, defaults: RunSpec) -> RunSpec:
    """Return the spec that a configuration string says; what it leaves out is as in `defaults`.

    After the last '@' come the runtime (or plugin=PATH) and KEY=VALUE pairs: threads, batch-size,
    instances, delegate, provider, torch-mode, package, device, library, python, data, output, loop,
    shape (NAME:1x3x224x224), or a setting of the runtime. A delegate's options are separated by ';'
    here; a piece without '=' belongs to what is before it.
    Names of files and tensors may hold '@': the first one behind the name of a file separates,
    else the last; without any, or as the name of a file, the whole string is the model.
    Raises UsageError that shows the right form.
    """
    model, at, rest = _split(text)
    if not at:
        return replace(defaults, model=text)
    if not model:
        raise UsageError(f"'{text}' names no model; write MODEL@runtime,key=value")
    runtime, *pieces = rest.split(",")
    changes: dict[str, Any] = {"model": model}
    if runtime:
        changes["runtimes"] = (runtime_entry(runtime),)
    settings = dict(defaults.settings)
    shapes = dict(defaults.shapes)
    for pair in _pairs(pieces):
        key, value = parse_setting(pair)
        if key in _OPTIONS:
            field, declared = _OPTIONS[key]
            if declared.bounds is not None:
                changes[field] = _number(key, value)
            else:
                changes[field] = (*changes.get(field, ()), value) if declared.repeat else value
        elif key == "loop":
            changes["loops"] = (value,)
        elif key == "shape":
            input_name, colon, dims = value.rpartition(":")  # names of tensors hold colons
            name, shape = parse_shape(
                f"{input_name}={dims}" if colon and "=" not in dims else value
            )
            shapes[name] = shape
        else:
            settings[key] = value
    return replace(defaults, **changes, settings=settings, shapes=shapes)


def _split(text: str) -> tuple[str, str, str]:
    """Return the model, "@" and the rest; the latter two empty where the text is the model."""
    if _is_there(text):
        return text, "", ""
    places = [place for place, character in enumerate(text) if character == "@"]
    for place in places:
        if _is_there(text[:place]):
            return text[:place], "@", text[place + 1 :]
    model, at, rest = text.rpartition("@")
    return (model, at, rest) if at else (text, "", "")


def _is_there(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path's raises for a text that is too long


def _pairs(pieces: Sequence[str]) -> list[str]:
    """Join the values that hold commas: delegate=armnn:backends=CpuAcc,CpuRef is one pair.

    So is shape=a,b:1x4, of an input that is called "a,b".
    """
    pairs: list[str] = []
    for piece in pieces:
        if "=" not in piece.partition(";")[0] and pairs and _repeats(pairs[-1]):
            pairs[-1] += f",{piece}"
        else:
            pairs.append(piece)
    return pairs


def _repeats(pair: str) -> bool:
    """Return whether a pair's value may hold commas: a delegate's, a provider's, a name's."""
    key = canonical(pair.partition("=")[0])
    if key == "shape":
        return True
    _, declared = _OPTIONS.get(key, ("", None))
    return declared is not None and declared.repeat and not declared.commas


def _number(key: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise UsageError(f"{key}={value}: a whole number is wanted") from None


def runtime_entry(text: str) -> str:
    """Return what names a runtime in its canonical form; the path of plugin=PATH stays as it is."""
    name, equals, path = text.partition("=")
    return canonical(name) + equals + path.strip()
