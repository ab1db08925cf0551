"""No option of a command hides another, and the help says the same whatever is set up."""

from __future__ import annotations

from collections import Counter

import pytest
import typer.main

from edgeloop.cli.app import COMMANDS, app_with


def test_no_name_stands_for_two_options_of_a_command() -> None:
    group = typer.main.get_command(app_with(COMMANDS))
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        names = Counter(word for one in command.params for word in (*one.opts, *one.secondary_opts))
        twice = [word for word, count in names.items() if count > 1]
        assert not twice, f"{name}: {twice}"


@pytest.mark.parametrize("wanted", [(), ("bench",), ("results",)])
def test_a_command_without_its_options_has_the_same_words(wanted: tuple[str, ...]) -> None:
    some, whole = (typer.main.get_command(app_with(names)) for names in (wanted, COMMANDS))
    helps = [
        [(name, command.get_short_help_str()) for name, command in group.commands.items()]
        for group in (some, whole)
    ]
    assert helps[0] == helps[1]
    with_options = {name for name, command in some.commands.items() if len(command.params) > 1}
    assert with_options <= set(wanted)
    if wanted:
        (name,) = wanted
        assert type(some.commands[name]) is type(whole.commands[name])
        assert len(some.commands[name].params) == len(whole.commands[name].params)
