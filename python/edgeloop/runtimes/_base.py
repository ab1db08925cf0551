"""What a runtime is: where it is found, what it can read, how a model is loaded in it.

One runtime is one file here and, where it has a C API, one file in cpp/engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional, Protocol

from edgeloop.delegates import XNNPACK, DelegateSpec, delegate_of, provider_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgeloop import _core

    Block = tuple[int, npt.NDArray[np.uint64]]
    """Start stamp of a block and the durations of its runs, in ns."""

LOOPS = ("native", "binding", "callable", "framework", "framework-io")

# Among a runtime's formats or settings: it takes any, and says when it loads whether it can.
ANY = "any"

# The model of a runtime that needs none.
NULL_MODEL = "null"

# Loops that go through the framework's own Python objects.
FRAMEWORK_LOOPS = ("callable", "framework", "framework-io")


def instance_of(loop: str) -> str:
    """Return which instance of the model a loop runs: "engine" or "framework"."""
    return "framework" if loop in FRAMEWORK_LOOPS else "engine"


@dataclass(frozen=True)
class Installation:
    """Where a runtime was found, without importing it."""

    version: str
    library: Optional[str] = None
    """Exact path of the library that the native loop calls; None where there is none."""
    origin: str = ""
    """How it was found, in words: "the ai-edge-litert package", "EDGELOOP_TFLITE_LIBRARY"."""


@dataclass(frozen=True)
class LoadOptions:
    """Everything that loading a model depends on; the same for every loop of a runtime."""

    model: str
    threads: int = 1
    batch_size: int = 0
    """First dimension of every input; 0: as the model has it."""
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Input name → the shape it is fixed to; the name "" stands for the only input."""
    delegates: Sequence[DelegateSpec] = (DelegateSpec(XNNPACK, implied=True),)
    """TFLite runtimes: in the order in which they claim nodes; nothing: the plain kernels."""
    providers: Sequence[DelegateSpec] = ()
    """ONNX Runtime: execution providers before the CPU's, in their order."""
    cpu_fallback: bool = True
    """ONNX Runtime: False fails where a node would be left to the CPU."""
    library: Optional[str] = None
    """Path of the native library where the user named one."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Options that only this runtime has, as KEY=VALUE."""
    torch_mode: Optional[str] = None
    """torch: eager, script, compile or aotinductor; None: as the file has it."""
    package: Optional[str] = None
    """torch: an AOTInductor package of the same model, which the native loop runs."""
    device: Optional[str] = None
    """torch: "cpu", "cuda" or "cuda:N"; None: the CPU."""
    model_class_path: Optional[str] = None
    model_class_name: Optional[str] = None
    trust_pickle: bool = False
    profile: Optional[str] = None
    """Folder for what the runtime's profiler writes; None: no profiler."""
    probe: bool = True
    """False leaves out the reading of who runs which node, to measure what it costs."""

    def __post_init__(self) -> None:
        """Accept delegates and providers as text or in their JSON form, too."""
        object.__setattr__(self, "delegates", tuple(map(delegate_of, self.delegates)))
        object.__setattr__(self, "providers", tuple(map(provider_of, self.providers)))

    @property
    def xnnpack(self) -> bool:
        """Whether XNNPACK is applied."""
        return any(delegate.name == XNNPACK for delegate in self.delegates)


