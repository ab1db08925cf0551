"""A data set as the inputs of a model: checked, scaled, in its layout, quantised, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.data.box_sets import BoxSet
from edgeloop.data.fitting import Fitting
from edgeloop.data.labels import LabelReader
from edgeloop.data.picture import Placement
from edgeloop.data.quantized import fit_and_count
from edgeloop.data.source import ArraySpec, Chunk, DataSource, Skipped
from edgeloop.data.step_times import StepTimes
from edgeloop.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.spec.load import TensorSpec

# A chunk is as many samples as take this much, as they are stored or as the model takes them.
_CHUNK_BYTES = 4 << 20
_MOST_CHUNK_SAMPLES = 1 << 14


@dataclass(frozen=True)
class Batches:
    """Samples as the engine takes them, one run after the other."""

    inputs: Sequence[npt.NDArray[Any]]
    """For each input (runs, *its shape), contiguous, in its own dtype."""
    runs: int
    samples: int
    """At most runs × batch size; what the last run holds beyond them is padding."""
    labels: Optional[npt.NDArray[Any]]
    """Of a data set of boxes the number of each picture."""
    placements: Sequence[Placement] = ()
    """Of pictures: where each lies in the model's input."""

    def part(self, first: int, count: int) -> Batches:
        """Return labels and placements of some samples, without their inputs."""
        own = slice(first, first + count)
        labels = None if self.labels is None else self.labels[own]
        return Batches((), 0, count, labels, self.placements[own])


@dataclass
class Clipped:
    """How many values of one input lay outside what its integers can hold."""

    clipped: int = 0
    values: int = 0


