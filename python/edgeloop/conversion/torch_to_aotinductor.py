"""PyTorch to an AOTInductor package: compiled for the processor and the PyTorch of this machine."""

from __future__ import annotations

from edgeloop.conversion.aotinductor_package import compile_package
from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.torch_source import load_source
from edgeloop.host.compilers import require_cxx_compiler
from edgeloop.runtimes.torch_files import LoadedModule


def import_packages() -> None:
    """Look for the C++ compiler before anything takes long, then import PyTorch."""
    require_cxx_compiler("AOTInductor")
    import torch._inductor  # noqa: F401


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Export with all dimensions fixed and compile. Raises ModelError, NotAvailableError."""
    import torch

    model = load_source(options.load_options(source))
    names = model.output_names()
    loaded = LoadedModule(model.module, (), model.keyword_names)
    notes = compile_package(torch, loaded, model.inputs, names, source, target)
    return Converted(
        notes=(*model.notes, *notes, "it is machine code: to load it is to run it"),
        inputs=tuple(spec.name for spec in model.inputs),
        outputs=tuple(names),
        parameters=model.parameters,
    )
