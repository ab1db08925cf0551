from __future__ import annotations

import inspect

import pytest

from edgeloop import errors


@pytest.mark.parametrize(
    ("name", "exit_code"),
    [
        ("CheckFailedError", 1),
        ("UsageError", 2),
        ("NotAvailableError", 3),
        ("ModelError", 4),
        ("RuntimeFailedError", 5),
        ("CannotWriteError", 6),
        ("InterruptedRunError", 130),
    ],
)
def test_exit_codes(name: str, exit_code: int) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, errors.EdgeloopError)
    assert kind.exit_code == exit_code


def test_no_two_errors_share_an_exit_code() -> None:
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.EdgeloopError) and kind is not errors.EdgeloopError
    ]
    assert len({kind.exit_code for kind in kinds}) == len(kinds) == 7
