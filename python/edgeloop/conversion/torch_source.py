"""A PyTorch model as the converters take it: the module, and example inputs of its fixed shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeloop.models.formats import detect_format
from edgeloop.spec.load import LoadOptions, TensorSpec


@dataclass(frozen=True)
class TorchSource:
    """A module that is ready for export."""

    module: Any
    kind: str
    """As models.formats tells PyTorch's files apart."""
    inputs: Sequence[TensorSpec]
    keyword_names: tuple[str, ...]
    """Names of the last inputs, which are passed by keyword."""
    notes: tuple[str, ...]
    parameters: int

    def examples(self) -> list[Any]:
        """Return one tensor per input: seeded noise, contiguous, of canonical strides."""
        import torch

        generator = torch.Generator().manual_seed(0)
        return [_example(torch, spec, generator) for spec in self.inputs]

    def positional(self) -> tuple[Any, ...]:
        """Return the example inputs that are passed by position."""
        return tuple(self.examples()[: len(self.inputs) - len(self.keyword_names)])

    def keywords(self) -> dict[str, Any]:
        """Return the example inputs that are passed by keyword."""
        count = len(self.inputs) - len(self.keyword_names)
        return dict(zip(self.keyword_names, self.examples()[count:]))

    def result(self) -> Any:
        """Run the module once and return what it returns."""
        import torch

        with torch.no_grad():
            return self.module(*self.positional(), **self.keywords())

    def output_ranks(self) -> list[int]:
        """Return the rank of every tensor of the result."""
        import torch

        from edgeloop.runtimes.torch_framework import tensors_of

        return [tensor.ndim for tensor in tensors_of(torch, self.result())]

    def output_names(self) -> list[str]:
        """Name the outputs, as `torch_framework.names_of` does."""
        import torch

        from edgeloop.runtimes.torch_framework import names_of

        return names_of(torch, self.result())


def load_source(options: LoadOptions) -> TorchSource:
    """Load the model and fix its shapes. Raises ModelError, UsageError."""
    from edgeloop.runtimes.torch import input_specs, setting_dtype
    from edgeloop.runtimes.torch_files import load_module
    from edgeloop.runtimes.torch_package import import_torch

    torch = import_torch()
    loaded = load_module(torch, options)
    inputs = input_specs(loaded.inputs, options, setting_dtype(options))
    kind = detect_format(options.model).kind or ""
    count = sum(item.numel() for item in loaded.module.parameters())
    return TorchSource(loaded.module, kind, inputs, loaded.keywords, loaded.notes, count)


def _example(torch: Any, spec: TensorSpec, generator: Any) -> Any:
    dtype = getattr(torch, spec.dtype)
    if dtype.is_floating_point:
        return torch.randn(spec.shape, generator=generator, dtype=dtype)
    # 0 and 1 are valid in every table and mask.
    return torch.randint(0, 2, spec.shape, generator=generator).to(dtype)
