"""No option of a command hides another."""

from __future__ import annotations

from collections import Counter

import typer.main

from edgeloop.cli.app import app


def test_no_name_stands_for_two_options_of_a_command() -> None:
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        names = Counter(word for one in command.params for word in (*one.opts, *one.secondary_opts))
        twice = [word for word, count in names.items() if count > 1]
        assert not twice, f"{name}: {twice}"