@dataclass(frozen=True)
class TensorSpec:
    """Name, dtype, fixed shape and quantisation of one input or output."""

    name: str
    dtype: str
    """NumPy name: "float32", "int8", ..."""
    shape: tuple[int, ...]
    scales: tuple[float, ...] = ()
    """real = scale × (stored − zero_point); empty where the tensor is not quantised."""
    zero_points: tuple[int, ...] = ()
    axis: int = 0

    @classmethod
    def of(cls, tensor: _core.Tensor) -> TensorSpec:
        """Describe an engine's tensor."""
        quantization = tensor.quantization
        return cls(
            name=tensor.name,
            dtype=tensor.dtype,
            shape=tuple(tensor.shape),
            scales=tuple(quantization.scales),
            zero_points=tuple(quantization.zero_points),
            axis=quantization.axis,
        )

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> TensorSpec:
        """Read what `as_dict` returns."""
        return cls(
            name=document["name"],
            dtype=document["dtype"],
            shape=tuple(document["shape"]),
            scales=tuple(document.get("scales", ())),
            zero_points=tuple(document.get("zero_points", ())),
            axis=document.get("axis", 0),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        document: dict[str, Any] = {
            "name": self.name,
            "dtype": self.dtype,
            "shape": list(self.shape),
        }
        if self.scales:
            document["scales"] = list(self.scales)
            document["zero_points"] = list(self.zero_points)
            document["axis"] = self.axis
        return document


class Framework(Protocol):
    """A model loaded through the framework's own Python API."""

    @property
    def inputs(self) -> Sequence[TensorSpec]: ...

    @property
    def invoke(self) -> Callable[[], object]:
        """One inference on inputs that are set already, in as few Python steps as the API allows.

        A bound method of the framework itself where one takes no arguments.
        """
        ...

    @property
    def invoke_io(self) -> Callable[[], object]:
        """One inference as an application writes it: inputs set, outputs fetched."""
        ...

    def set_inputs(self, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        ...

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Copy the outputs of the last invocation, in the model's order."""
        ...


class Runtime(Protocol):
    """One inference runtime."""

    name: str
    formats: tuple[str, ...]
    """Model formats it reads, as edgeloop.models.formats names them, or ANY."""
    loops: tuple[str, ...]
    """Those of LOOPS that it has; why one is missing stands in `missing_loops`."""
    missing_loops: Mapping[str, str]
    timed_region: Mapping[str, str]
    """Loop → the calls between two clock reads, in words."""
    settings: tuple[str, ...]
    """Keys it accepts in LoadOptions.settings, or ANY."""
    delegates: tuple[str, ...]
    """Delegates it knows by name; where there are any, others can be named by their path."""
    attaches: bool
    """True where the native loop runs the very instance that the framework's object holds."""
    install_hint: str
    """The command that installs it."""

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the runtime without importing it. Raises NotAvailableError."""
        ...

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import the Python packages that these loops need, and no other."""
        ...

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Load the model for the native loop; `framework` is given where `attaches`."""
        ...

    def load_framework(self, options: LoadOptions) -> Framework:
        """Load the model through the framework's Python API."""
        ...


@dataclass(frozen=True)
class OperatorTime:
    """One operator in one run, as the runtime's own profiler tells it."""

    operator: str
    """Its type, in the words of who ran it."""
    owner: str
    """Who ran it, as the placement has it: a delegate, a provider, "builtin"."""
    duration_ns: float
    name: str = ""
    """The node's own name, where the profiler tells it."""
    start_ns: Optional[float] = None
    """Since the run began; None where the profiler does not tell."""
    inside: bool = False
    """It ran within the nearest one before it that was not inside another."""
    node: Optional[int] = None
    """Number of the node in the model file, where it is known."""
    nodes: tuple[int, ...] = ()
    """Of a partition: the nodes that it replaced."""
    subgraph: int = 0


class OperatorProfiler(Protocol):
    """The runtime's own profiler over a model that was loaded with `LoadOptions.profile`.

    A runtime that has one has the attributes `profiled_loop`, the loop that it watches, and
    `operator_profiler`, which makes it from the loaded engine and framework.
    """

    resolution: str
    """What its times are: who stamps them, how finely, what is lost."""

    def block(self, run_block: Callable[[int], Block], runs: int) -> Block:
        """Record `runs` runs of `run_block`."""
        ...

    def operators(self) -> list[list[OperatorTime]]:
        """Return the operators of every run recorded, and end the recording."""
        ...

    @property
    def most_runs(self) -> Optional[int]:
        """How many runs of this model a block can record; None: any number, or not known yet."""
        ...


def engine_shapes(options: LoadOptions) -> dict[str, list[int]]:
    """Return the shapes as the native engines take them."""
    return {name: list(shape) for name, shape in options.shapes.items()}
