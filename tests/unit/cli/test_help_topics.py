"""Help topics: listed, printed as shipped, and made of commands that exist."""

from __future__ import annotations

import pytest
from help_commands import Documented, documented_commands
from typer.main import get_command

from edgeloop.cli.app import COMMANDS, app_with, run
from edgeloop.cli.help import FOLDER, topics

MARKS = {"", "board", "example", "network", "tensorflow", "torch"}


def test_the_listing_names_every_topic_with_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help"]) == 0
    printed = capsys.readouterr().out
    for name, summary in topics().items():
        assert f"{name} " in printed
        assert summary in printed
        assert len(summary) <= 110


def test_a_topic_is_printed_as_it_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "exit-codes"]) == 0
    shipped = (FOLDER / "exit-codes.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == shipped.rstrip() + "\n"


def test_an_unknown_topic_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "acuracy"]) == 2
    assert "did you mean 'accuracy'?" in capsys.readouterr().err


def test_there_are_commands_to_check() -> None:
    assert len(documented_commands()) > 30


@pytest.mark.parametrize("command", documented_commands(), ids=str)
def test_every_documented_command_is_one(command: Documented) -> None:
    assert command.mark in MARKS
    name, *arguments = command.words[1:]
    assert name in COMMANDS, f"unknown command in {command}"
    get_command(app_with([name])).commands[name].make_context(name, arguments)
