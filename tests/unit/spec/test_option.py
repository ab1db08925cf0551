"""One declaration of a field gives its words, its bounds and its place in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import pytest
import typer.main

from edgeloop.cli.parameters import takes
from edgeloop.errors import UsageError
from edgeloop.spec.option import (
    RUNTIME,
    Shorthand,
    argument,
    fields_by_word,
    files_of,
    option,
    options_of,
    read_value,
    require_bounds,
)
from edgeloop.spec.run import RunSpec


def pair(text: str) -> tuple[str, int]:
    key, _, value = text.partition("=")
    return key, int(value)


@dataclass(frozen=True)
class Spec:
    model: str = argument(metavar="MODEL", help="The model.", file=True)
    threads: Optional[int] = option(
        None, "--threads", "-t", section=RUNTIME, help="Threads.", bounds=(1, 8)
    )
    speed: str = option("low", "--speed", section=RUNTIME, help="How.", choices=("low", "high"))
    parts: Sequence[str] = option(
        (),
        "--part",
        section=RUNTIME,
        help="Parts.",
        repeat=True,
        shorthands=(Shorthand("--one", "1", "One."), Shorthand("--any", "any={}", "Any.", "X")),
    )
    sizes: Mapping[str, int] = option(
        dict, "--size", section=RUNTIME, help="Sizes.", parse_pair=pair
    )
    loud: bool = option(False, "--loud", section=RUNTIME, help="Loud.")


def run(*arguments: str) -> Spec:
    got: list[Spec] = []
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    @takes(Spec, "model", RUNTIME)
    def command(spec: Spec) -> None:
        got.append(spec)

    typer.main.get_command(app)(args=list(arguments), standalone_mode=False)
    return got[0]


def test_a_command_builds_the_spec_of_what_was_said() -> None:
    assert run("m") == Spec("m")
    said = run("m", "-t", "3", "--part", "a", "--part", "b", "--size", "x=2", "--loud")
    assert said == Spec("m", threads=3, parts=("a", "b"), sizes={"x": 2}, loud=True)


def test_a_shorthand_stands_for_a_value() -> None:
    assert run("m", "--part", "a", "--one", "--any", "7").parts == ("a", "1", "any=7")


def test_words_and_files_are_those_of_the_flags() -> None:
    words = {"model", "threads", "speed", "part", "size", "loud"}
    assert set(fields_by_word(Spec)) == words
    assert files_of(Spec) == ("model",)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"threads": 9}, "--threads must be a whole number of at most 8, not 9"),
        ({"threads": 0}, "--threads must be a whole number of at least 1, not 0"),
        ({"threads": True}, "--threads must be a whole number of at least 1, not True"),
        ({"threads": 1.5}, "--threads must be a whole number of at least 1, not 1.5"),
        ({"speed": "hihg"}, "unknown value 'hihg' for --speed; did you mean 'high'?"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError) as error:
        require_bounds(Spec("m", **changed))
    assert str(error.value).startswith(why)


def test_a_file_names_values_by_the_same_words(tmp_path: Path) -> None:
    assert read_value(Spec, "model", "a/b.onnx", tmp_path) == str(tmp_path / "a/b.onnx")
    assert read_value(Spec, "parts", ["a", "b"], tmp_path) == ("a", "b")
    assert read_value(Spec, "sizes", {"x": 3}, tmp_path) == {"x": 3}
    with pytest.raises(UsageError, match="'4' is not a whole number"):
        read_value(Spec, "threads", "4", tmp_path)
    with pytest.raises(UsageError, match="unknown value 'mid' for --speed"):
        read_value(Spec, "speed", "mid", tmp_path)


def test_every_field_of_a_run_is_declared_once() -> None:
    declared = options_of(RunSpec)
    assert set(declared) == set(RunSpec.__dataclass_fields__)
    flags = [flag for said in declared.values() for flag in said.flags]
    assert len(flags) == len(set(flags))
