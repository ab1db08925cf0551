"""The model files that a suite makes before it measures: each once, kept for the next time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgeloop.conversion.prepare import prepare, prepared, settings_of
from edgeloop.errors import CannotWriteError, CheckFailedError, EdgeloopError, InterruptedRunError
from edgeloop.measure.observer import Observer
from edgeloop.models.identity import sha256_of
from edgeloop.spec.preparation import Preparation
from edgeloop.spec.run import RunSpec
from edgeloop.suite.entry import Conversion, Entry

_FOLDER = "models"

# What of a run decides what is made of its model, beside the model and the conversion.
_OF_THE_SOURCE = ("model_class_name", "batch_size", "shapes")
_OF_THE_CALIBRATION = (
    *("seed", "x_key", "data_layout", "resize", "crop", "color", "scale", "mean", "std"),
)


@dataclass(frozen=True)
class Made:
    """A conversion of one model, and the entries that measure what it makes."""

    model: str
    conversion: Conversion
    entries: tuple[Entry, ...]

    @property
    def words(self) -> str:
        """What is done, in words."""
        name = Path(self.model).name
        steps = [f"to {self.conversion.to}"] if self.conversion.to else []
        steps += [f"quantised to {self.conversion.precision}"] if self.conversion.precision else []
        return f"{name} {', '.join(steps)} (for {len(self.entries)} entries)"


def conversions_of(entries: Sequence[Entry]) -> list[Made]:
    """Return each conversion once, with the entries that need it."""
    users: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.conversion is not None:
            users.setdefault(_what(entry, entry.conversion), []).append(entry)
    return [
        Made(found[0].spec.model, found[0].conversion, tuple(found))
        for found in users.values()
        if found[0].conversion is not None
    ]


def _what(entry: Entry, made: Conversion) -> str:
    """Return what is made of which model, as text: equal for what is made once."""
    calibrated = made.representative_data is not None
    fields = (*_OF_THE_SOURCE, *(_OF_THE_CALIBRATION if calibrated else ()))
    read: dict[str, Any] = {name: getattr(entry.spec, name) for name in fields}
    read["settings"] = settings_of(entry.spec, source=True)
    return json.dumps([entry.model_sha256, asdict(made), read], sort_keys=True, default=str)


class Conversions:
    """Makes the files under the folder of a suite; one that is there is not made again."""

    def __init__(self, folder: Path, observer: Observer) -> None:
        self._folder = folder / _FOLDER
        self._observer = observer
        self._failed: dict[Path, EdgeloopError] = {}
        self._data: dict[str, str] = {}

    def measured(self, entry: Entry) -> RunSpec:
        """Return the run of what is made of the entry's model.

        Raises what `convert` and `quantize` raise; CheckFailedError where the result does not
        agree with its source.
        """
        assert entry.conversion is not None
        target = self.target_of(entry)
        if target in self._failed:  # it would fail for the next entry too
            raise self._failed[target]
        marker = target.with_name(f"{target.name}.made")
        if not marker.exists():
            try:
                transposed = self._make(entry, entry.conversion, target)
            except EdgeloopError as error:
                if not isinstance(error, InterruptedRunError):
                    self._failed[target] = error
                raise
            marker.write_text(json.dumps({"transposed": transposed}) + "\n", encoding="utf-8")
        transposed = json.loads(marker.read_text(encoding="utf-8"))["transposed"]
        return prepared(entry.spec, str(target), transposed=transposed)

    def target_of(self, entry: Entry) -> Path:
        """Return the file that is made for an entry with a conversion."""
        from edgeloop.conversion.run import EXTENSIONS
        from edgeloop.models.formats import detect_format

        made = entry.conversion
        assert made is not None
        data = made.representative_data
        what = _what(entry, made) + ("" if data is None else self._sha256_of_data(data))
        digest = hashlib.sha256(what.encode()).hexdigest()[:12]
        found = made.to or detect_format(entry.spec.model).format
        parts = [Path(entry.spec.model).stem, made.precision or "", digest]
        stem = "-".join(part for part in parts if part)
        return self._folder / f"{stem}{EXTENSIONS[found]}"

    def _sha256_of_data(self, path: str) -> str:
        if path not in self._data:
            self._data[path] = sha256_of(path)
        return self._data[path]

    def _make(self, entry: Entry, what: Conversion, target: Path) -> bool:
        """Convert or quantise; return whether inputs were transposed."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWriteError(
                f"the folder {self._folder} cannot be made: {error.strerror}"
            ) from error
        wanted = Preparation(
            to=what.to,
            precision=what.precision,
            representative_data=what.representative_data,
            samples=what.samples,
            layout=what.layout,
            model_out=str(target),
            force=True,
        )
        before = replace(entry.spec, host=None)
        measured, verification = prepare(before, wanted, self._observer)
        if verification is not None and verification.passed is False:
            raise CheckFailedError(
                f"the converted model does NOT agree with {entry.spec.model}: "
                f"{verification.faults[0]}"
            )
        return measured.data_layout != before.data_layout
