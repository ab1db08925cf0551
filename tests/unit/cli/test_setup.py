"""`setup --all`: one environment that fails does not keep the others from being made."""

from __future__ import annotations

import pytest

from edgeloop.cli import setup as command
from edgeloop.errors import EdgeloopError, InterruptedRunError, NotAvailableError


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that were set up; `convert` fails with what `monkeypatch` put into `error`."""
    names: list[str] = []

    def install(name: str, python: object, wheel_dir: object) -> None:
        names.append(name)
        if name == "convert":
            raise install.error

    install.error = NotAvailableError("no network")
    monkeypatch.setattr(command, "_install", install)
    return names


def test_all_goes_on_after_a_failure_and_fails_at_the_end(
    installed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotAvailableError, match=r"not done, for the reasons above: convert$"):
        command.setup(everything=True)
    assert installed[0] == "tflite-c"
    assert "convert" in installed[:-1]
    assert "convert: no network" in capsys.readouterr().err


def test_what_was_named_ends_at_the_first_failure(installed: list[str]) -> None:
    with pytest.raises(EdgeloopError, match=r"^no network$"):
        command.setup(names=["convert", "tflite-c"])
    assert installed == ["convert"]


def test_ctrl_c_ends_all(installed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command._install, "error", InterruptedRunError("interrupted"))
    with pytest.raises(InterruptedRunError):
        command.setup(everything=True)
    assert installed[-1] == "convert"
