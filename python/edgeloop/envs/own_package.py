"""Put this very edgeloop into a managed environment: its workers run it there."""

from __future__ import annotations

import json
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from email.parser import BytesParser
from importlib import metadata
from pathlib import Path
from typing import Optional
from urllib.parse import unquote, urlparse

import edgeloop
from edgeloop.envs.pip import Watch, pip_reason, run_pip
from edgeloop.errors import NotAvailableError

# Written again where a wheel is installed.
_OF_THE_INSTALLATION = ("INSTALLER", "REQUESTED", "direct_url.json")

_TIMEOUT_S = 1800.0  # a small board may have to compile it


def install_own_package(
    python: str,
    wheels: Optional[str],
    keep_open: Sequence[int] = (),
    watch: Optional[Watch] = None,
) -> None:
    """Install this version under `python` from the first of its origins that has it.

    `wheels` is a folder with its wheel or its source distribution. Raises NotAvailableError.
    """
    reasons = []
    with tempfile.TemporaryDirectory(prefix="edgeloop-build-") as scratch:
        for origin in _origins(wheels, Path(scratch)):
            missing = _missing_headers(python) if Path(origin[-1]).is_dir() else None
            if missing is not None:
                reasons.append(f"{origin[-1]} cannot be compiled: {missing}")
                continue
            arguments = ["install", "--no-deps", "--force-reinstall", *origin]
            done = run_pip(python, arguments, _TIMEOUT_S, keep_open, watch)
            if done.returncode == 0:
                return
            reasons.append(f"pip install {' '.join(origin)}: {pip_reason(done)}")
    raise NotAvailableError(
        f"edgeloop {edgeloop.__version__} itself cannot be installed for {python}: "
        f"{'; '.join(reasons)}. Put its wheel for that Python, or its source distribution, into a "
        "folder and name it with --wheel-dir or EDGELOOP_WHEELS"
    )


def _origins(wheels: Optional[str], scratch: Path) -> Iterator[list[str]]:
    """Yield pip's arguments for each place, the first choice first."""
    if wheels is not None:
        yield from _in_folder(Path(wheels))
        return
    origin = _origin()
    if origin is not None and origin.is_dir():
        yield [str(origin)]
    elif origin is not None:  # a wheel of this Python; one for another may lie beside it
        yield from _in_folder(origin.parent)
    copy = _copy_of_this(scratch)
    if copy is not None:
        yield ["--no-index", str(copy)]
    if _is_of_an_index():  # of another origin, who knows whose the name is there
        yield [f"edgeloop=={edgeloop.__version__}"]


def _is_of_an_index() -> bool:
    """Return whether pip fetched this edgeloop by its name: then it noted no address."""
    try:
        return metadata.distribution("edgeloop").read_text("direct_url.json") is None
    except metadata.PackageNotFoundError:
        return False


def _copy_of_this(scratch: Path) -> Optional[Path]:
    """Return a wheel of the files that are installed here, for a Python of the same kind.

    The sources may be gone. None where this edgeloop is not installed as files.
    """
    try:
        installed = metadata.distribution("edgeloop")
        tag = BytesParser().parsebytes((installed.read_text("WHEEL") or "").encode())["Tag"]
        files = installed.files
    except (metadata.PackageNotFoundError, OSError):
        return None
    kept = [one for one in files or () if ".." not in one.parts and one.suffix != ".pyc"]
    if tag is None or not any(one.name == "_core.pyi" for one in kept):  # an editable one has none
        return None
    path = scratch / f"edgeloop-{edgeloop.__version__}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in kept:
            if one.name not in _OF_THE_INSTALLATION and Path(str(one.locate())).is_file():
                archive.write(str(one.locate()), one.as_posix())
    return path


def _missing_headers(python: str) -> Optional[str]:
    """Say what to install where Python's headers are missing, before minutes of compiling."""
    ask = (
        "import os, sys, sysconfig; "
        "here = os.path.exists(os.path.join(sysconfig.get_path('include'), 'Python.h')); "
        "print(int(here), '%d.%d' % sys.version_info[:2])"
    )
    done = subprocess.run(
        [python, "-I", "-c", ask], capture_output=True, text=True, check=False, timeout=60
    )
    here, _, version = done.stdout.strip().partition(" ")
    if done.returncode != 0 or here != "0":
        return None
    return (
        f"the headers of Python {version} (Python.h) are missing; install them with "
        f"'sudo apt install python{version}-dev', or python3-dev"
    )


def _in_folder(folder: Path) -> Iterator[list[str]]:
    version = edgeloop.__version__
    only_here = ["--no-index", "--only-binary=edgeloop", "--find-links", str(folder)]
    yield [*only_here, f"edgeloop=={version}"]
    sources = folder / f"edgeloop-{version}.tar.gz"
    if sources.is_file():
        yield [str(sources)]


def _origin() -> Optional[Path]:
    """Return the wheel or source folder that edgeloop was installed from, where it still exists."""
    try:
        text = metadata.distribution("edgeloop").read_text("direct_url.json")
        url = json.loads(text)["url"] if text else ""
    except (metadata.PackageNotFoundError, ValueError, KeyError):
        return None
    parsed = urlparse(url)
    path = Path(unquote(parsed.path))
    return path if parsed.scheme == "file" and path.exists() else None
