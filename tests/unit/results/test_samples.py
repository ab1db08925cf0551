from __future__ import annotations

import base64
import json
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgeloop.errors import ModelError
from edgeloop.measure.schedule import MAX_BLOCK_SAMPLES
from edgeloop.results import samples
from edgeloop.results.samples import MAX_BYTES, decode, encode


def packed(data: bytes, dtype: Any = "<u4") -> dict[str, Any]:
    return {"dtype": dtype, "zlib+base64": base64.b64encode(zlib.compress(data)).decode()}


@given(arrays.arrays(np.uint64, st.integers(0, 50)))
def test_durations_survive_as_json(durations: np.ndarray) -> None:
    decoded = decode(json.loads(json.dumps(encode(durations))))
    assert decoded.dtype == np.uint64
    assert np.array_equal(decoded, durations)


@pytest.mark.parametrize(
    ("largest", "dtype"), [(0, "<u4"), (2**32 - 1, "<u4"), (2**32, "<u8"), (2**64 - 1, "<u8")]
)
def test_four_bytes_where_they_fit(largest: int, dtype: str) -> None:
    document = encode(np.array([1, largest], np.uint64))
    assert document["dtype"] == dtype
    assert decode(document).tolist() == [1, largest]


def test_no_durations() -> None:
    assert decode(encode(np.array([], np.uint64))).tolist() == []


def test_a_bomb_is_refused_before_it_fills_the_memory() -> None:
    packer = zlib.compressobj(9)
    zeros = bytes(1 << 20)
    data = b"".join(packer.compress(zeros) for _ in range(2 * MAX_BYTES >> 20)) + packer.flush()
    bomb = {"dtype": "<u8", "zlib+base64": base64.b64encode(data).decode()}
    tracemalloc.start()
    with pytest.raises(ModelError, match="larger than any block"):
        decode(bomb)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2 * MAX_BYTES + (16 << 20)


def test_durations_up_to_the_limit_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MAX_BYTES", 8000)
    assert decode(encode(np.full(1000, 2**40, np.uint64))).size == 1000
    with pytest.raises(ModelError, match="larger than any block"):
        decode(encode(np.full(1001, 2**40, np.uint64)))


def test_the_largest_block_is_far_below_the_limit() -> None:
    assert MAX_BLOCK_SAMPLES * 8 <= MAX_BYTES // 8


@pytest.mark.parametrize("dtype", ["<u2", "<f8", ">u4", "O", "u4", None, 4, ["<u4"]])
def test_another_dtype_is_refused(dtype: object) -> None:
    with pytest.raises(ModelError, match="unknown; known: <u4, <u8"):
        decode(packed(bytes(8), dtype))


def test_text_cut_off_anywhere_is_refused() -> None:
    document = encode(np.arange(100, dtype=np.uint64))
    text = document["zlib+base64"]
    for length in range(len(text)):
        with pytest.raises(ModelError):
            decode({**document, "zlib+base64": text[:length]})


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        {},
        {"dtype": "<u4"},
        {"dtype": "<u4", "zlib+base64": None},
        {"dtype": "<u4", "zlib+base64": 7},
        {"dtype": "<u4", "zlib+base64": "not base64!"},
        {"dtype": "<u4", "zlib+base64": "µµµµ"},
    ],
)
def test_another_form_is_refused(document: object) -> None:
    with pytest.raises(ModelError, match=r"not in the form zlib\+base64"):
        decode(document)


def test_what_is_no_zlib_is_refused() -> None:
    text = base64.b64encode(b"some other bytes").decode()
    with pytest.raises(ModelError, match="cannot be unpacked"):
        decode({"dtype": "<u4", "zlib+base64": text})


def test_what_follows_the_durations_is_refused() -> None:
    text = base64.b64encode(zlib.compress(bytes(8)) + b"more").decode()
    with pytest.raises(ModelError, match="followed by other data"):
        decode({"dtype": "<u4", "zlib+base64": text})


@pytest.mark.parametrize(("dtype", "size"), [("<u4", 6), ("<u8", 12)])
def test_half_a_duration_is_refused(dtype: str, size: int) -> None:
    with pytest.raises(ModelError, match=f"{size} bytes are not whole durations of dtype {dtype}"):
        decode(packed(bytes(size), dtype))
