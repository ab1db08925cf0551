"""A board that answers nonsense ends in one sentence, and never in a wait without end."""

from __future__ import annotations

import sys
import textwrap

import pytest

import edgeloop
from edgeloop.errors import EdgeloopError, RuntimeFailedError
from edgeloop.measure.observer import Silence
from edgeloop.remote import board as module
from edgeloop.remote import ssh
from edgeloop.remote.board import Board
from edgeloop.remote.measuring import measure_on_board
from edgeloop.spec.run import RunSpec

AGENT = """
import json, struct, sys, time
from edgeloop.remote.stream import MARKER
def say(**body):
    text = json.dumps(body).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(text)) + text)
    sys.stdout.buffer.flush()
sys.stdout.buffer.write(MARKER)
say(type="hello", edgeloop={version!r}, python="3", executable="python3")
{answers}
time.sleep(600)
"""


@pytest.fixture
def board(monkeypatch):
    """Return a board whose agent says what a test wants, whatever it is asked."""
    boards = []

    def start(answers):
        text = AGENT.format(version=edgeloop.__version__, answers=textwrap.dedent(answers))
        monkeypatch.setattr(module, "_ENDING_S", 0.5)
        monkeypatch.setattr(ssh, "command", lambda host, python: [sys.executable, "-c", text])
        boards.append(Board("board"))
        return boards[-1]

    yield start
    for one in boards:
        one._ssh.kill()
        one.close()


def measure(board, tmp_path):
    return measure_on_board(
        board, RunSpec(model="null"), "bench", save=True, out=str(tmp_path / "out"),
        observer=Silence(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ("say(type='done')", "measured nothing"),
        ("say(type='phase')", "an answer that is not an agent's"),
        ("say(type='progress', progress={'x': 1})", "an answer that is not an agent's"),
        ("say(type='begin')", "an answer that is not an agent's"),
        ("say(type='end', error=None); say(type='done')", "measured nothing"),
        ("say(type='begin', title='t', runtime='null'); say(type='line', document=3)",
         "an answer that is not an agent's"),
        ("say(type='begin', title='t', runtime='null'); say(type='line', document={'model': 3})",
         "an answer that is not an agent's"),
        ("say(x=1)", "was cut"),
        ("sys.stdout.buffer.write(b'\\xff' * 64); sys.stdout.buffer.flush()", "was cut"),
    ],
)  # fmt: skip
def test_what_no_agent_says(board, tmp_path, answers, words):
    try:
        _, failures = measure(board(answers), tmp_path)
        said = " ".join(str(error) for _, error in failures)
    except EdgeloopError as error:
        said = str(error)
    assert words in said


def test_a_runtime_that_names_a_path(board, tmp_path):
    answers = "say(type='begin', title='t', runtime='../../x'); say(type='done')"
    with pytest.raises(RuntimeFailedError):
        measure(board(answers), tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) in ([], ["out"])


def test_a_frozen_agent_is_not_waited_for(board, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SILENCE_S", 0.5)
    with pytest.raises(RuntimeFailedError, match="did not answer in time"):
        measure(board(""), tmp_path)


def test_an_agent_that_lives_is_waited_for(board, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SILENCE_S", 30.0)
    with pytest.raises(RuntimeFailedError, match="measured nothing"):
        measure(board("say(type='alive'); say(type='alive'); say(type='done')"), tmp_path)
