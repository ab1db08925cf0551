"""An edge: one converter, from one format to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Optional, Protocol

from edgeloop.errors import UsageError
from edgeloop.spec.load import LoadOptions

X86_64 = "x86_64"
AARCH64 = "aarch64"
EVERY_MACHINE = (X86_64, AARCH64)

LAYOUTS = ("keep", "nhwc")

# Settings of a builder that name files.
_PATHS = ("timing-cache", "calibration")


@dataclass(frozen=True)
class Edge:
    """One converter, as the planner sees it: nothing of it is imported."""

    name: str
    """Also its module: "torch-to-onnx" is edgeloop/conversion/torch_to_onnx.py."""
    source: str
    target: str
    tool: str
    """The package that converts, in words."""
    packages: tuple[str, ...]
    """Modules that the interpreter must have."""
    environment: Optional[str] = None
    """The managed environment that has them; None: there is none, `install_hint` says why."""
    machines: tuple[str, ...] = EVERY_MACHINE
    """Where the packages have wheels."""
    source_kinds: Optional[tuple[str, ...]] = None
    """The kinds of the source's format that it reads; None: all."""
    changes_layout: bool = False
    """It can move the channels of an input to the end (--layout nhwc)."""
    programs: tuple[str, ...] = ()
    """Names or paths of programs of which one does as well as the packages; where no
    packages are named, one of them must be there."""
    builder: tuple[str, ...] = ()
    """Keys of ConversionOptions.builder that it takes."""
    install_hint: str = ""
    """What to do where there is no managed environment with the packages."""

    @property
    def module(self) -> str:
        """The module that converts."""
        return f"edgeloop.conversion.{self.name.replace('-', '_')}"


@dataclass(frozen=True)
class ConversionOptions:
    """What the user may say of a conversion; an edge takes what concerns it."""

    opset: Optional[int] = None
    """ONNX: the opset to write; None: the edge's own."""
    layout: str = "keep"
    """One of LAYOUTS: the inputs as the source has them, or with the channels at the end."""
    batch_size: int = 0
    """First dimension of every input; 0: as the source has it, 1 where it leaves it open."""
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Input name → the shape it is fixed to; the name "" stands for the only input."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the source's runtime: {"input-dtype": "int64"} for PyTorch."""
    builder: Mapping[str, str] = field(default_factory=dict)
    """Of the tool that builds the target: {"precision": "fp16"} for TensorRT."""
    model_class_path: Optional[str] = None
    model_class_name: Optional[str] = None
    trust_pickle: bool = False
    input_names: Sequence[str] = ()
    """Names of the inputs in the order to keep, where the source's format loses the order."""
    output_names: Sequence[str] = ()
    """The same of the outputs."""

    def __post_init__(self) -> None:
        """Check the layout; make paths absolute, for a worker elsewhere."""
        if self.layout not in LAYOUTS:
            raise UsageError(
                f"unknown value '{self.layout}' for --layout; known: {', '.join(LAYOUTS)}"
            )
        if self.model_class_path is not None:
            absolute = str(Path(self.model_class_path).absolute())
            object.__setattr__(self, "model_class_path", absolute)
        paths = {
            key: str(Path(self.builder[key]).absolute()) for key in self.builder if key in _PATHS
        }
        object.__setattr__(self, "builder", {**self.builder, **paths})

    def load_options(self, model: str) -> LoadOptions:
        """Return how a runtime loads the source."""
        return LoadOptions(
            model=model,
            batch_size=self.batch_size,
            shapes=self.shapes,
            settings=self.settings,
            model_class_path=self.model_class_path,
            model_class_name=self.model_class_name,
            trust_pickle=self.trust_pickle,
        )

    def after(self, converted: Mapping[str, Any]) -> ConversionOptions:
        """Return the options of the next edge, after what the answer of one says.

        Shapes are fixed and classes known by then; names and their order travel on.
        """
        return replace(
            self,
            batch_size=0,
            shapes={},
            settings={},
            model_class_path=None,
            model_class_name=None,
            input_names=converted["inputs"] or self.input_names,
            output_names=converted["outputs"] or self.output_names,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON-able form that a worker is given."""
        return asdict(self)


@dataclass(frozen=True)
class Converted:
    """What an edge says of the file that it wrote."""

    notes: tuple[str, ...] = ()
    """What was decided on the way, one sentence each."""
    transposed_inputs: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Input of the result → the axes that make it of the source's: result = source.transpose(…)."""
    transposed_outputs: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """The same for outputs."""
    inputs: tuple[str, ...] = ()
    """Names of the result's inputs, in the order of the source's; empty: the edge cannot tell."""
    outputs: tuple[str, ...] = ()
    """The same of the outputs."""
    precision: Optional[str] = None
    """Where the result's file does not tell."""
    parameters: Optional[int] = None
    """How many numbers the source computes with, where its file alone does not tell."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON-able form that a worker answers."""
        return asdict(self)


class EdgeModule(Protocol):
    """What the module of an edge offers."""

    def import_packages(self) -> None:
        """Import what the converter needs; timed apart from the conversion."""
        ...

    def convert(self, source: str, target: str, options: ConversionOptions) -> Converted:
        """Write `target`, a path that does not exist yet, from `source`.

        The working directory is an empty scratch folder. Raises ModelError where the converter
        does not know an operator, with its own words.
        """
        ...
