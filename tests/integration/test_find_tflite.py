"""Where the TensorFlow Lite C library is looked for."""

from __future__ import annotations

import shutil

import pytest

from edgeloop import _core
from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import runtime

RUNTIME = runtime("tflite")


@pytest.fixture
def library():
    """A real library."""
    try:
        return RUNTIME.find().library
    except NotAvailableError as error:
        pytest.skip(str(error))


def test_a_foreign_library_is_not_available(tmp_path):
    text = tmp_path / "libtensorflowlite_c.so"
    text.write_text("no library")
    for wrong in (text, _core.__file__):
        with pytest.raises(NotAvailableError, match="cannot be used"):
            RUNTIME.find(str(wrong))
        with pytest.raises(NotAvailableError):
            _core.create_engine("tflite", library=str(wrong), model="x")
    with pytest.raises(NotAvailableError, match="no such file"):
        RUNTIME.find(str(tmp_path / "nosuch.so"))


def test_where_the_library_is_sought(library, tmp_path, monkeypatch):
    places = {name: tmp_path / name / "libtensorflowlite_c.so" for name in ("env", "path", "named")}
    places["data"] = tmp_path / "xdg" / "edgeloop" / "lib" / "libtensorflowlite_c.so"
    for place in places.values():
        place.parent.mkdir(parents=True)
        shutil.copy(library, place)
    monkeypatch.setenv("EDGELOOP_TFLITE_LIBRARY", str(places["env"]))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "path"))
    monkeypatch.setattr(_core, "default_tflite_library", "")

    named = RUNTIME.find(str(places["named"]))
    assert (named.library, named.origin) == (str(places["named"]), "--library")
    assert RUNTIME.find().library == str(places["env"])
    monkeypatch.delenv("EDGELOOP_TFLITE_LIBRARY")
    assert RUNTIME.find().library == str(places["data"])
    assert RUNTIME.find().origin == "edgeloop setup tflite-c"
    places["data"].unlink()
    assert RUNTIME.find().library == str(places["path"])
    monkeypatch.setattr(_core, "default_tflite_library", str(places["named"]))
    assert RUNTIME.find().origin == "the default of this build"


def test_no_library_says_where_we_looked(tmp_path, monkeypatch):
    monkeypatch.delenv("EDGELOOP_TFLITE_LIBRARY", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    monkeypatch.setattr(_core, "default_tflite_library", "")
    monkeypatch.setattr("edgeloop.runtimes.tflite.on_loader_path", lambda _: iter(()))

    with pytest.raises(NotAvailableError, match="edgeloop setup tflite-c") as caught:
        RUNTIME.find()
    assert str(tmp_path) in str(caught.value)
