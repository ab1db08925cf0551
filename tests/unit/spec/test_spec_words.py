"""The words of a command line: shapes, settings, percentiles."""

from __future__ import annotations

import pytest

from edgeloop.errors import UsageError
from edgeloop.spec.run import parse_percentiles, parse_setting, parse_shape


@pytest.mark.parametrize(
    ("text", "name", "shape"),
    [
        ("1x3x224x224", "", (1, 3, 224, 224)),
        ("input=1x3X8x8", "input", (1, 3, 8, 8)),
        ("a=b=2x2", "a=b", (2, 2)),
        ("serving_default_x:0=7", "serving_default_x:0", (7,)),
    ],
)
def test_shapes(text: str, name: str, shape: tuple[int, ...]) -> None:
    assert parse_shape(text) == (name, shape)


@pytest.mark.parametrize("text", ["", "x", "input=", "1x0", "1x-3", "1,3", "1x2.5", "input=?x3"])
def test_what_is_no_shape(text: str) -> None:
    with pytest.raises(UsageError, match="is not a shape; write NAME=1x3x224x224"):
        parse_shape(text)


def test_a_setting_is_a_key_and_whatever_follows() -> None:
    assert parse_setting("fail_at=3") == ("fail-at", "3")
    assert parse_setting("a=b=c") == ("a", "b=c")
    assert parse_setting("a=") == ("a", "")
    for text in ("a", "=b", ""):
        with pytest.raises(UsageError, match="is not a setting; write KEY=VALUE"):
            parse_setting(text)


def test_percentiles() -> None:
    assert parse_percentiles("50,99.9") == (50.0, 99.9)
    for text in ("", "50,", "p99", "50;90"):
        with pytest.raises(UsageError, match=r"are not percentiles; write 50,90,99\.9"):
            parse_percentiles(text)
