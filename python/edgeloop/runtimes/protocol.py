"""What a runtime is: where it is found, what it can read, how a model is loaded in it.

One runtime is one file here and, where it has a C API, one file in cpp/engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Protocol

from edgeloop.spec.load import LoadOptions, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgeloop import _core

    Block = tuple[int, npt.NDArray[np.uint64]]
    """Start stamp of a block and the durations of its runs, in ns."""


@dataclass(frozen=True)
class Installation:
    """Where a runtime was found, without importing it."""

    version: str
    library: Optional[str] = None
    """Exact path of the library that the native loop calls; None where there is none."""
    origin: str = ""
    """How it was found, in words: "the ai-edge-litert package", "EDGELOOP_TFLITE_LIBRARY"."""


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
