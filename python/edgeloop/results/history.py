"""The results folder as a list: of each file only the first and the last line are read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Optional

from edgeloop.errors import CannotWriteError, ModelError, UsageError, plain
from edgeloop.results.document import STUMBLED, upgraded, without_commands
from edgeloop.results.old_intervals import without_false_certainty
from edgeloop.results.store import (
    SUFFIX,
    default_folder,
    holds_nothing,
    is_being_written,
    require_file,
)

# The last line holds the summary; most are shorter than this.
_TAIL_BYTES = 16384

# Nor is a last line longer: a summary has no samples.
_MOST_TAIL_BYTES = 1 << 24

# A header that is longer than this is none of ours.
_MOST_HEADER_BYTES = 1 << 24

# Characters of a title or a reason that are shown in a list.
_LONGEST_TEXT = 300

_DAY_S = 86400.0

# A name begins with the date; a shorter run of digits is a number of the list.
_DIGITS_OF_A_YEAR = 4

# What differs between two runs of one configuration.
_PER_RUN = ("seed", "choices", "timeout_s", "python")


@dataclass(frozen=True)
class HistoryEntry:
    """One stored result, as far as its first and last line tell."""

    path: str
    created: str
    """As in the header: local time with its offset from UTC."""
    command: str
    title: str
    model: str
    sha256: Optional[str]
    runtime: str
    board: Optional[str]
    """The board's name, or the CPU's where it has none."""
    median_ns: Optional[float]
    median_ci95_ns: Optional[tuple[float, float]]
    note: str
    """Why there is no median, or what the file is short of; empty where it is whole."""
    configuration: str
    """Digest of the whole spec: model, data set, effort and every option."""
    setting: str
    """Digest of what it ran on: machine, governor, runtime and its version."""

    @property
    def created_s(self) -> float:
        """Seconds since the epoch; 0 where the date was edited by hand."""
        try:
            return datetime.strptime(self.created, "%Y-%m-%dT%H:%M:%S%z").timestamp()
        except ValueError:
            return 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return asdict(self)


@dataclass(frozen=True)
class HistoryFilter:
    """What must hold for an entry to be listed; None and empty let everything pass."""

    model: Optional[str] = None
    """Beginning of the SHA-256 (8 digits or more), or part of the file name."""
    runtime: Optional[str] = None
    board: Optional[str] = None
    """Part of the board's name."""

    def passes(self, entry: HistoryEntry) -> bool:
        """Return whether the entry is one of those asked for; case does not count."""
        return (
            self._is_model(entry)
            and (self.runtime is None or entry.runtime == self.runtime)
            and (self.board is None or self.board.lower() in (entry.board or "").lower())
        )

    def _is_model(self, entry: HistoryEntry) -> bool:
        if self.model is None:
            return True
        wanted = self.model.lower()
        by_hash = len(wanted) >= 8 and (entry.sha256 or "").startswith(wanted)
        return by_hash or wanted in Path(entry.model).name.lower()


def history(
    folder: Path, wanted: Optional[HistoryFilter] = None
) -> tuple[list[HistoryEntry], list[str]]:
    """Return the results of a folder, the oldest first, and a sentence for each unreadable one.

    Suites keep theirs in folders of their own, one level down: they are among them. Raises
    ModelError where the folder cannot be read; one that does not exist is empty.
    """
    try:
        paths = sorted(path for path in _result_files(folder))
    except OSError as error:
        raise ModelError(f"the results folder {folder} cannot be read: {error.strerror}") from error
    entries, unreadable = [], []
    for path in paths:
        try:
            entry = read_entry(path)
        except ModelError as error:
            unreadable.append(str(error))
            continue
        if wanted is None or wanted.passes(entry):
            entries.append(entry)
    entries.sort(key=lambda entry: (entry.created_s, entry.path))
    return entries, unreadable


def read_entry(path: Path) -> HistoryEntry:
    """Read the first and the last line of a result. Raises ModelError where it is none."""
    try:
        require_file(path)
        with path.open("rb") as file:
            header = _object(file.readline(_MOST_HEADER_BYTES))
            summary = _last_line(file)
    except OSError as error:
        raise ModelError(f"the result {path} cannot be read: {error.strerror}") from error
    header = upgraded(header or {}, str(path))
    try:
        return entry_of(path, without_commands(header), without_commands(summary))
    except (*STUMBLED, ModelError) as error:
        raise ModelError(f"the header of {path} is damaged: {plain(repr(error), 160)}") from error


