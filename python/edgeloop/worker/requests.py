"""What can be asked of a worker: one type for each request, of which both ends read the fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from edgeloop.worker.protocol import Message, Received

Frames = Sequence[Any]
"""C-contiguous buffers on the way there, bytearrays when they have arrived."""


class Request:
    """What a worker is asked for."""


@dataclass(frozen=True)
class Find(Request):
    """Look for the runtime, in `library` where one is named."""

    runtime: str
    library: Optional[str] = None


@dataclass(frozen=True)
class Import(Request):
    """Load the runtime's library and import its package: does this machine bear them?"""

    runtime: str


@dataclass(frozen=True)
class Load(Request):
    """Load the model, and run it once where its inputs are random ones."""

    runtime: str
    options: Mapping[str, Any]
    """The fields of `spec.load.LoadOptions`."""
    loops: Sequence[str]
    seed: Optional[int] = 0
    """Of random inputs; None: they come with `Start`, from who has to know them first."""
    framework_first: bool = False
    control: Optional[Mapping[str, Any]] = None
    """The fields of `spec.control.Control`; None: nothing is asked for."""
    instances: int = 1


@dataclass(frozen=True)
class Start(Request):
    """Run the loaded model once, on one sample: a frame for each input."""

    loops: Sequence[str]
    frames: Frames = ()


@dataclass(frozen=True)
class Warm(Request):
    """Run a loop; what it takes is not part of a result."""

    loop: str
    runs: int


@dataclass(frozen=True)
class Block(Request):
    """Record a block: runs of one loop, with the fixed work before and after them."""

    loop: str
    runs: int
    runs_per_sample: int = 1
    unrecorded: int = 0
    """Runs before it."""
    interval_ns: Optional[int] = None
    """From the due time of a run to that of the next; None: without a pause."""


@dataclass(frozen=True)
class Blocks(Request):
    """Record blocks one after the other; end with the round in which the time is over."""

    blocks: Sequence[Block]
    round: int
    """Blocks of a round."""
    most_s: float


@dataclass(frozen=True)
class Outputs(Request):
    """Run a loop once and return what comes out."""

    loop: str


@dataclass(frozen=True)
class Stages(Request):
    """Time the stages of more runs: at least 3, at most `runs`, for about `most_s` seconds."""

    runs: int
    most_s: float


@dataclass(frozen=True)
class Data(Request):
    """Run samples of a data set: a frame (runs, *shape) for each input."""

    loop: str
    runs: int
    outputs: Optional[Sequence[int]]
    """Which come back; None: all."""
    frames: Frames = ()


@dataclass(frozen=True)
class Profile(Request):
    """Run a block that the runtime's profiler records."""

    loop: str
    runs: int


@dataclass(frozen=True)
class Operators(Request):
    """Return what the profiler recorded."""


@dataclass(frozen=True)
class Job(Request):
    """Do a job of `worker.jobs`."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Stop(Request):
    """End, and say what was used."""


_TYPES = {kind.__name__: kind for kind in Request.__subclasses__()}


def encode(request: Request) -> Message:
    """Write a request; its frames go as they are."""
    fields = dict(vars(request))
    if isinstance(request, Blocks):
        fields["blocks"] = [vars(one) for one in request.blocks]
    frames = fields.pop("frames", ())
    return Message({"type": type(request).__name__, **fields}, frames)


def decode(received: Received) -> Request:
    """Read a request. Raises KeyError or TypeError where it is none of this version."""
    fields = dict(received.body)
    kind = _TYPES[fields.pop("type")]
    if kind is Blocks:
        fields["blocks"] = [Block(**one) for one in fields["blocks"]]
    if received.frames:
        fields["frames"] = received.frames
    return kind(**fields)
