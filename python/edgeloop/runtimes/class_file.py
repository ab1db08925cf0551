"""The user's Python file with the class of a model that holds weights alone."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from edgeloop.errors import UsageError


def import_file(file: Path) -> ModuleType:
    """Import the user's file under its own name; modules beside it are found as for a script."""
    if not file.is_file():
        raise UsageError(f"--model-class-path names {file}, but no such file exists")
    spec = spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"--model-class-path names {file}, which is not a Python file (.py)")
    module = module_from_spec(spec)
    # A pickled module names its class by this; one that is imported already is not replaced.
    sys.modules.setdefault(file.stem, module)
    sys.path.insert(0, str(file.parent.absolute()))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        if sys.modules[file.stem] is module:
            del sys.modules[file.stem]
        raise UsageError(
            f"importing {file} raised {type(error).__name__}: {brief(error)}; it must run without "
            "arguments and import only what is installed here"
        ) from error
    finally:
        sys.path.remove(str(file.parent.absolute()))
    return module


def brief(error: BaseException) -> str:
    """Return the first lines of a message as one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:4])
