"""Where a library is: where the user says, in a Python package, or where the loader finds it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Optional

from edgeloop.errors import NotAvailableError

UNKNOWN = "unknown"


@dataclass(frozen=True)
class PackageLibrary:
    """A library that comes with a Python package, or that the user names."""

    package: str = ""
    """The module to import; empty where no package brings the library."""
    distributions: tuple[str, ...] = ()
    """What the index calls the package, in the order in which one is sought."""
    pattern: str = ""
    """Of the libraries in the package's folder."""
    variable: str = ""
    """The environment variable that names a library."""

    def named(self, library: Optional[str]) -> Optional[tuple[Path, str]]:
        """Return the library that the user names and by what, None where he does not.

        `library` is that of --library. Raises NotAvailableError where there is no such file.
        """
        given = library or os.environ.get(self.variable)
        if not given:
            return None
        origin = "--library" if library else self.variable
        path = Path(given).expanduser().absolute()
        if not path.is_file():
            raise NotAvailableError(f"{origin} names {given}, but no such file exists")
        return path, origin

    def folder(self) -> Optional[Path]:
        """Return the package's folder without importing it; None where it is not installed."""
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:  # no origin: a folder that merely has this name
            return None
        return Path(spec.origin).parent

    def libraries(self, folder: Path) -> list[Path]:
        """Return the libraries in the package's folder."""
        return sorted(folder.glob(self.pattern))

    def version(self) -> Optional[str]:
        """Return the version of the installed package."""
        folder = self.folder()
        beside = None if folder is None else self._version_in(folder.parent)
        if beside is not None:
            return beside
        from importlib import metadata  # with its parser of mails a tenth of a worker's start

        for distribution in self.distributions:
            try:
                return metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
        return None

    def version_beside(self, library: Path) -> Optional[str]:
        """Return the version of the package that a library lies in, which may be any folder's."""
        return self._version_in(library.parent.parent)

    def _version_in(self, site: Path) -> Optional[str]:
        """Return the version that the name of a folder of metadata carries (PEP 427)."""
        for distribution in self.distributions:
            pattern = f"{distribution.replace('-', '_')}-*.dist-info"
            for folder in site.glob(pattern):
                return folder.name[: -len(".dist-info")].rsplit("-", 1)[1]
        return None


def on_loader_path(name: str) -> Iterator[Path]:
    """Yield what the dynamic loader would find: LD_LIBRARY_PATH, then its cache.

    ctypes.util.find_library names the file without its folder, and starts a compiler to find it.
    """
    for folder in filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")):
        yield Path(folder).absolute() / name
    for ldconfig in ("/sbin/ldconfig", "/usr/sbin/ldconfig"):
        if Path(ldconfig).is_file():
            import subprocess

            listing = subprocess.run(
                [ldconfig, "-p"], capture_output=True, text=True, check=False
            ).stdout
            pattern = rf"^\s*{re.escape(name)}(?:\.\S+)? .*=> (\S+)$"
            yield from (Path(path) for path in re.findall(pattern, listing, re.MULTILINE))
            return
