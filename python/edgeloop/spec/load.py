"""What loading a model depends on, and what its tensors are: the words that all runtimes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

from edgeloop.spec.delegates import XNNPACK, DelegateSpec, delegate_of, provider_of

if TYPE_CHECKING:
    from edgeloop import _core

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
    """As the runtime calls it ("cuda:1", "GPU"); None: the CPU."""
    model_class_path: Optional[str] = None
    model_class_name: Optional[str] = None
    trust_pickle: bool = False
    keep_state: bool = False
    """Let a sample find what the samples before it left in the model's variables."""
    feedback: Mapping[str, str] = field(default_factory=dict)
    """Output of a sample → input of the next sample of a data set; of the first one it is zero."""
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
