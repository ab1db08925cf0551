from __future__ import annotations

import pytest

from edgeloop.worker.log import KEPT_BYTES, Log


def log_of(*pieces: bytes) -> Log:
    log = Log()
    for piece in pieces:
        log.add(piece)
    return log


def test_a_short_log_is_kept_whole() -> None:
    assert log_of(b"one\n", b"two\n").text() == "one\ntwo\n"


@pytest.mark.parametrize("piece", [1, 1000, KEPT_BYTES, 10 * KEPT_BYTES])
def test_head_and_tail_are_kept_and_the_gap_is_said(piece: int) -> None:
    data = b"a" * KEPT_BYTES + b"-" * 5 * KEPT_BYTES + b"z" * KEPT_BYTES
    log = log_of(*(data[start : start + piece] for start in range(0, len(data), piece)))
    gap = f"\n[… {5 * KEPT_BYTES} bytes dropped …]\n"
    assert log.text() == "a" * KEPT_BYTES + gap + "z" * KEPT_BYTES


def test_a_character_on_the_border_stays_whole() -> None:
    text = "x" * (KEPT_BYTES - 1) + "µ" + "y" * 10
    assert log_of(text.encode()).text() == text


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert log_of(b"\xff\xfe").text() == "\N{REPLACEMENT CHARACTER}" * 2


def test_last_words() -> None:
    assert Log().last_words() == ""
    assert log_of(b"\n \n").last_words() == ""
    assert log_of(b"one\n\n  two  \nthree\nfour\n \n").last_words() == "two | three | four"


def test_last_words_are_no_dump() -> None:
    words = log_of(b"x" * 10_000 + b"\nbye\n").last_words()
    assert len(words) < 400
    assert words.endswith("… | bye")
