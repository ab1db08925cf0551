"""`edgeloop help`: the topics that are shipped with the package, for boards without a network."""

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from edgeloop.cli.completion import of_words
from edgeloop.errors import UsageError, nearest

FOLDER = Path(__file__).parent.parent / "help"


def topics() -> dict[str, str]:
    """Return the topics in alphabetical order, each with its one-line summary."""
    return {path.stem: _summary(path) for path in sorted(FOLDER.glob("*.md"))}


def _summary(path: Path) -> str:
    """Return the first line of text below a topic's heading."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines[1:] if line.strip())


def show_help(
    topic: Annotated[
        Optional[str],
        typer.Argument(
            metavar="TOPIC",
            help="Topic to print.",
            show_default=False,
            autocompletion=of_words(topics),
        ),
    ] = None,
) -> None:
    """Print a help topic, or list the topics.

    Examples:

      edgeloop help

      edgeloop help accuracy
    """
    if topic is None:
        typer.echo(_listing())
        return
    known = tuple(topics())
    if topic not in known:
        raise UsageError(f"unknown topic '{topic}'; {nearest(topic, known)}")
    text = (FOLDER / f"{topic}.md").read_text(encoding="utf-8")
    if not sys.stdout.isatty():
        typer.echo(text.rstrip())
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(_without_marks(text), code_theme="ansi_dark"))


def _listing() -> str:
    found = topics()
    width = max(map(len, found))
    lines = [f"  {name:{width}}  {summary}" for name, summary in found.items()]
    return "\n".join(["Topics of 'edgeloop help TOPIC':", "", *lines])


def _without_marks(text: str) -> str:
    """Drop the words after ```sh, which are for the tests that run the commands."""
    lines = text.split("\n")
    return "\n".join("```sh" if line.startswith("```sh ") else line for line in lines)
