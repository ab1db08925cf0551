"""The torch package: where it is, without importing it, and what is set in it once."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from edgeloop.errors import NotAvailableError
from edgeloop.runtimes._package_library import UNKNOWN, PackageLibrary
from edgeloop.runtimes.protocol import Installation

INSTALL_HINT = "pip install torch --index-url https://download.pytorch.org/whl/cpu"
LIBRARY_NAME = "libtorch_cpu.so"
_LIBRARY = PackageLibrary(package="torch", distributions=("torch",))


def find_torch() -> Installation:
    """Locate the package; `library` is its libtorch_cpu.so. Raises NotAvailableError."""
    folder = _LIBRARY.folder()
    if folder is None:
        raise NotAvailableError(
            f"the torch package is not installed in {sys.executable}; install it with "
            f"'{INSTALL_HINT}'"
        )
    library = folder / "lib" / LIBRARY_NAME
    return Installation(_LIBRARY.version() or UNKNOWN, str(library), "the torch package")


def import_torch() -> Any:
    """Import the package. Raises NotAvailableError where it is missing or broken."""
    try:
        return importlib.import_module("torch")
    except (ImportError, OSError) as error:  # OSError: a library of the package does not load
        raise NotAvailableError(
            f"the torch package cannot be imported in {sys.executable}: {error}; install it with "
            f"'{INSTALL_HINT}'"
        ) from error


def set_threads(torch: Any, threads: int) -> list[str]:
    """Fix both pools; PyTorch allows the second one only once in a process."""
    torch.set_num_threads(threads)
    if torch.get_num_interop_threads() == 1:
        return []
    try:
        torch.set_num_interop_threads(1)
    except RuntimeError:
        note = (
            f"the pool between operators keeps its {torch.get_num_interop_threads()} threads, "
            "because it was in use already; a plain forward pass does not use it"
        )
        return [note]
    return []
