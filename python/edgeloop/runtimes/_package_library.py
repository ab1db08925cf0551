"""Where a runtime's library is: where the user says, else in its Python package."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import metadata
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
        for distribution in self.distributions:
            try:
                return metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
        return None

    def version_beside(self, library: Path) -> Optional[str]:
        """Return the version of the package that a library lies in, which may be any folder's."""
        for distribution in self.distributions:
            pattern = f"{distribution.replace('-', '_')}-*.dist-info"
            for folder in library.parent.parent.glob(pattern):
                return folder.name[: -len(".dist-info")].rsplit("-", 1)[1]
        return None
