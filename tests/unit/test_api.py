"""What the functions say to arguments that cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeloop import api
from edgeloop.errors import UsageError


@pytest.mark.parametrize("data", [np.zeros((500, 8)), (np.zeros(3), np.zeros(3)), [1, 2]])
def test_arrays_are_no_path_and_the_way_out_is_shown(data: Any) -> None:
    with pytest.raises(UsageError, match=r"data is a \w+, not a path; .*numpy\.savez"):
        api.evaluate("null", data)
    with pytest.raises(UsageError, match="not a path"):
        api.bench("null", data=data)


def test_a_model_in_memory_is_no_path() -> None:
    with pytest.raises(UsageError, match="model is a bytes, not a path; save it"):
        api.bench(b"TFL3")  # type: ignore[arg-type]
