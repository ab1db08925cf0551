"""Class names in the forms that are handed round, and labels whose dtype is narrow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeloop.data.labels import ClassNames, LabelReader
from edgeloop.errors import ModelError

IMAGENET = """background
tench, Tinca tinca
dragonfly, darning needle
crane
hotdog, hot dog
crane
"""


def names(tmp_path: Path, text: str) -> ClassNames:
    path = tmp_path / "labels.txt"
    path.write_bytes(text.encode())
    return ClassNames.read(str(path))


@pytest.mark.parametrize(
    "text",
    [
        "red\ngreen\nblue\n",
        "\ufeffred\r\ngreen\r\nblue\r\n\r\n",
        "0  red\n1  green\n2  blue\n",
        "0: red\n1: green\n2: blue\n",
        "0,red\n1,green\n2,blue\n",
        "0  red\n2  blue\n\n1  green\n",
        '["red", "green", "blue"]',
        '{"0": "red", "2": "blue", "1": "green"}',
        '{"0": ["n1", "red"], "1": ["n2", "green"], "2": ["n3", "blue"]}',
    ],
)  # fmt: skip
def test_every_form_of_a_file_of_names(text: str, tmp_path: Path) -> None:
    found = names(tmp_path, text)
    assert [found.name(number) for number in range(3)] == ["red", "green", "blue"]
    assert [found.number(name) for name in ("red", "green", "blue")] == [0, 1, 2]
    assert found.count == 3


def test_numbers_with_gaps_leave_classes_without_a_name(tmp_path: Path) -> None:
    found = names(tmp_path, "1 person\n2 bicycle\n4 motorcycle\n")
    assert (found.number("motorcycle"), found.name(3), found.count) == (4, "class 3", 5)


@pytest.mark.parametrize(
    "text", ["5 euros\n10 euros\n50 euros\n", "3d printer\n2 wheels\n", "0\n1\n"]
)
def test_names_that_begin_with_a_number_are_names(text: str, tmp_path: Path) -> None:
    assert names(tmp_path, text).number(text.splitlines()[0]) == 0


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("dragonfly", 2), ("darning needle", 2), ("dragonfly, darning needle", 2),
        ("Darning_Needle", 2), ("hot-dog", 4), ("HOTDOG", 4), ("Tinca tinca", 1), ("needle", None),
    ],
)  # fmt: skip
def test_any_synonym_is_the_class(said: str, number: int, tmp_path: Path) -> None:
    assert names(tmp_path, IMAGENET).number(said) == number


def test_a_name_of_two_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"3 \('crane'\) and 5 \('crane'\): give the class numbers"
    ):
        names(tmp_path, IMAGENET).number("crane")


def test_an_unknown_name_is_told_with_the_nearest(tmp_path: Path) -> None:
    words = names(tmp_path, IMAGENET).unknown("dragonfli")
    assert "the nearest: 'dragonfly, darning needle'" in words
    assert "the first: 'background'" in names(tmp_path, IMAGENET).unknown("xyzzyx")


def test_json_that_is_no_names_is_refused(tmp_path: Path) -> None:
    for text in ('{"a": "b"}', "[1, 2]", "[", "[" * 100_000):
        with pytest.raises(ModelError, match="is not a JSON list of names"):
            names(tmp_path, text)


@pytest.mark.parametrize(
    ("dtype", "stored", "offset", "wanted"),
    [
        (np.uint8, [1, 10], -1, [0, 9]),
        (np.uint8, [0, 255], 1, [1, 256]),
        (np.uint8, [0], -1, [-1]),
        (np.int8, [127], 1, [128]),
        (np.uint64, [0, 7], -1, [-1, 6]),
        (np.float16, [2048], 1, [2049]),
        (np.bool_, [False, True], 1, [1, 2]),
    ],
)  # fmt: skip
def test_an_offset_is_not_added_in_the_labels_own_dtype(
    dtype: type, stored: list[int], offset: int, wanted: list[int]
) -> None:
    reader = LabelReader("data.npz", None, offset)
    found = reader.numbers(np.array(stored, dtype))
    assert found is not None
    assert found.tolist() == wanted
