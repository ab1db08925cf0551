"""What will be done: one model in one runtime, with nothing left open."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Optional

from edgeloop.spec.control import UNCONTROLLED, Control
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import LoadOptions
from edgeloop.spec.metrics import MetricOptions


@dataclass(frozen=True)
class FixedCount:
    """The classic fixed count: `runs` recorded after `warmup` that are not."""

    runs: int
    warmup: int


@dataclass(frozen=True)
class Model:
    """The model file; for the null runtime a name without a file."""

    path: str
    format: str
    sha256: Optional[str]
    bytes: Optional[int]


@dataclass(frozen=True)
class ResolvedSpec:
    """One model in one runtime, with everything decided."""

    command: str
    model: Model
    runtime: str
    options: LoadOptions
    loops: tuple[str, ...]
    python: str
    inputs: InputSource
    effort: str
    budget_s: Optional[float]
    """The most that warm-up and measuring may take, instead of the effort's."""
    rate_hz: Optional[float]
    """Open loop: a run is due so often, and latency counts from then. None: one after the other."""
    fixed: Optional[FixedCount]
    processes: Optional[int]
    """Number of worker processes where the user fixed it; None: the effort decides."""
    percentiles: tuple[float, ...]
    seed: int
    timeout_s: float
    choices: tuple[str, ...]
    """What was chosen for the user, one sentence each."""
    metrics: MetricOptions = field(default_factory=MetricOptions)
    require_delegate: Optional[float] = None
    """The least share that delegates or providers must run; 0: at least one node."""
    instances: int = 1
    """Of the model, which share the data set; they run beside each other."""
    control: Control = UNCONTROLLED
    regime: Optional[str] = None
    cool_down_c: Optional[float] = None
    power_command: Optional[str] = None
    peak_gflops: Optional[float] = None
    strict: bool = False
    title: str = ""
    """The configuration as one string, the same wherever it is named: see runtimes.choice.title."""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return asdict(self)
