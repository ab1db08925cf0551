"""Where a new model file goes: made in a scratch folder beside its place, then renamed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

from edgeloop.errors import CANNOT_BE_WRITTEN, CannotWriteError, UsageError


def target_of(model: str, out: Optional[str], name: str, *, force: bool) -> Path:
    """Return the absolute path to write: `out`, or `name` here.

    `force` lets it replace what is there, but never the model itself.
    Raises CannotWriteError where something is there, or no such folder; UsageError for the model.
    """
    target = Path(name if out is None else out).absolute()
    if not target.parent.is_dir():
        raise CannotWriteError(f"{target} cannot be written: no folder {target.parent}")
    if target.exists() and not force:
        raise CannotWriteError(
            f"{target} is there already; --force replaces it, --out names another"
        )
    if target.exists() and target.samefile(model):
        raise UsageError(f"{target} is the model itself; name another file with --out")
    return target


@contextmanager
def scratch_beside(target: Path) -> Iterator[Path]:
    """Make a hidden folder beside the target, on its disk, that never outlives the work."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise CannotWriteError(f"{target} cannot be written: {error.strerror}") from error
    try:
        yield folder
    except OSError as error:
        if error.errno in CANNOT_BE_WRITTEN:
            raise CannotWriteError(f"{target} cannot be written: {error.strerror}") from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put(written: Path, target: Path) -> None:
    """Give the result its final name, in one step where nothing is in the way."""
    if target.is_dir() and not target.is_symlink():
        target.rename(written.parent / "replaced")
    written.rename(target)
