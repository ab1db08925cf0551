"""What a runtime is: where it is found, what it can read, how a model is loaded in it.

One runtime is one file here and, where it has a C API, one file in cpp/engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional, Protocol

from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.spec.delegates import GPU, XNNPACK, DelegateSpec
from edgeloop.spec.load import ANY, LoadOptions, TensorSpec

# Name, exact path of the library, options: as the native core takes them.
ExternalDelegate = tuple[str, str, Sequence[tuple[str, str]]]

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgeloop import _core

    Block = tuple[int, npt.NDArray[np.uint64]]
    """Start stamp of a block and the durations of its runs, in ns."""


_PRECISIONS = {"f32": "fp32", "f16": "fp16"}
_FLOATS = ("fp32", "fp16")


@dataclass(frozen=True)
class Installation:
    """Where a runtime was found, without importing it."""

    version: str
    library: Optional[str] = None
    """Exact path of the library that the native loop calls; None where there is none."""
    origin: str = ""
    """How it was found, in words: "the ai-edge-litert package", "EDGELOOP_TFLITE_LIBRARY"."""


class Framework:
    """A model loaded through the framework's own Python API; a runtime's own derives from it."""

    inputs: Sequence[TensorSpec]
    invoke: Callable[[], object]
    """One inference on inputs that are set already, in as few Python steps as the API allows.

    A bound method of the framework itself where one takes no arguments.
    """
    invoke_io: Callable[[], object]
    """One inference as an application writes it: inputs set, outputs fetched."""
    timed_region: Mapping[str, str] = {}
    """Loop → its calls, where they depend on how the model was loaded; else the runtime's hold."""
    device: Optional[str] = None
    """Model of the accelerator that runs the model, where it is known."""
    executed_precision: Optional[str] = None
    """What the kernels compute in, in the framework's own words ("f32"); None: not reported."""
    output_specs: Optional[Sequence[TensorSpec]] = None
    """Names and quantisation of the outputs, where the framework reports them."""

    def set_inputs(self, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        raise NotImplementedError

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Copy the outputs of the last invocation, in the model's order."""
        raise NotImplementedError

    def placement(self) -> Optional[Sequence[Part]]:
        """Return who runs which node; None where the framework does not report it."""
        return None


class Part(Protocol):
    """Nodes that one owner runs, as a `_core.Partition` has them."""

    @property
    def owner(self) -> str: ...
    @property
    def delegate(self) -> str: ...
    @property
    def nodes(self) -> int: ...
    @property
    def subgraph(self) -> int: ...
    @property
    def indexes(self) -> Sequence[int]: ...
    @property
    def operators(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Verifier:
    """What a runtime needs to run a converted model beside its source."""

    packages: tuple[str, ...]
    environment: Optional[str]
    """The managed environment that has them; None: none has."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What makes it compute in the precision that a file stores."""


class Runtime:
    """One inference runtime: its facts, and how it loads a model.

    A runtime derives from this class and states the facts without a value here; every other fact
    and method has a default that holds where a runtime does not say otherwise. Nothing outside
    `edgeloop.runtimes` asks for a runtime's name.
    """

    name: str
    formats: Mapping[str, Optional[int]]
    """Model format, as edgeloop.models.formats names it, or ANY → its place among the runtimes
    that are sought where none was named, the least first; None: read only where it is named."""
    loops: tuple[str, ...]
    """Those of LOOPS that it has; why one is missing stands in `missing_loops`."""
    timed_region: Mapping[str, str]
    """Loop → the calls between two clock reads, in words."""
    install_hint: str
    """The command that installs it."""
    environments: tuple[str, ...] = ()
    """The managed environments that have it, the best first; none: the one of its name."""

    missing_loops: Mapping[str, str] = {}
    settings: tuple[str, ...] = ()
    """Keys it accepts in LoadOptions.settings, or ANY."""
    delegates: tuple[str, ...] = ()
    """Delegates it knows by name; where there are any, others can be named by their path."""
    xnnpack_first: bool = False
    """XNNPACK claims nodes before any other delegate, so that the two do not go together."""
    has_providers: bool = False
    """It has execution providers: see LoadOptions.providers."""
    has_modes: bool = False
    """A model can run in several forms: see LoadOptions.torch_mode."""
    takes_device: bool = False
    """It runs on the device that --device names."""
    attaches: bool = False
    """True where the native loop runs the very instance that the framework's object holds."""
    named_by_path: bool = False
    """It is there only once the path of its library was named."""
    uses_threads: bool = True
    """False where it does no work that threads could share."""
    idle_settings: Mapping[str, str] = {}
    """What keeps the threads of an idle instance at rest, while another one is measured."""
    idle_note: str = ""
    """What that means for the figures, in a sentence."""
    rest_runs_on: str = "the runtime itself"
    """What runs the nodes that no delegate took."""
    rest_owners: tuple[str, ...] = ("builtin",)
    """How the placement calls that."""
    why_no_placement: str = "this runtime offers no way to tell which node ran where"
    profiled_loop: Optional[str] = None
    """The loop that its profiler watches; None: it has none, for the reason `missing_profiler`."""
    missing_profiler: str = "it times whole runs only"
    verifies: Mapping[str, Verifier] = {}
    """Model format → what is needed to judge a conversion to or from it in this runtime."""

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the runtime without importing it. Raises NotAvailableError."""
        raise NotImplementedError

    def refuses(self, model: str) -> Optional[str]:
        """Say why it does not run a model of a format that it reads, by its file; None: it does."""
        del model
        return None

    def state_of(self, options: LoadOptions) -> Optional[str]:
        """Say what of a model outlives a run and decides the next one; None: nothing does."""
        del options
        return None

    def require_trust(self, options: LoadOptions) -> None:
        """Raise ModelError where a load runs machine code that nobody vouched for."""

    def choice_of(self, model: str) -> Optional[str]:
        """Say which of several functions of a file is run; None where it has but one."""
        del model
        return None

    def declared_shapes(self, model: str) -> Mapping[str, Sequence[Optional[int]]]:
        """Return the dimensions of each input, None for an open one; nothing where it cannot."""
        del model
        return {}

    def require_device_form(self, device: str) -> None:
        """Raise UsageError where --device names something that cannot be a device of it."""

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import the Python packages that these loops need, and no other."""

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Load the model for the native loop; `framework` is given where `attaches`."""
        del options, framework
        raise self._lacks("native")

    def load_framework(self, options: LoadOptions) -> Framework:
        """Load the model through the framework's Python API."""
        del options
        raise self._lacks("framework")

    def _lacks(self, loop: str) -> UsageError:
        return UsageError(f"{self.name} has no {loop} loop: {self.missing_loops.get(loop)}")

    def operator_profiler(
        self, engine: Optional[_core.Engine], framework: Optional[Framework]
    ) -> OperatorProfiler:
        """Return the profiler over a model that was loaded with `LoadOptions.profile`."""
        del engine, framework
        raise NotAvailableError(f"{self.name} has no profiler: {self.missing_profiler}")

    def reads(self, model_format: str) -> bool:
        """Say whether it reads a format, or may do so."""
        return model_format in self.formats or ANY in self.formats

    def engine_of(self, package: Optional[str]) -> Runtime:
        """Return the runtime whose engine the native loops run, with LoadOptions.package."""
        del package
        return self

    def accelerators(self, options: LoadOptions) -> Sequence[DelegateSpec]:
        """Return the delegates or providers whose share of the nodes its placement shows."""
        del options
        return ()

    def owns(self, delegate: DelegateSpec, owner: str) -> bool:
        """Say whether an owner in the placement is a delegate that the runtime brought itself."""
        del delegate, owner
        return False

    def delegate_libraries(self, options: LoadOptions) -> Sequence[ExternalDelegate]:
        """Return name, library and options of each delegate that comes in a library of its own."""
        del options
        return ()

    def runs_foreign_code(self, options: LoadOptions) -> bool:
        """Say whether a library that the user brought does the work, a delegate's or its own."""
        return any(one.external for one in options.delegates)

    def device(self, options: LoadOptions) -> Optional[str]:
        """Return the model of the accelerator that a load uses, where only its options say."""
        del options
        return None

    def computes_on(self, options: LoadOptions) -> str:
        """Return "cpu", "gpu" or "edgetpu", else the name of what computes where nobody knows."""
        others = [one.name for one in options.delegates if one.name != XNNPACK]
        if not self.delegates or not others:
            return "cpu"
        return next((kind for kind in (GPU, "edgetpu") if kind in others), others[0])

    def clock_waits(self, options: LoadOptions) -> str:
        """Say when a run returns, where another device computes; goes behind the timed region."""
        del options
        return ""

    def executed_precision(
        self, options: LoadOptions, stored: Optional[str], reported: Optional[str]
    ) -> tuple[Optional[str], str]:
        """Return what the kernels compute in ("fp32"), and how that is known; None, and why not.

        `stored`: the precision of the model file; `reported`: the loaded model's own words.
        """
        if reported and stored in _FLOATS:
            return _PRECISIONS.get(reported, reported), "reported by the runtime"
        if reported:  # a hint for what is not quantised
            return None, f"the runtime reports {reported}, which says nothing of integer operators"
        asked = set(options.settings) - set(self.idle_settings)
        tuned = any(one.options for one in options.delegates)
        if asked or tuned or self.runs_foreign_code(options):
            return None, "the runtime does not report it, and its options may change it"
        # Kernels for fp16 and integers may be missing, and compute in fp32 instead.
        if stored != "fp32" or self.computes_on(options) != "cpu":
            return None, "the runtime does not report it"
        return stored, "derived: the model stores fp32, and no option changes it on a CPU"

    def provider_document(self, options: LoadOptions) -> dict[str, Any]:
        """Return the `provider` of a result, and the options of the providers."""
        del options
        return {"provider": None, "provider_reason": "this runtime has no execution providers"}


@dataclass(frozen=True)
class OperatorTime:
    """One operator in one run, as the runtime's own profiler reports it."""

    operator: str
    """Its type, in the words of who ran it."""
    owner: str
    """Who ran it, as the placement has it: a delegate, a provider, "builtin"."""
    duration_ns: float
    name: str = ""
    """The node's own name, where the profiler reports it."""
    start_ns: Optional[float] = None
    """Since the run began; None where the profiler does not report it."""
    inside: bool = False
    """It ran within the nearest one before it that was not inside another."""
    node: Optional[int] = None
    """Number of the node in the model file, where it is known."""
    nodes: tuple[int, ...] = ()
    """Of a partition: the nodes that it replaced."""
    subgraph: int = 0


class OperatorProfiler(Protocol):
    """The runtime's own profiler over a model that was loaded with `LoadOptions.profile`."""

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
