from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from edgeloop.data.source import Skipped
from edgeloop.measure.data_warnings import data_warnings


def data_result(**parts: Any) -> Any:
    data = SimpleNamespace(
        n=9,
        skipped=parts.get("skipped", ()),
        clipped_shares=lambda: parts.get("clipped", {}),
        unscaled=lambda: parts.get("unscaled", {}),
    )
    return SimpleNamespace(data=data, reference_data=None, evaluation=parts.get("evaluation"))


def test_whole_numbers_in_a_float_input_are_told_with_the_option() -> None:
    (warning,) = data_warnings(data_result(unscaled={"image": np.dtype(np.uint8)}))
    assert warning["code"] == "data-not-scaled"
    assert "the uint8 data went into the float input 'image' unscaled" in warning["text"]
    assert "--scale 1/255" in warning["fix"]
    (warning,) = data_warnings(data_result(unscaled={"image": np.dtype(np.int8)}))
    assert "--mean ZERO_POINT --std 1/SCALE" in warning["fix"]


def test_clipped_data_names_the_input_and_the_share() -> None:
    (warning,) = data_warnings(data_result(clipped={"image": 0.4, "mask": 0.01}))
    assert warning["code"] == "data-clipped"
    assert "40 %" in warning["text"]
    assert "'image'" in warning["text"]


def test_pictures_that_were_left_out_are_counted_and_named() -> None:
    skipped = [Skipped(f"{number}.jpg", "it is cut off") for number in range(7)]
    (warning,) = data_warnings(data_result(skipped=skipped))
    assert warning["code"] == "data-skipped"
    assert "7 of 9 pictures" in warning["text"]
    assert "0.jpg (it is cut off)" in warning["text"]
    assert "and 2 more" in warning["text"]
    assert "--strict" in warning["fix"]


def test_shifted_labels_tell_the_option() -> None:
    evaluation = SimpleNamespace(label_shift=lambda: (1, 0.01, 0.86))
    (warning,) = data_warnings(data_result(evaluation=evaluation))
    assert warning["code"] == "labels-shifted"
    assert "86.0 % instead of 1.0 %" in warning["text"]
    assert warning["fix"] == "add --label-offset 1"
    assert data_warnings(data_result(evaluation=SimpleNamespace(label_shift=lambda: None))) == []
