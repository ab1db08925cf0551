"""The C++ compiler that PyTorch's inductor starts, sought before anything depends on it."""

from __future__ import annotations

import os
import shutil

from edgeloop.errors import NotAvailableError

_CANDIDATES = ("g++", "clang++")


def require_cxx_compiler(what: str) -> str:
    """Return the path of the compiler. Raises NotAvailableError with the command that installs one.

    CXX names another than the usual ones, as for PyTorch.
    """
    named = os.environ.get("CXX")
    found = next(filter(None, map(shutil.which, (named,) if named else _CANDIDATES)), None)
    if found is None:
        looked = f"CXX={named}" if named else ", ".join(_CANDIDATES)
        raise NotAvailableError(
            f"{what} needs a C++ compiler, and none is on PATH (looked for {looked}); install one "
            "with 'sudo apt-get install g++'"
        )
    return found
