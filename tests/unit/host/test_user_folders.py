"""The folders of a user, by the XDG base directory specification."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from edgeloop.errors import CannotWriteError
from edgeloop.host.user_folders import cache_folder, data_folder, state_folder

FOLDERS = [
    (data_folder, "XDG_DATA_HOME", ".local/share"),
    (cache_folder, "XDG_CACHE_HOME", ".cache"),
    (state_folder, "XDG_STATE_HOME", ".local/state"),
]


@pytest.mark.parametrize(("folder", "variable", "below"), FOLDERS)
def test_a_folder_is_that_of_its_variable_or_of_the_home(
    folder: Callable[[], Path],
    variable: str,
    below: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    assert folder() == tmp_path / "edgeloop"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for value in ("", "relative/path"):
        monkeypatch.setenv(variable, value)
        assert folder() == tmp_path / "home" / below / "edgeloop"


@pytest.mark.parametrize(("folder", "variable", "below"), FOLDERS)
def test_a_user_without_a_home_is_told_the_variable(
    folder: Callable[[], Path], variable: str, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(CannotWriteError, match=f"no home folder; name another with {variable}"):
        folder()
