"""What the functions say to arguments that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop import api
from edgeloop.data.arrays import on_disk
from edgeloop.errors import UsageError


@pytest.mark.parametrize("data", [[1, 2], {"x_data": [object()]}, (np.zeros(3), [{}]), 3])
def test_what_is_neither_path_nor_array_is_refused(data: Any) -> None:
    with pytest.raises(UsageError, match=r"of the data holds|neither a path nor arrays"):
        api.evaluate("null", data)
    with pytest.raises(UsageError, match=r"of the data holds|neither a path nor arrays"):
        api.bench("null", data=data)


@pytest.mark.parametrize("text", ["x" * 300, str(list(range(5000)))])
def test_a_text_that_is_too_long_for_a_path(text: str) -> None:
    for call in (
        lambda: api.evaluate("null", text),
        lambda: api.bench("null", data=text),
        lambda: api.bench(text),
    ):
        with pytest.raises(UsageError, match=f"is a text of {len(text)} characters, not a path"):
            call()


def test_arrays_lie_in_a_file_until_the_call_ends() -> None:
    x, y = np.arange(6.0).reshape(3, 2), np.arange(3)
    for data, wanted in (
        (x, {"x_data": x}),
        ((x, y), {"x_data": x, "labels": y}),
        ((x, None), {"x_data": x}),
        (({"file": x, "b": y}, y), {"file": x, "b": y, "labels": y}),
        ({"x_data": x.tolist()}, {"x_data": x}),
    ):
        with on_disk(data, "x_data", "labels") as path, np.load(path) as held:
            assert {name: held[name].tolist() for name in held} == {
                name: array.tolist() for name, array in wanted.items()
            }
        assert not Path(path).parent.exists()


def test_a_model_in_memory_is_no_path() -> None:
    with pytest.raises(UsageError, match="model is a bytes, not a path; save it"):
        api.bench(b"TFL3")  # type: ignore[arg-type]
