"""Damaged files of every kind that we read: a value or one sentence, in bounded memory."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest
from fakes.readers import Reader, damaged, readers

from edgeloop.errors import EdgeloopError

MUTANTS = 50
SEED = 20261201
_LONGEST = 1200  # characters of a sentence, with the keys that there are
_MOST_BYTES = 64 << 20  # no damaged file here has more than a few hundred kB


@pytest.mark.parametrize("reader", readers(), ids=lambda reader: reader.name)
def test_a_damaged_file_ends_in_a_value_or_a_sentence(reader: Reader, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    path = reader.prepare(tmp_path)
    reader.read(path)
    said = []
    tracemalloc.start()
    try:
        for _ in range(MUTANTS):
            path.write_bytes(damaged(reader.seed, chance, reader.text))
            try:
                reader.read(path)
            except EdgeloopError as error:
                said.append(str(error))
        assert tracemalloc.get_traced_memory()[1] < _MOST_BYTES
    finally:
        tracemalloc.stop()
    for sentence in said:
        assert len(sentence) < _LONGEST
        assert "\n" not in sentence
    silent = reader.name.endswith((".conversion.json", ".tflite"))  # they add what they can
    assert said or silent
