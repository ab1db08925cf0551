"""What is done to a model before it is measured, as far as nothing is converted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeloop.conversion.prepare import Preparation, prepare
from edgeloop.errors import UsageError
from edgeloop.measure.observer import Silence
from edgeloop.spec.run import RunSpec

SPEC = RunSpec(model="model.onnx")


def test_nothing_is_done_unless_it_is_asked_for() -> None:
    assert prepare(SPEC, Preparation(), Silence()) == (SPEC, None)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [(Preparation(representative_data="train.npz"), "is for --quantize"),
     (Preparation(to="tflite", representative_data="train.npz"), "is for --quantize"),
     (Preparation(force=True), "are for --to or --quantize"),
     (Preparation(layout="nhwc"), "are for --to or --quantize"),
     (Preparation(model_out="model.tflite"), "are for --to or --quantize"),
     (Preparation(samples=5), "are for --to or --quantize"),
     (Preparation(precision="int9"), "did you mean 'int8'")],
)  # fmt: skip
def test_an_option_that_would_do_nothing_is_refused(wanted: Preparation, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        prepare(replace(SPEC), wanted, Silence())
