"""Put this very edgeloop into a managed environment: its workers run it there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Optional
from urllib.parse import unquote, urlparse

import edgeloop
from edgeloop.envs.pip import pip_reason, run_pip
from edgeloop.errors import NotAvailableError

_TIMEOUT_S = 1800.0  # a small board may have to compile it


def install_own_package(python: str, wheels: Optional[str], keep_open: Sequence[int] = ()) -> None:
    """Install this version under `python` from the first of its origins that has it.

    `wheels` is a folder with its wheel or its source distribution. Raises NotAvailableError.
    """
    reasons = []
    for origin in _origins(wheels):
        arguments = ["install", "--no-deps", "--force-reinstall", *origin]
        done = run_pip(python, arguments, _TIMEOUT_S, keep_open)
        if done.returncode == 0:
            return
        reasons.append(f"pip install {' '.join(origin)}: {pip_reason(done)}")
    raise NotAvailableError(
        f"edgeloop {edgeloop.__version__} itself cannot be installed for {python}: "
        f"{'; '.join(reasons)}. Put its wheel for that Python, or its source distribution, into a "
        "folder and name it with --wheel-dir or EDGELOOP_WHEELS"
    )


def _origins(wheels: Optional[str]) -> Iterator[list[str]]:
    """Yield pip's arguments for each place, the first choice first."""
    if wheels is not None:
        yield from _in_folder(Path(wheels))
        return
    origin = _origin()
    if origin is not None and origin.is_dir():
        yield [str(origin)]
    elif origin is not None:  # a wheel of this Python; one for another may lie beside it
        yield from _in_folder(origin.parent)
    yield [f"edgeloop=={edgeloop.__version__}"]


def _in_folder(folder: Path) -> Iterator[list[str]]:
    version = edgeloop.__version__
    only_here = ["--no-index", "--only-binary=edgeloop", "--find-links", str(folder)]
    yield [*only_here, f"edgeloop=={version}"]
    sources = folder / f"edgeloop-{version}.tar.gz"
    if sources.is_file():
        yield [str(sources)]


def _origin() -> Optional[Path]:
    """Return the wheel or source folder that this edgeloop was installed from, where it is here."""
    try:
        text = metadata.distribution("edgeloop").read_text("direct_url.json")
        url = json.loads(text)["url"] if text else ""
    except (metadata.PackageNotFoundError, ValueError, KeyError):
        return None
    parsed = urlparse(url)
    path = Path(unquote(parsed.path))
    return path if parsed.scheme == "file" and path.exists() else None
