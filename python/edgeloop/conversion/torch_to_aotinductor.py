"""PyTorch to an AOTInductor package: compiled for the processor and the PyTorch of this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.torch_source import load_source
from edgeloop.errors import ModelError, one_line
from edgeloop.host.program import environment_variable, require_cxx_compiler
from edgeloop.models.aotinductor_file import METADATA_KEY, PackageTensor, metadata_of
from edgeloop.runtimes.torch_files import LoadedModule
from edgeloop.runtimes.torch_framework import CPU, tensors_of
from edgeloop.runtimes.torch_modes import exported, quiet
from edgeloop.spec.load import TensorSpec

# Where PyTorch keeps sources and objects while it compiles.
_CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


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


def compile_package(
    torch: Any,
    loaded: LoadedModule,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[str],
    source: str,
    target: str,
) -> tuple[str, ...]:
    """Write `target` (its name ends in .pt2); return what was decided, one sentence each.

    Generated code trusts the strides of its inputs, so the program is exported with those of dense
    tensors. Raises NotAvailableError where there is no C++ compiler, ModelError where PyTorch
    cannot export or compile the model.
    """
    compiler = require_cxx_compiler("AOTInductor")
    examples = [dense_example(torch, spec) for spec in inputs]
    program = exported(torch, loaded, examples, source)
    with torch.no_grad():
        results = list(tensors_of(torch, program.module()(*examples)))
    told = metadata_of(
        torch.__version__,
        [_input(spec, tensor) for spec, tensor in zip(inputs, examples)],
        [_output(name, tensor) for name, tensor in zip(outputs, results)],
    )
    with _private_cache(), quiet():
        try:
            torch._inductor.aoti_compile_and_package(
                program,
                package_path=target,
                inductor_configs={"aot_inductor.metadata": {METADATA_KEY: told}},
            )
        except Exception as error:  # of many classes, some of them private
            said = one_line(error, 400)
            raise ModelError(f"AOTInductor cannot compile the model of {source}: {said}") from error
    return (f"compiled with {compiler} for this processor and PyTorch {torch.__version__}",)


def dense_example(torch: Any, spec: TensorSpec) -> Any:
    """Return a seeded example whose strides are those of a dense tensor, whatever its sizes."""
    generator = torch.Generator().manual_seed(0)
    dtype = getattr(torch, spec.dtype)
    tensor = torch.empty(spec.shape, dtype=dtype, device=CPU)
    if dtype.is_floating_point:
        return tensor.normal_(generator=generator)
    # 0 and 1 are valid in every table and mask.
    return tensor.copy_(torch.randint(0, 2, spec.shape, generator=generator))


def _input(spec: TensorSpec, tensor: Any) -> PackageTensor:
    return PackageTensor(spec.name, spec.dtype, tuple(spec.shape), tuple(tensor.stride()))


def _output(name: str, tensor: Any) -> PackageTensor:
    dtype = str(tensor.dtype).replace("torch.", "", 1)
    return PackageTensor(name, dtype, tuple(tensor.shape))


@contextmanager
def _private_cache() -> Iterator[None]:
    """Have PyTorch compile in a folder of its own that is gone afterwards."""
    private = tempfile.TemporaryDirectory(prefix="edgeloop-inductor-")
    with private as folder, environment_variable(_CACHE_VARIABLE, folder):
        yield
