"""Which array of an .npz holds the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import numpy as np
import pytest

from edgeloop.errors import UsageError
from edgeloop.runtimes.choice.inputs import inputs_of
from edgeloop.spec.run import RunSpec


@pytest.mark.parametrize(
    ("keys", "output", "wanted"),
    [
        (("y_data",), None, "y_data"),
        (("y_data",), "age", "y_data"),
        (("y_data/age", "y_data/sex"), "sex", "y_data/sex"),
        (("y_data/age",), None, "y_data/age"),
        (("y_data", "y_data/age"), "age", "y_data"),
        ((), None, "y_data"),
    ],
)
def test_targets_of_the_judged_output(
    tmp_path: Path, keys: tuple[str, ...], output: Optional[str], wanted: str
) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, **{key: np.zeros(3) for key in ("x_data", *keys)})
    assert inputs_of(RunSpec(model="m", data=str(path), output=output)).y_key == wanted


@pytest.mark.parametrize(
    ("output", "words"),
    [(None, r"several outputs \(age, sex\); choose one with --output NAME"),
     ("ag", r"no targets 'y_data/ag'; did you mean 'age'")],
)  # fmt: skip
def test_targets_of_several_outputs_want_a_choice(
    tmp_path: Path, output: Optional[str], words: str
) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, x_data=np.zeros(3), **{"y_data/age": np.zeros(3), "y_data/sex": np.zeros(3)})
    with pytest.raises(UsageError, match=words):
        inputs_of(RunSpec(model="m", data=str(path), output=output))
