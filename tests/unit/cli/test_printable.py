"""Nothing that a file holds steers the terminal."""

from __future__ import annotations

import pytest

from edgeloop.cli import app
from edgeloop.cli.output import TerminalObserver
from edgeloop.errors import ModelError, printable

STEERING = "\x1b]0;title\x07\x1b[2J\r\x9b31m\u202e\ud800"


def test_line_feeds_and_letters_stay():
    assert printable("µ ±\t1\n2 — é") == "µ ±\t1\n2 — é"
    assert printable(STEERING).isprintable()


@pytest.mark.parametrize("error", [ModelError(f"bad{STEERING}"), ValueError(STEERING)])
def test_an_error_is_plain(monkeypatch, capsys, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(app, "app_with", fail)
    assert app.run(["inspect", "x"]) != 0
    assert not set(capsys.readouterr().err) & set(STEERING) - set(" 0;titleJm123[]")


def test_what_begins_is_plain(capsys):
    TerminalObserver().phase(f"measuring {STEERING}")
    assert "\x1b" not in capsys.readouterr().err


def test_too_little_memory_is_a_sentence(monkeypatch, capsys):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(app, "app_with", fail)
    assert app.run(["inspect", "x"]) == 5
    assert "report it" not in capsys.readouterr().err
