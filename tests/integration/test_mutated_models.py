"""Damaged copies of a real model: each runs, is refused in a sentence, or ends its worker by name.

A foreign runtime may well crash on garbage: then the parent says how. What must not be is a hang, a
traceback in the parent, or a process that is left. Of the damage half is where the structure is:
the first and last 4 kB, and whatever is not weights; and every other TorchScript archive is packed
anew, so that its checksums are right and the damage is what PyTorch reads.
"""

from __future__ import annotations

import io
import random
import resource
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from edgeloop.demo import ASSETS
from edgeloop.errors import EdgeloopError, NotAvailableError, RuntimeFailedError
from edgeloop.runtimes import runtime
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.spec.run import RunSpec
from edgeloop.worker.client import WorkerClient
from edgeloop.worker.requests import Import, Load, Outputs, Warm

SEED = 20261121
COPY_TIMEOUT_S = 10.0
EDGE = 4096  # bytes

# A copy may ask for any size: the machine's memory is not for it.
MEMORY_BYTES = 8 << 30

# What a field of 32 bits is set to: the numbers at which arithmetic breaks.
WORDS = (0, 1, 2, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)

# What stands before an error that no runtime gives: our own code stumbled over the model.
OUR_FAULTS = ("KeyError", "IndexError", "AttributeError", "AssertionError", "UnicodeDecodeError")

Range = tuple[int, int]


def weights_of_tflite(data: bytes) -> list[Range]:
    """Find the constant tensors; everything else is tables."""
    tflite = pytest.importorskip("tflite", reason="pip install tflite: finds the tables")
    model = tflite.Model.GetRootAs(data, 0)
    buffers = (model.Buffers(number) for number in range(model.BuffersLength()))
    return found(data, [b.DataAsNumpy().tobytes() for b in buffers if b.DataLength()])


def weights_of_onnx(data: bytes) -> list[Range]:
    onnx = pytest.importorskip("onnx", reason="pip install onnx: finds the tables")
    graph = onnx.load_from_string(data).graph
    return found(data, [tensor.raw_data for tensor in graph.initializer])


def weights_of_torch(data: bytes) -> list[Range]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if "/constants/" in name]
        return found(data, [archive.read(name) for name in names])


def found(data: bytes, pieces: list[bytes]) -> list[Range]:
    starts = [(data.find(piece), len(piece)) for piece in pieces if len(piece) >= 64]
    return [(start, start + length) for start, length in starts if start >= 0]