@dataclass
class ModelData:
    """The samples of a source, for the inputs `specs` of one model."""

    source: DataSource
    specs: Sequence[TensorSpec]
    fittings: Mapping[str, Fitting]
    """Input → how the source's array becomes its values."""
    label_reader: LabelReader
    times: Optional[StepTimes] = None
    notes: Sequence[str] = ()
    """What was decided for the user, one sentence each."""
    batched: bool = True
    """Whether the first dimension of the inputs counts samples."""
    ordered: Optional[int] = None
    """How many class folders were numbered in alphabetical order; None: numbered otherwise."""
    boxes: Optional[BoxSet] = None
    """What is in each picture, where the data says it."""
    clipped: dict[str, Clipped] = field(default_factory=dict)

    def describe_by(self, other: ModelData) -> list[str]:
        """Read the data as another model's input describes it, where this model's does not.

        Integers of the dtype of the other's quantised input become the real values they stand for,
        and pixels the values that the other's input was made for. Returns one sentence for each
        input that this concerns.
        """
        notes = []
        theirs = {other.fittings[spec.name].key: spec for spec in other.given}
        fittings = dict(self.fittings)
        for spec in self.given:
            fitting, stored = fittings[spec.name], theirs.get(fittings[spec.name].key)
            dtype = self.source.arrays[fitting.key].dtype
            if stored is None or fitting.preprocess.changes_values:
                continue
            known = other.fittings[stored.name].preprocess
            if known.changes_values and "float" in spec.dtype:
                fittings[spec.name] = replace(fitting, preprocess=known)
                notes.append(f"input '{spec.name}': scaled as for the other model")
                continue
            if dtype == np.dtype(stored.dtype) != np.dtype(spec.dtype) and len(stored.scales) == 1:
                fittings[spec.name] = replace(fitting, stored_as=stored)
                notes.append(
                    f"the data is {dtype}, stored as the input '{stored.name}' has it (scale "
                    f"{stored.scales[0]:.6g}, zero point {(stored.zero_points or (0,))[0]}): the "
                    f"{spec.dtype} input '{spec.name}' gets the real values"
                )
        self.fittings = fittings
        return notes

    def unscaled(self) -> dict[str, np.dtype[Any]]:
        """Return, by float input, the dtype of 8-bit integers that go in as they are."""
        found = {}
        for spec in self.given:
            fitting = self.fittings[spec.name]
            dtype = self.source.arrays[fitting.key].dtype
            raw = not fitting.preprocess.changes_values and fitting.stored_as is None
            if raw and dtype.kind in "iu" and dtype.itemsize == 1 and "float" in spec.dtype:
                found[spec.name] = dtype
        return found

    @property
    def n(self) -> int:
        """Samples that the source lists; some may turn out to be unreadable."""
        return self.source.n

    @property
    def labels(self) -> Optional[ArraySpec]:
        """What one label is; None where the data has none."""
        return self.source.labels

    @property
    def skipped(self) -> Sequence[Skipped]:
        """What could not be read so far."""
        return self.source.skipped

    def found_notes(self) -> list[str]:
        """Return what was found while the samples were read, one sentence each."""
        turned = self.source.turned
        if not turned:
            return []
        return [f"{turned} of {self.n} pictures were turned upright, as their EXIF data says"]

    @property
    def batch_size(self) -> int:
        """Samples in one run of the model; one where its inputs have no dimension for them."""
        first = self.given[0]
        return first.shape[0] if self.batched and first.shape else 1

    @property
    def given(self) -> list[TensorSpec]:
        """The inputs that take samples; the others get outputs of the run before."""
        return [spec for spec in self.specs if spec.name in self.fittings]

    def chunks(self, most: int, rows: Optional[npt.NDArray[np.int64]] = None) -> Iterator[Chunk]:
        """Yield samples by input name: in the model's layout, scaled, but not quantised.

        Values are real ones, or the input's own dtype where the data has that. `rows`: only these,
        ascending (see `source.random_rows`).
        """
        for chunk in self.source.chunks(most, rows):
            x = {
                name: fitting.apply(chunk.x[fitting.key]) for name, fitting in self.fittings.items()
            }
            yield Chunk(x, self.label_reader.numbers(chunk.labels), chunk.placements)

    def batches(
        self, most_samples: Optional[int] = None, rows: Optional[npt.NDArray[np.int64]] = None
    ) -> Iterator[Batches]:
        """Yield all samples, or those in `rows` (ascending), quantised, in pieces."""
        most = self.chunk_samples() if most_samples is None else most_samples
        self.clipped = {spec.name: Clipped() for spec in self.given}
        for chunk in self.source.chunks(most, rows):
            runs = -(-chunk.n // self.batch_size)
            inputs = [self._rows(spec, chunk, runs) for spec in self.specs]
            labels = self.label_reader.numbers(chunk.labels)
            yield Batches(inputs, runs, chunk.n, labels, chunk.placements)

    def first_inputs(self) -> list[npt.NDArray[Any]]:
        """Return the inputs of the first run."""
        return [array[0] for array in self.first_runs(1)]

    def first_runs(
        self, runs: int, rows: Optional[npt.NDArray[np.int64]] = None
    ) -> list[npt.NDArray[Any]]:
        """Return (runs, *shape) for each input, of all samples or those in `rows` (ascending).

        After the last sample comes the first again.
        """
        parts: list[Sequence[npt.NDArray[Any]]] = []
        found = 0
        for batches in self.batches(self.batch_size, rows):
            parts.append(batches.inputs)
            found += batches.runs
            if found >= runs:
                break
        return [
            np.take(np.concatenate(arrays), np.arange(runs) % found, axis=0)
            for arrays in zip(*parts)
        ]

    def clipped_shares(self) -> dict[str, float]:
        """Return, by input, the share of the values so far that its integers cannot hold (0 to 1).

        A few per cent are the tails that quantisation cuts off; most of it is data of another
        scale.
        """
        return {name: one.clipped / max(1, one.values) for name, one in self.clipped.items()}

    def chunk_samples(self) -> int:
        """Return how many samples, a multiple of the batch size, some megabytes are."""
        stored = sum(prod(s.shape) * np.dtype(s.dtype).itemsize for s in self.specs)
        read = sum(prod(a.shape) * a.dtype.itemsize for a in self.source.arrays.values())
        samples = min(_CHUNK_BYTES // max(1, read, stored // self.batch_size), _MOST_CHUNK_SAMPLES)
        return max(1, samples // self.batch_size) * self.batch_size

    def _rows(self, spec: TensorSpec, chunk: Chunk, runs: int) -> npt.NDArray[Any]:
        """Return (runs, *shape); where the last run is not full, the first samples fill it."""
        if spec.name not in self.fittings:
            return np.zeros((runs, *spec.shape), dtype=spec.dtype)
        stored, clipped = self._stored(spec, chunk)
        count = self.clipped[spec.name]
        count.clipped += clipped
        count.values += stored.size
        missing = runs * self.batch_size - len(stored)
        if missing:
            stored = np.concatenate([stored, np.resize(stored, (missing, *stored.shape[1:]))])
        return np.ascontiguousarray(stored).reshape((runs, *spec.shape))

    def _stored(self, spec: TensorSpec, chunk: Chunk) -> tuple[npt.NDArray[Any], int]:
        """Scale, transpose and quantise; return the samples and how many values were clipped."""
        fitting = self.fittings[spec.name]
        raw = chunk.x[fitting.key]
        if self.times is None:
            return fit_and_count(fitting.apply(raw), spec)
        # One by one, as an application does that gets a picture at a time.
        stored = np.empty((chunk.n, *fitting.shape), dtype=spec.dtype)
        clipped = 0
        for index in range(chunk.n):
            with self.times.step("quantize"):
                one, more = fit_and_count(fitting.apply(raw[index : index + 1]), spec)
                stored[index] = one[0]
            clipped += more
        return stored, clipped


def require_one_batch_size(specs: Sequence[TensorSpec]) -> None:
    """Raise ModelError where the inputs do not agree on the number of samples in a run."""
    sizes = {spec.shape[0] if spec.shape else 1 for spec in specs}
    if len(sizes) > 1:
        shapes = ", ".join(f"{s.name} {'x'.join(map(str, s.shape)) or 'scalar'}" for s in specs)
        raise ModelError(
            f"the inputs have different first dimensions ({shapes}), so a run is not a whole "
            "number of samples; fix them with --shape"
        )
