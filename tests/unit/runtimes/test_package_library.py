"""Where a runtime's library is sought."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.errors import NotAvailableError
from edgeloop.runtimes._package_library import PackageLibrary

LIBRARY = PackageLibrary("some_package", ("some-package",), "*.so", "EDGELOOP_TEST_LIBRARY")


def test_the_option_goes_before_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = tmp_path / "one.so", tmp_path / "other.so"
    one.touch()
    other.touch()
    assert LIBRARY.named(None) is None
    monkeypatch.setenv(LIBRARY.variable, str(one))
    assert LIBRARY.named(None) == (one, LIBRARY.variable)
    assert LIBRARY.named(str(other)) == (other, "--library")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert LIBRARY.named("~/one.so") == (one, "--library")
    with pytest.raises(NotAvailableError, match=r"--library names gone.so, but no such file"):
        LIBRARY.named("gone.so")


def test_a_folder_that_merely_has_the_name_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    assert LIBRARY.folder() is None
    package = tmp_path / "some_package"
    package.mkdir()
    assert LIBRARY.folder() is None
    (package / "__init__.py").touch()
    for name in ("b.so", "a.so", "a.txt"):
        (package / name).touch()
    assert LIBRARY.folder() == package
    assert [path.name for path in LIBRARY.libraries(package)] == ["a.so", "b.so"]


def test_the_version_is_that_of_the_package_the_library_lies_in(tmp_path: Path) -> None:
    library = tmp_path / "some_package" / "a.so"
    assert LIBRARY.version() is None
    assert LIBRARY.version_beside(library) is None
    (tmp_path / "some_package-2.1.6.dist-info").mkdir()
    assert LIBRARY.version_beside(library) == "2.1.6"