class Damage:
    """Makes damaged copies of one file, always the same ones."""

    def __init__(self, data: bytes, weights: list[Range]) -> None:
        self._data = data
        covered = {position for start, end in weights for position in range(start, end)}
        edges = {*range(min(EDGE, len(data))), *range(max(0, len(data) - EDGE), len(data))}
        self._structure = sorted(edges | (set(range(len(data))) - covered))

    def copies(self, count: int) -> Iterator[bytes]:
        """Yield copies with one to eight changes; some are cut short as well."""
        for number in range(count):
            source = random.Random(f"{SEED} {number}")
            copy = bytearray(self._data)
            for _ in range(source.choice((1, 1, 2, 4, 8))):
                self._change(copy, source)
            if source.random() < 0.05:
                del copy[source.randrange(len(copy)) :]
            yield bytes(copy)

    def _change(self, copy: bytearray, source: random.Random) -> None:
        structural = source.random() < 0.5
        position = source.choice(self._structure) if structural else source.randrange(len(copy))
        word = slice(position // 4 * 4, position // 4 * 4 + 4)
        kind = source.random()
        if kind < 0.4:
            copy[position] ^= 1 << source.randrange(8)
        elif kind < 0.6:
            copy[position] = source.randrange(256)
        elif kind < 0.85:
            copy[word] = source.choice(WORDS).to_bytes(4, "little")[: len(copy[word])]
        else:  # a piece of the file in the place of another
            length = source.choice((4, 16, 64, 256))
            start = source.choice(self._structure)
            piece = copy[start : start + length]
            copy[position : position + len(piece)] = piece
            del copy[len(self._data) :]


def repacked(data: bytes, source: random.Random) -> bytes:
    """Return an archive whose members are damaged, but packed without a fault."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w") as new:
        members = {name: bytearray(old.read(name)) for name in old.namelist()}
        tables = [name for name in members if "/constants/" not in name]
        for _ in range(source.choice((1, 2, 4))):
            member = members[source.choice(tables if source.random() < 0.7 else list(members))]
            position = source.randrange(len(member))
            member[position] = source.choice((0, 0xFF, source.randrange(256)))
        for name, content in members.items():
            new.writestr(name, bytes(content))
    return packed.getvalue()


def torch_copies(damage: Damage, data: bytes, count: int) -> Iterator[bytes]:
    for number, copy in enumerate(damage.copies(count)):
        yield repacked(data, random.Random(f"{SEED} {number}")) if number % 2 else copy


# Runtime → model, how its weights are found, and what else has to be said.
CASES: dict[str, tuple[str, Callable[[bytes], list[Range]], dict[str, Any]]] = {
    "litert": ("digits_int8.tflite", weights_of_tflite, {}),
    "tflite": ("digits_int8.tflite", weights_of_tflite, {}),
    "tflite-runtime": ("digits_int8.tflite", weights_of_tflite, {}),
    "onnxruntime": ("digits_int8.onnx", weights_of_onnx, {}),
    "torch": ("digits_float32.pt", weights_of_torch, {"shapes": {"": (1, 1, 8, 8)}}),
}


class Victim:
    """A worker that takes copies until it dies."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._worker: WorkerClient | None = None

    def take(self, spec: ResolvedSpec) -> str:
        """Load and run one copy; return "ran", or raise what the parent is told."""
        if self._worker is None:
            self._worker = WorkerClient(self._python, 60.0)
            limits = (MEMORY_BYTES, MEMORY_BYTES)
            resource.prlimit(self._worker.pid, resource.RLIMIT_AS, limits)
            self._warm_up(spec)
        self._worker.timeout_s = COPY_TIMEOUT_S
        self._run(spec)
        return "ran"

    def after(self, error: EdgeloopError) -> str:
        """Return what became of a copy that failed; the next one gets a new worker if it must."""
        assert self._worker is not None
        pid = self._worker.pid
        if is_alive(pid):
            assert not str(error).startswith(OUR_FAULTS), repr(error)
            return f"refused ({type(error).__name__})"
        assert isinstance(error, RuntimeFailedError), repr(error)
        assert "the worker " in str(error), str(error)
        self.close()
        assert not Path(f"/proc/{pid}").exists()
        return "died: " + next((word for word in str(error).split() if word[:3] == "SIG"), "other")

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _warm_up(self, spec: ResolvedSpec) -> None:
        """Import what the runtime needs: that may take longer than a copy."""
        assert self._worker is not None
        self._worker.request(Import(spec.runtime), "importing")

    def _run(self, spec: ResolvedSpec) -> None:
        assert self._worker is not None
        load = Load(spec.runtime, asdict(spec.options), spec.loops, seed=spec.inputs.seed)
        self._worker.request(load, "loading the model")
        self._worker.request(Warm(spec.loops[0], 3), "running the loop")
        self._worker.request(Outputs(spec.loops[0]), "fetching the outputs")


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that was killed may take a moment to go."""
    for _ in range(20):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        except OSError:
            return False
        if state.split()[0] in "ZX":
            return False
        time.sleep(0.001)
    return True


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A runtime and the interpreter it runs in."""
    name = request.param
    if name == "tflite-runtime":
        return name, request.getfixturevalue("tflite_runtime_python")
    try:
        runtime(name).find(None)
    except NotAvailableError as error:
        pytest.skip(f"{name} is not here: {error}")
    return name, sys.executable


def fate(victim: Victim, path: Path, name: str, python: str, more: dict[str, Any]) -> str:
    """Return what became of one copy."""
    try:
        said = RunSpec(model=str(path), runtimes=(name,), threads=1, python=python, **more)
        (spec,) = resolve(said, "bench")
    except EdgeloopError as error:
        return f"refused at once ({type(error).__name__})"
    try:
        return victim.take(spec)
    except EdgeloopError as error:
        return victim.after(error)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_damaged_copies(
    count: int, case: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, python = case
    file, weights, more = CASES[name]
    data = (ASSETS / file).read_bytes()
    damage = Damage(data, weights(data))
    copies = torch_copies(damage, data, count) if name == "torch" else damage.copies(count)
    fates: Counter[str] = Counter()
    victim = Victim(python)
    try:
        for number, copy in enumerate(copies):
            path = tmp_path / f"{number}-{file}"
            path.write_bytes(copy)
            try:
                fates[fate(victim, path, name, python, more)] += 1
            except BaseException:
                print(f"seed {SEED}, copy {number} of {file} is kept at {path}")
                raise
            path.unlink()
    finally:
        victim.close()
    with capsys.disabled():
        print(f"\n{name}, {count} copies: {dict(sorted(fates.items()))}")
    assert fates["ran"] > 0
    assert fates["ran"] < count
