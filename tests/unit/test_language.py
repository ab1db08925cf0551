"""Plain English where a person reads: no text has a phrase that the glossary replaces."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional

import pytest

_ROOT = Path(__file__).parents[2]


class _Entry(NamedTuple):
    """One row of the glossary in .github/CONTRIBUTING.md."""

    write: str
    instead_of: str
    pattern: Optional[str] = None
    """What to look for, one space between words; None where only a reader can judge."""


_GLOSSARY = (
    _Entry(
        "is not a shape",
        "is no shape",
        r"(?<!there )\b(?:is|are|was|were|be) no "
        r"(?!longer|more|less|better|worse|one|faster|slower|larger|smaller|wider)",
    ),
    _Entry("unknown value 'x' for --allow", "--allow knows no 'x'", r"\bknows no\b"),
    _Entry("unknown effort 'x'", "no effort is called 'x'", r"\bno [\w ]{1,30} is called\b"),
    _Entry("reported, detected", "told", r"(?<!user )\btold\b(?! (?:to|otherwise|apart)\b)"),
    _Entry("fix", "mend", r"\bmend(?:s|ed|ing)?\b"),
    _Entry("noted, reported", "it is said", r"\b(?:is|are|was|were|be|and) said\b"),
    _Entry("n samples", "so many samples", r"\bso many\b"),
    _Entry("the reason", "the words for why", r"\bwords for why\b"),
    _Entry("is not installed, was not found", "is not here", r"\b(?:is|are) (?:not )?here\b"),
    _Entry("resumed", "gone on with", r"\b(?:gone|goes|go) on with\b"),
    _Entry("interrupted", "broken off", r"\bbroken off\b"),
    _Entry(
        "effective sample size n (details only)",
        "worth n independent ones",
        r"\bindependent ones\b",
    ),
    _Entry("throttled: the clock or the firmware says so", "throttled: anything slow"),
    _Entry("disturbed: other programs had the CPU", "throttled"),
    _Entry("one process; worker process", "session, attempt"),
    _Entry("runs per sample (timing), batch size (the model's)", "batch"),
)
# What may stand between two words: a line's end with the marks of comments and strings.
_GAP = r"""(?:[\s"'#*/]|\bf(?="))+"""
_CPP_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"', re.DOTALL)
_TEXT_TOKENS = {"COMMENT", "STRING", "FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END"}


def _files() -> Iterator[Path]:
    yield from (_ROOT / "README.md", _ROOT / "CHANGELOG.md", _ROOT / "benchmarks/README.md")
    for folder, endings in (("python/edgeloop", ("py", "md")), ("cpp", ("cpp", "hpp", "h", "md"))):
        for ending in endings:
            yield from sorted((_ROOT / folder).rglob(f"*.{ending}"))


def _read_by_people(name: str, text: str) -> str:
    """Return the text with everything else than comments and strings blank, line by line."""
    if name.endswith(".py"):
        return _python_text(text)
    if name.endswith(".md"):
        return text
    kept = ["\n" if letter == "\n" else " " for letter in text]
    for found in _CPP_TEXT.finditer(text):
        kept[found.start() : found.end()] = found.group()
    return "".join(kept)


def _python_text(text: str) -> str:
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    kept = ["\n" if letter == "\n" else " " for letter in text]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if tokenize.tok_name[token.type] in _TEXT_TOKENS:
            first = starts[token.start[0] - 1] + token.start[1]
            last = starts[token.end[0] - 1] + token.end[1]
            kept[first:last] = text[first:last]
    return "".join(kept)


def _offences(name: str, text: str) -> Iterator[str]:
    """Yield one line for each phrase of the glossary that a file has."""
    read = _read_by_people(name, text)
    # A line's end inside a comment or string joins two words as a space does; its length stays.
    flat = re.sub(_GAP, lambda found: " " + "\0" * (len(found.group()) - 1), read)
    origin = [at for at, letter in enumerate(flat) if letter != "\0"]
    flat = flat.replace("\0", "")
    for entry in _GLOSSARY:
        if entry.pattern is None:
            continue
        for found in re.finditer(entry.pattern, flat, re.IGNORECASE):
            line = text.count("\n", 0, origin[found.start()]) + 1
            yield f"{name}:{line}: '{found.group().strip()}': write \"{entry.write}\""


def test_no_text_has_a_phrase_that_the_glossary_replaces() -> None:
    offences = [
        line
        for path in _files()
        for line in _offences(path.relative_to(_ROOT).as_posix(), path.read_text("utf-8"))
    ]
    assert not offences, "\n".join(["", *offences])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", '"""This is no shape."""\n'),
        ("a.py", 'raise Error(\n    f"{value} is "\n    f"no shape")\n'),
        ("a.py", "# It works on this machine, which is told\n# to nobody, and is\n# no reason.\n"),
        ("a.py", "raise Error(\"--allow knows no 'x'\")\n"),
        ("a.py", 'print("to mend: reboot")\n'),
        ("a.md", "The runtime is not\nhere.\n"),
        ("a.cpp", 'throw Error("this is no engine");\n'),
        ("a.hpp", "/* Done so many\n * times. */\n"),
    ],
)
def test_a_phrase_is_found_across_lines_comments_and_strings(name: str, text: str) -> None:
    assert list(_offences(name, text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "told = mend(so_many)\n"),
        ("a.py", '"""There is no GPU; it is no longer slow and told apart by its name."""\n'),
        ("a.py", '"""Works until told to stop, which this is called for."""\n'),
        ("a.cpp", "auto told = mend;\n"),
    ],
)
def test_right_english_and_names_in_code_pass(name: str, text: str) -> None:
    assert not list(_offences(name, text))


def test_the_line_is_that_of_the_phrase() -> None:
    (offence,) = _offences("a.py", '"""One.\n\nTwo, which\nis no shape.\n"""\n')
    assert offence.startswith("a.py:4: 'is no': write")


def test_the_contributors_guide_has_the_same_glossary() -> None:
    guide = (_ROOT / ".github/CONTRIBUTING.md").read_text("utf-8")
    rows = re.findall(
        r"^\| (.*?) \| (.*?) \|$", guide.partition("| write | not |")[2], re.MULTILINE
    )
    assert rows == [(entry.write, entry.instead_of) for entry in _GLOSSARY]
