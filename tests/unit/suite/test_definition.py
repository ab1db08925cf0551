"""Errors in a suite name the line, and the nearest word that there is."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from edgeloop.errors import EdgeloopError, ModelError, UsageError
from edgeloop.suite.definition import read_definition
from edgeloop.suite.matrix import expand

Write = Callable[[str], str]

BASE = '[matrix]\nmodels = ["null"]\nruntimes = ["null"]\n'


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (BASE + "thread = [1]\n", 4, "did you mean 'threads'"),
        ("efort = 'quick'\n" + BASE, 1, "did you mean 'effort'"),
        ("effort = 'quik'\n" + BASE, 1, "did you mean 'quick'"),
        ('[matrix]\nmodels = ["null"]\nruntimes = ["nul"]\n', 3, "did you mean 'null'"),
        (BASE + 'loops = ["nativ"]\n', 4, "did you mean 'native'"),
        (BASE + 'threads = ["two"]\n', 4, "'two' is not a whole number"),
        (BASE + "threads = [true]\n", 4, "True is not a whole number"),
        (BASE + "threads = [1, 1]\n", 4, "names a value twice"),
        (BASE + "threads = []\n", 4, "is empty"),
        (BASE + 'to = ["tflit"]\n', 4, "did you mean 'tflite'"),
        (BASE + "\n[[exclude]]\nthreads = 4\n", 5, "matches no entry"),
        (BASE + "\n[[exclude]]\nthread = 4\n", 6, "did you mean 'threads'"),
        (BASE + '\n[[override]]\neffort = "quick"\n', 5, "needs when"),
        (BASE + "\n[[include]]\nruntime = 'null'\n", 5, "needs a model"),
        (BASE + "\n[[include]]\nmodel = 'null'\nruntime = 'null'\n", 5, "there already"),
        (
            "[matrix]\nruntimes = ['null']\n" + 2 * "[[model]]\nname = 'x'\npath = 'null'\n",
            6,
            "two models are called 'x'",
        ),
        ("[[model]]\nname = 'x'\n", 1, "needs a path"),
        ("[[include]]\nmodel = 'null'\nruntime = 'null'\nthreads = 0\n", 2, "at least 1"),
        ('[matrix]\nmodels = ["null"]\n', 1, "no runtime"),
        ("name = '../x'\n" + BASE, 1, "is not a name"),
        ("command = 'bench2'\n" + BASE, 1, "did you mean 'bench'"),
        ("order-seed = -1\n" + BASE, 1, "at least 0"),
        ("host = 'pi'\nenvironment = 'x'\n" + BASE, 5, "interpreter on pi with python"),
        (BASE + 'precision = ["int8"]\n', 2, "needs representative-data"),
    ],
)
def test_the_line_and_the_nearest_word(toml: Write, text: str, line: int, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        expand(read_definition(toml(text)))
    assert f"boards.toml, line {line}:" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = " + "[" * 50_000 + "]" * 50_000, "nested too deep"),
        ("x = " + "{a=" * 3000 + "1" + "}" * 3000, "nested too deep"),
        (".".join("a" * 100_000) + " = 1", "more than 20 parts"),
        ("[" + " . ".join("a" * 100_000) + "]", "more than 20 parts"),
        ("#" * (1 << 20) + "\n" + BASE, "more than 1048576 bytes"),
        ("[" + " " * 500_000 + "\n", "not TOML"),
    ],
)
def test_what_would_take_the_parser_for_ever_is_refused(toml: Write, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        expand(read_definition(toml(text)))


def test_a_syntax_error_says_where(toml: Write) -> None:
    with pytest.raises(UsageError, match=r"not TOML.*line 2"):
        read_definition(toml("a = 1\nb =\n"))


def test_a_model_that_is_missing_is_told_with_its_line(toml: Write) -> None:
    path = toml('[matrix]\nmodels = [\n  "gone.tflite",\n]\nruntimes = ["litert"]\n')
    with pytest.raises(ModelError, match=r"line 2: .*gone.tflite does not exist") as caught:
        expand(read_definition(path))
    assert caught.value.exit_code == 4


def test_what_is_no_file_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_definition(str(tmp_path / "gone.toml"))
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_definition(str(tmp_path / "x.toml"))


def test_a_combination_that_no_entry_can_have_is_an_error(toml: Write, models: Path) -> None:
    text = '[matrix]\nmodels = ["a.tflite", "c.onnx"]\nruntimes = ["litert"]\n'
    with pytest.raises(UsageError, match=r"line 2: model 'c.onnx' has no possible.*reads tflite"):
        expand(read_definition(toml(text)))
    included = "[[include]]\nmodel = 'a.tflite'\nruntime = 'onnxruntime'\n"
    with pytest.raises(EdgeloopError, match=r"line 1: .*cannot be: onnxruntime reads onnx"):
        expand(read_definition(toml(included)))
