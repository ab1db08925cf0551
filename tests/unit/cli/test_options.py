"""No option of a command hides another, and the help says the same whatever is set up."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import typer.main

from edgeloop.cli.app import COMMANDS, app_with
from edgeloop.cli.layout import GROUPS


def test_no_name_stands_for_two_options_of_a_command() -> None:
    group = typer.main.get_command(app_with(COMMANDS))
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        names = Counter(word for one in command.params for word in (*one.opts, *one.secondary_opts))
        twice = [word for word, count in names.items() if count > 1]
        assert not twice, f"{name}: {twice}"


def _words(command: Any) -> str:
    return str(command.help).strip().split("\n")[0]


def test_a_command_that_is_only_listed_has_the_first_line_of_its_help() -> None:
    listed, whole = (typer.main.get_command(app_with(names)).commands for names in ((), COMMANDS))
    assert {name: _words(one) for name, one in listed.items()} == {
        name: _words(one) for name, one in whole.items()
    }
    # Beside its name a line has room for this on a terminal of 80 columns.
    assert all(len(_words(one)) <= 66 for one in whole.values())
    assert all(len(one.params) <= 1 for one in listed.values())


def test_every_command_is_in_one_group_of_the_help() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)


def _help(name: str, *, everything: bool, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.argv", ["edgeloop", name, "--help-all" if everything else "--help"])
    command = typer.main.get_command(app_with([name])).commands[name]
    return str(command.get_help(command.make_context(name, [], resilient_parsing=True)))


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "results"])
def test_help_fits_the_terminal_and_help_all_shows_every_option(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = typer.main.get_command(app_with([name])).commands[name]
    brief = _help(name, everything=False, monkeypatch=monkeypatch)
    whole = _help(name, everything=True, monkeypatch=monkeypatch)
    assert max(map(len, (*brief.splitlines(), *whole.splitlines()))) <= 80
    for one in command.params:
        if one.param_type_name == "option":
            assert one.opts[0] in whole
            assert one.hidden or one.opts[0] in brief


def test_bench_explains_itself_on_two_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    brief = _help("bench", everything=False, monkeypatch=monkeypatch)
    assert len(brief.splitlines()) <= 2 * 24
