"""edgeloop itself in a managed environment: from a wheel, from its sources, from the index."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import edgeloop
from edgeloop.envs import own_package
from edgeloop.errors import NotAvailableError

VERSION = edgeloop.__version__

# Builds a wheel without any package, so that no test needs the index.
BACKEND = f"""
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, information = "edgeloop-{VERSION}-py3-none-any.whl", "edgeloop-{VERSION}.dist-info"
    with zipfile.ZipFile(folder + "/" + name, "w") as archive:
        archive.writestr("built_from_sources.py", "")
        archive.writestr(
            information + "/METADATA",
            "Metadata-Version: 2.1\\nName: edgeloop\\nVersion: {VERSION}\\n",
        )
        archive.writestr(
            information + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n"
        )
        archive.writestr(information + "/RECORD", "")
    return name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


@pytest.fixture
def python(tmp_path, monkeypatch):
    """The interpreter of an empty environment, with no index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    folder = tmp_path / "environment"
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", str(folder)], check=True)
    return str(folder / "bin" / "python")


def site_of(python):
    (site,) = Path(python).parents[1].glob("lib/python*/site-packages")
    return site


def write_wheel(folder, tag):
    path = folder / f"edgeloop-{VERSION}-{tag}.whl"
    information = f"edgeloop-{VERSION}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("out_of_the_wheel.py", "")
        archive.writestr(
            f"{information}/METADATA",
            f"Metadata-Version: 2.1\nName: edgeloop\nVersion: {VERSION}\n",
        )
        archive.writestr(f"{information}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        archive.writestr(f"{information}/RECORD", "")
    return path


def write_sources(folder):
    with tarfile.open(folder / f"edgeloop-{VERSION}.tar.gz", "w:gz") as archive:
        for name, text in (("backend.py", BACKEND), ("pyproject.toml", PROJECT)):
            member = tarfile.TarInfo(f"edgeloop-{VERSION}/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def test_of_a_folder_the_wheel_that_fits_is_taken(python, tmp_path):
    write_wheel(tmp_path, "cp27-cp27mu-manylinux1_x86_64")
    write_wheel(tmp_path, "py3-none-any")
    own_package.install_own_package(python, str(tmp_path))
    assert (site_of(python) / "out_of_the_wheel.py").is_file()


def test_where_no_wheel_fits_the_sources_are_built(python, tmp_path):
    write_wheel(tmp_path, "cp27-cp27mu-manylinux1_x86_64")
    write_sources(tmp_path)
    own_package.install_own_package(python, str(tmp_path))
    assert (site_of(python) / "built_from_sources.py").is_file()


def test_beside_the_wheel_of_this_python_another_pythons_is_found(python, tmp_path, monkeypatch):
    ours = write_wheel(tmp_path, "cp27-cp27mu-manylinux1_x86_64")
    monkeypatch.setattr(own_package, "_origin", lambda: ours)
    monkeypatch.setattr(own_package, "_copy_of_this", lambda scratch: None)
    with pytest.raises(NotAvailableError) as caught:
        own_package.install_own_package(python, None)
    assert f"edgeloop {VERSION} itself cannot be installed for {python}" in str(caught.value)
    assert f"pip install edgeloop=={VERSION}: " not in str(caught.value)  # not the index
    assert "name it with --wheel-dir or EDGELOOP_WHEELS" in str(caught.value)
    write_wheel(tmp_path, "py3-none-any")
    own_package.install_own_package(python, None)
    assert (site_of(python) / "out_of_the_wheel.py").is_file()


def test_missing_headers_are_said_before_compiling(python, tmp_path, monkeypatch):
    (tmp_path / "backend.py").write_text(BACKEND)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    monkeypatch.setattr(own_package, "_origin", lambda: tmp_path)
    monkeypatch.setattr(own_package, "_copy_of_this", lambda scratch: None)
    assert own_package._missing_headers(python) is None or "-dev" in str(
        own_package._missing_headers(python)
    )
    words = "the headers of Python 3.11 (Python.h) are missing; install python3.11-dev"
    monkeypatch.setattr(own_package, "_missing_headers", lambda python: words)
    with pytest.raises(NotAvailableError, match="cannot be compiled: the headers of"):
        own_package.install_own_package(python, None)


def test_where_the_sources_are_gone_the_installed_files_are_copied(python, tmp_path, monkeypatch):
    site = tmp_path / "site"
    information = site / f"edgeloop-{VERSION}.dist-info"
    information.mkdir(parents=True)
    (site / "edgeloop").mkdir()
    (site / "edgeloop" / "_core.pyi").write_text("# copied\n")
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: edgeloop\nVersion: {VERSION}\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "direct_url.json": '{"url": "file:///gone"}',
    }
    for name, text in texts.items():
        (information / name).write_text(text)
    listed = [f"edgeloop-{VERSION}.dist-info/{name}" for name in (*texts, "RECORD")]
    (information / "RECORD").write_text(
        "".join(f"{name},,\n" for name in ("edgeloop/_core.pyi", "../../../bin/edgeloop", *listed))
    )
    monkeypatch.setattr(
        own_package.metadata, "distribution",
        lambda name: own_package.metadata.PathDistribution(information),
    )  # fmt: skip
    own_package.install_own_package(python, None)
    assert (site_of(python) / "edgeloop" / "_core.pyi").read_text() == "# copied\n"


@pytest.mark.parametrize(
    ("noted", "asked"), [(None, True), ('{"url": "file:///gone"}', False), ("{}", False)]
)
def test_the_index_is_asked_only_where_this_edgeloop_came_from_it(
    tmp_path, monkeypatch, noted, asked
):
    class Installed:
        files = ()

        def read_text(self, name):
            return noted if name == "direct_url.json" else None

    monkeypatch.setattr(own_package.metadata, "distribution", lambda name: Installed())
    asking = [f"edgeloop=={VERSION}"] in list(own_package._origins(None, tmp_path))
    assert asking == asked


def test_two_builds_of_one_tree_share_no_folder():
    """Without a build-dir scikit-build-core builds in a temporary folder of each build's own."""
    settings = pytest.importorskip("scikit_build_core.settings.skbuild_read_settings")
    pyproject = Path(__file__).parents[3] / "pyproject.toml"
    read = settings.SettingsReader.from_file(pyproject, {})
    assert read.settings.build_dir == ""
