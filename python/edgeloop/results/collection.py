"""Many stored results, from files and folders; one that cannot be read does not stop the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeloop.errors import ModelError
from edgeloop.results.row import ReportRow, report_rows
from edgeloop.results.schema import Result
from edgeloop.results.store import SUFFIX, holds_nothing, read_result


@dataclass(frozen=True)
class Collection:
    """Results in the order of their names, their rows, and a sentence for each that is none."""

    results: tuple[Result, ...]
    rows: tuple[ReportRow, ...]
    unreadable: tuple[str, ...]


def collect(places: Sequence[str]) -> Collection:
    """Read result files, and those in folders.

    Raises ModelError where a place does not exist, or none of them holds a result.
    """
    results: list[Result] = []
    rows: list[ReportRow] = []
    unreadable: list[str] = []
    for path in _files(places):
        try:
            result = read_result(str(path))
            rows += report_rows([result])
            results.append(result)
        except ModelError as error:
            unreadable.append(str(error))
    if not results:
        why = f": {unreadable[0]}" if unreadable else f"; results end in {SUFFIX}"
        raise ModelError(f"no result was found in {', '.join(places)}{why}")
    return Collection(tuple(results), tuple(rows), tuple(unreadable))


def _files(places: Sequence[str]) -> list[Path]:
    files: dict[Path, None] = {}
    for place in places:
        path = Path(place)
        if path.is_dir():
            found = sorted(path.rglob("*" + SUFFIX))
            files.update(dict.fromkeys(one for one in found if not holds_nothing(one)))
        elif path.exists():
            files[path] = None
        else:
            raise ModelError(f"{place} does not exist; name results or a folder of them")
    return list(files)
