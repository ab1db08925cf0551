"""Data sets of boxes, made by hand: what is in them, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop.data import box_sets
from edgeloop.data.box_sets import Category, CocoBoxes, json_items
from edgeloop.data.categories import match_classes
from edgeloop.data.labels import ClassNames
from edgeloop.errors import ModelError

COCO: dict[str, Any] = {
    "info": {"year": 2026, "note": "a ] and a } in a text"},
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40], "iscrowd": 0},
        {"id": 2, "image_id": 5, "category_id": 1, "bbox": [0, 0, 5, 5], "iscrowd": 1},
        {"id": 3, "image_id": 7, "category_id": 1, "bbox": [90, 90, 40, 40]},
        {"id": 4, "image_id": 7, "category_id": 1, "bbox": [5, 5, 0, 9]},
    ],
    "categories": [{"id": 3, "name": "dog"}, {"id": 1, "name": "cat"}],
    "images": [{"id": 5, "file_name": "a.png"}, {"id": 7, "file_name": "b.png"}],
}


def coco_in(folder: Path, **changes: Any) -> str:
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"")
    path = folder / "boxes.json"
    path.write_text(json.dumps({**COCO, **changes}))
    return str(path)


@pytest.mark.parametrize("piece", [7, 1 << 20])
def test_cocos_json_is_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(box_sets, "_PIECE", piece)
    boxes = CocoBoxes(coco_in(tmp_path))
    assert [(one.id, one.name) for one in boxes.categories] == [(1, "cat"), (3, "dog")]
    assert [Path(one).name for one in boxes.pictures] == ["a.png", "b.png"]
    first, second = boxes.truth(0, 100, 100), boxes.truth(1, 100, 100)
    assert first.crowd.tolist() == [True]
    assert second.boxes.tolist() == [[10, 20, 40, 60], [90, 90, 100, 100]]
    assert second.classes.tolist() == [1, 0]
    assert [one.reason for one in boxes.faults] == [
        "the box 90, 90, 130, 130 is cut: it reaches out of its 100x100 pixels",
        "the box 5, 5, 5, 14 is left out: it has no area in its 100x100 pixels",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": []}, "it has no 'images'"),
        ({"categories": []}, "it has no 'categories'"),
        ({"images": [{"id": 5, "file_name": "missing.png"}]}, "--images DIR"),
        ({"images": [{"id": 5, "file_name": "../../etc/passwd"}]}, "passwd"),
        ({"images": [{"id": "five", "file_name": "a.png"}]}, "all ids numbers"),
        ({"annotations": [{"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1]}]}, "picture 9"),
        ({"annotations": [{"image_id": 5, "category_id": 9, "bbox": [0, 0, 1, 1]}]}, "category 9"),
        ({"annotations": [{"image_id": 5, "category_id": 1, "bbox": [0, 0, 1]}]}, "is odd"),
        ({"annotations": [{"image_id": 5, "category_id": 1}]}, "has no 'bbox'"),
        ({"annotations": [3]}, "is odd"),
    ],
)
def test_what_is_wrong_with_cocos_json_is_said(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        CocoBoxes(coco_in(tmp_path, **changes))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"images": [', '{"images": [{]}', "[" * 9000])
def test_damaged_json_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ModelError, match="cannot be read as JSON"):
        list(json_items(str(path)))


def names(*lines: str) -> ClassNames:
    return ClassNames(dict(enumerate(lines)), "labels.txt")


PETS = [Category(3, "cat"), Category(8, "dog")]


def test_classes_are_matched_by_name_and_the_background_line_is_left_out() -> None:
    plain = match_classes(PETS, None, names("dog", "bird", "cat"), 0)
    assert plain.category(np.array([0, 1, 2, 3, -1])).tolist() == [1, -1, 0, -1, -1]
    shifted = match_classes(PETS, 3, names("???", "dog", "bird", "cat"), 0)
    assert shifted.category(np.array([0, 1, 2])).tolist() == [1, -1, 0]
    assert "'???' is the background" in shifted.words
    with pytest.raises(ModelError, match=r"1 of the data set's 2 categories .dog. are not among"):
        match_classes(PETS, None, names("cat", "hound"), 0)
    # A category without objects is in no metric.
    rare = [*PETS, Category(9, "hound", objects=0)]
    found = match_classes(rare, None, names("dog", "cat"), 0)
    assert found.category(np.array([0, 1])).tolist() == [1, 0]
    with pytest.raises(ModelError, match="names 2 classes, and the model has 7"):
        match_classes(PETS, 7, names("cat", "dog"), 0)


def test_classes_without_names_are_matched_by_number() -> None:
    assert match_classes(PETS, 2, None, 0).category(np.array([0, 1])).tolist() == [0, 1]
    # A model that does not say how many it knows: the numbers of the categories, from 1.
    assert match_classes(PETS, None, None, 0).category(np.array([2, 7])).tolist() == [0, 1]
    with pytest.raises(ModelError, match="the model has 5 classes, and the data set has 2 cat"):
        match_classes(PETS, 5, None, 0)


def test_cocos_80_categories_have_places_among_90() -> None:
    ids = [
        number for number in range(1, 91) if number not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
    ]
    coco = [Category(number, f"name {number}") for number in ids]
    for classes, first in ((90, 1), (91, 0), (None, 1)):
        found = match_classes(coco, classes, None, 0).category(np.array([90 - first, 12 - first]))
        assert found.tolist() == [79, -1]
    assert match_classes(coco, 80, None, 0).category(np.array([79])).tolist() == [79]
