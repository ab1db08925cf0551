"""The model files that a suite makes before it measures: each once, kept for the next time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from edgeloop.errors import (
    CannotWriteError,
    CheckFailedError,
    EdgeloopError,
    InterruptedRunError,
)
from edgeloop.measure.observer import Observer
from edgeloop.suite.entry import Conversion, Entry

if TYPE_CHECKING:
    from edgeloop.convert.edge import ConversionOptions

_FOLDER = "models"


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
    users: dict[tuple[str, Conversion], list[Entry]] = {}
    for entry in entries:
        if entry.conversion is not None:
            users.setdefault((entry.spec.model, entry.conversion), []).append(entry)
    return [Made(model, what, tuple(found)) for (model, what), found in users.items()]


class Conversions:
    """Makes the files under the folder of a suite; one that is there is not made again."""

    def __init__(self, folder: Path, observer: Observer) -> None:
        self._folder = folder / _FOLDER
        self._observer = observer
        self._failed: dict[Path, EdgeloopError] = {}

    def path_for(self, entry: Entry) -> tuple[str, Optional[str]]:
        """Return the file that the entry measures and the layout that its data then has.

        Raises what `convert` and `quantize` raise; CheckFailedError where the result does not
        agree with its source.
        """
        assert entry.conversion is not None
        target = self._target(entry)
        known = target.with_name(f"{target.name}.made")
        if target in self._failed:  # it would fail for the next entry too
            raise self._failed[target]
        if not known.exists():
            try:
                transposed = self._make(entry, entry.conversion, target)
            except EdgeloopError as error:
                if not isinstance(error, InterruptedRunError):
                    self._failed[target] = error
                raise
            known.write_text(json.dumps({"transposed": transposed}) + "\n", encoding="utf-8")
        transposed = json.loads(known.read_text(encoding="utf-8"))["transposed"]
        return str(target), "nchw" if transposed else None

    def _target(self, entry: Entry) -> Path:
        from edgeloop.convert.run import EXTENSIONS
        from edgeloop.models.formats import detect_format

        assert entry.conversion is not None
        what = json.dumps([entry.model_sha256, asdict(entry.conversion)], sort_keys=True)
        digest = hashlib.sha256(what.encode()).hexdigest()[:12]
        found = entry.conversion.to or detect_format(entry.spec.model).format
        parts = [Path(entry.spec.model).stem, entry.conversion.precision or "", digest]
        stem = "-".join(part for part in parts if part)
        return self._folder / f"{stem}{EXTENSIONS[found]}"

    def _make(self, entry: Entry, what: Conversion, target: Path) -> bool:
        """Convert or quantise; return whether inputs were transposed."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWriteError(
                f"the folder {self._folder} cannot be made: {error.strerror}"
            ) from error
        if what.precision is not None:
            transposed, faults = self._quantize(entry, what, target)
        else:
            transposed, faults = self._convert(entry, what, target)
        if faults:
            raise CheckFailedError(
                f"the converted model does NOT agree with {entry.spec.model}: {faults[0]}"
            )
        return transposed

    def _convert(self, entry: Entry, what: Conversion, target: Path) -> tuple[bool, Sequence[str]]:
        from edgeloop.convert.run import ConversionSpec, convert
        from edgeloop.spec import InputSource

        assert what.to is not None
        report = convert(
            ConversionSpec(
                model=entry.spec.model,
                target=what.to,
                out=str(target),
                force=True,
                options=_options(entry, what),
                inputs=InputSource(entry.spec.seed),
            ),
            self._observer,
        )
        checked = report.verification
        return bool(report.input_layouts), checked.faults if checked.passed is False else ()

    def _quantize(self, entry: Entry, what: Conversion, target: Path) -> tuple[bool, Sequence[str]]:
        from edgeloop.quantization.run import quantize
        from edgeloop.quantization.spec import QuantizeSpec
        from edgeloop.spec import RunSpec

        assert what.precision is not None
        report = quantize(
            QuantizeSpec(
                model=entry.spec.model,
                precision=what.precision,
                to=what.to,
                out=str(target),
                force=True,
                representative_data=what.representative_data,
                samples=what.samples,
                measure=False,
                measured=RunSpec(model="", seed=entry.spec.seed),
                options=_options(entry, what),
            ),
            self._observer,
        )
        checked = report.verification
        return bool(report.transposed_inputs), checked.faults if checked.passed is False else ()


def _options(entry: Entry, what: Conversion) -> ConversionOptions:
    from edgeloop.convert.edge import ConversionOptions

    spec = entry.spec
    return ConversionOptions(
        layout=what.layout,
        batch_size=spec.batch_size or 0,
        shapes=spec.shapes,
        model_class_path=spec.model_class_path,
        model_class_name=spec.model_class_name,
        trust_pickle=spec.trust_pickle,
    )
