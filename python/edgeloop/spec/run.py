"""What the user said (RunSpec) and what will be done (ResolvedSpec, nothing optional)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Optional, Union

from edgeloop.errors import UsageError, canonical
from edgeloop.spec.control import UNCONTROLLED, Control
from edgeloop.spec.inputs import X_KEY, Y_KEY, InputSource
from edgeloop.spec.load import LoadOptions
from edgeloop.spec.metrics import MetricOptions


@dataclass(frozen=True)
class RunSpec:
    """What the user asked for; None and empty mean "choose for me"."""

    model: str
    runtimes: Sequence[str] = ()
    """Names, "all", or plugin=PATH."""
    loops: Sequence[str] = ()
    threads: Optional[int] = None
    batch_size: Optional[int] = None
    instances: Optional[int] = None
    """eval: so many of the model share the data set, each in a thread of its own."""
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    delegate: Union[str, Sequence[str], None] = None
    """TFLite runtimes: NAME[=PATH][:key=value,...], one or several; "none" leaves XNNPACK out."""
    provider: Union[str, Sequence[str], None] = None
    """ONNX Runtime: NAME[:key=value,...], one or several before the CPU's."""
    require_delegate: Union[str, float, None] = None
    """Fail where delegates or providers run less than this share of the model; "any": nothing."""
    torch_mode: Union[str, Sequence[str], None] = None
    """torch: eager, script, compile or aotinductor, one or several; None: as the file has it."""
    package: Optional[str] = None
    """torch: an AOTInductor package of the same model, for the native loop."""
    device: Optional[str] = None
    """torch: "cpu", "cuda" or "cuda:N"."""
    settings: Mapping[str, str] = field(default_factory=dict)
    library: Optional[str] = None
    python: Optional[str] = None
    data: Optional[str] = None
    x_key: str = X_KEY
    y_key: str = Y_KEY
    y_file: Optional[str] = None
    data_layout: Optional[str] = None
    resize: Union[str, int, Sequence[int], None] = None
    crop: Union[str, float, Sequence[int], None] = None
    color: Optional[str] = None
    scale: Union[str, float, None] = None
    mean: Union[str, float, Sequence[float], None] = None
    std: Union[str, float, Sequence[float], None] = None
    labels: Optional[str] = None
    """A file with the names of the classes, one a line."""
    label_offset: int = 0
    task: Optional[str] = None
    """ "classification" or "regression"; None: told from the labels."""
    top_k: int = 5
    softmax: bool = False
    output: Optional[str] = None
    """Name of the output that is judged; None: the one that fits the labels."""
    effort: str = "standard"
    budget_s: Optional[float] = None
    rate_hz: Optional[float] = None
    runs: Optional[int] = None
    warmup: Optional[int] = None
    processes: Optional[int] = None
    percentiles: Sequence[float] = (50.0, 90.0, 99.0)
    seed: int = 0
    timeout_s: float = 600.0
    model_class_path: Optional[str] = None
    model_class_name: Optional[str] = None
    trust_pickle: bool = False
    cpus: Union[str, Sequence[int], None] = None
    """CPUs that the worker may use: "2,3", "0-3", or their numbers."""
    cluster: Optional[str] = None
    """"big" or "little": the CPUs of the fastest or the slowest cluster."""
    priority: Optional[str] = None
    """A nice value, "-10", or a real-time policy with its priority, "fifo:50"."""
    mlock: bool = False
    governor: Optional[str] = None
    """CPU governor for the time of the run; root only."""
    regime: Optional[str] = None
    """"burst": cool before each block; "sustained": soaked with heat; None: as it comes."""
    cool_down_c: Optional[float] = None
    """Wait before each process (in a burst: each block) until the CPU is at most this warm."""
    power_command: Optional[str] = None
    """A program that prints the power in W, where the machine has no meter of its own."""
    peak_gflops: Optional[float] = None
    """The most that the device can do, in GFLOP/s (GOP/s for int8), where no table knows it."""
    strict: bool = False
    """Fail where an impossible latency, or a picture that cannot be read, is else only told."""
    host: Optional[str] = None
    """USER@BOARD to measure on, over ssh; None: this machine."""


@dataclass(frozen=True)
class FixedCount:
    """The classic fixed count: so many runs recorded after so many that are not."""

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


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Read NAME=1x3x224x224, or 1x3x224x224 for the only input.

    Raises UsageError that shows the right form.
    """
    name, _, dims = text.rpartition("=")
    try:
        shape = tuple(int(dim) for dim in dims.lower().split("x"))
    except ValueError:
        shape = ()
    if not shape or any(dim <= 0 for dim in shape):
        raise UsageError(f"'{text}' is no shape; write NAME=1x3x224x224 (or 1x3x224x224)")
    return name, shape


def parse_setting(text: str) -> tuple[str, str]:
    """Read KEY=VALUE. Raises UsageError that shows the right form."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"'{text}' is no setting; write KEY=VALUE")
    return canonical(key), value


def parse_percentiles(text: str) -> tuple[float, ...]:
    """Read 50,90,99.9. Raises UsageError that shows the right form."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"'{text}' are no percentiles; write 50,90,99.9") from None