def find_result(text: str, folder: Path) -> Path:
    """Return the result that a path, a number of `results list`, or a file's name means.

    Number 1 is the newest; of a name its beginning is enough. Raises UsageError where none or more
    than one fits.
    """
    for path in (Path(text), folder / text):
        if path.is_file():
            return path
    if text.isascii() and text.isdigit() and len(text) < _DIGITS_OF_A_YEAR:
        return _numbered(int(text), folder)
    fitting = [path for path in _result_files(folder) if path.name.startswith(text)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(
            f"'{text}' begins the names of {len(fitting)} results; give more of the name"
        )
    raise UsageError(f"no result '{text}' was found here or in {folder}; see `results list`")


def find_kept(text: str) -> str:
    """Return the path of a result in the default folder, named as for `find_result`."""
    return str(find_result(text, default_folder()))


def _numbered(number: int, folder: Path) -> Path:
    entries, _ = history(folder)
    if not 1 <= number <= len(entries):
        raise UsageError(f"there is no result {number}: {folder} holds {len(entries)}")
    return Path(entries[-number].path)


def _result_files(folder: Path) -> list[Path]:
    """Return the results of a folder and of the suites' folders in it."""
    if not folder.exists():
        return []
    return [
        path
        for parent in (folder, *(child for child in folder.iterdir() if child.is_dir()))
        for path in parent.iterdir()
        if path.name.endswith(SUFFIX) and not holds_nothing(path)
    ]


def to_prune(
    entries: Sequence[HistoryEntry], now_s: float, older_than_days: Optional[float], keep: int
) -> list[HistoryEntry]:
    """Return what a pruning removes: what is too old, but the newest `keep` of each kind.

    A kind is one command, one configuration (model, data set, effort, every option) and one board.
    Without an age everything beyond the newest is removed.
    """
    kept: dict[tuple[str, str, str, Optional[str]], int] = {}
    removed = []
    for entry in sorted(entries, key=lambda entry: entry.created_s, reverse=True):
        kind = (entry.command, entry.title, entry.configuration, entry.board)
        kept[kind] = kept.get(kind, 0) + 1
        old = older_than_days is None or now_s - entry.created_s > older_than_days * _DAY_S
        if old and kept[kind] > keep:
            removed.append(entry)
    return removed


def remove(entries: Sequence[HistoryEntry]) -> Iterator[HistoryEntry]:
    """Remove the files one by one, but none that a run still writes.

    Raises CannotWriteError with the system's reason.
    """
    for entry in entries:
        try:
            if is_being_written(Path(entry.path)):
                continue
            Path(entry.path).unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CannotWriteError(f"{entry.path} cannot be removed: {error.strerror}") from error
        yield entry


def entry_of(path: Path, header: dict[str, Any], last: Optional[dict[str, Any]]) -> HistoryEntry:
    """Return the entry of a header and a last line. Raises KeyError and such for damaged ones."""
    without_false_certainty(last or {})
    summary = None if last is None else last.get("summary")
    median_ns = None if summary is None else summary["median_ns"]
    note = ""
    if last is None or "summary" not in last:
        note = "ended before its summary"
    elif median_ns is None:
        about = summary or {}
        note = str(about.get("median_ns_reason", last.get("summary_reason", "no median")))
    interval = None if summary is None else summary["median_ci95_ns"]
    board, cpu = header["host"]["board"]["model"], header["host"]["cpu"]["model_names"]
    return HistoryEntry(
        path=str(path),
        created=plain(str(header["created"])),
        command=plain(str(header["command"])),
        title=plain(str(header["title"]), _LONGEST_TEXT),
        model=str(header["model"]["path"]),
        sha256=header["model"]["sha256"],
        runtime=plain(str(header["runtime"]["name"])),
        board=plain(str(board or cpu[0])) if board or cpu else None,
        median_ns=median_ns,
        median_ci95_ns=None if interval is None else (interval[0], interval[1]),
        note=plain(note, _LONGEST_TEXT),
        configuration=_configuration(header),
        setting=_setting(header),
    )


def _configuration(header: dict[str, Any]) -> str:
    spec = {key: value for key, value in header["spec"].items() if key not in _PER_RUN}
    spec["inputs"] = {key: value for key, value in spec["inputs"].items() if key not in _PER_RUN}
    return _digest([header["model"]["sha256"], spec])


def _setting(header: dict[str, Any]) -> str:
    host, runtime = header["host"], header["runtime"]
    governors = [policy.get("governor") for policy in header.get("policies") or ()]
    machine = [host["board"]["model"], host["cpu"]["model_names"], host["cpu"].get("logical_cpus")]
    ran = [runtime["name"], runtime.get("version"), runtime.get("build_id"), header.get("remote")]
    return _digest([machine, governors, ran])


def _digest(document: Any) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _last_line(file: BinaryIO) -> Optional[dict[str, Any]]:
    """Return the last whole line; None where there is only the header, or the end is torn."""
    end = file.seek(0, os.SEEK_END)
    size = _TAIL_BYTES
    while size <= _MOST_TAIL_BYTES:
        start = max(0, end - size)
        file.seek(start)
        lines = file.read(end - start).split(b"\n")
        whole = lines[:-1]  # behind the last line feed: nothing, or a torn line
        if len(whole) > 1 or start == 0:
            return _object(whole[-1]) if len(whole) > 1 else None
        size *= 4
    return None


def _object(line: bytes) -> Optional[dict[str, Any]]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
