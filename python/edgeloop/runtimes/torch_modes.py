"""The ways in which PyTorch runs one model: eager, TorchScript, torch.compile, AOTInductor."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from edgeloop.errors import ModelError, RuntimeFailedError, one_line
from edgeloop.host.program import require_cxx_compiler

if TYPE_CHECKING:
    from edgeloop.runtimes.torch_files import LoadedModule

EAGER, SCRIPT, COMPILE, AOTINDUCTOR = MODES = ("eager", "script", "compile", "aotinductor")

NO_PACKAGE = (
    "eager PyTorch, TorchScript and torch.compile have no C interface that a native loop could "
    "call; make a package with 'edgeloop convert MODEL --to aotinductor' and name it with "
    "--package, or convert the model to ONNX, to measure it without Python"
)
NO_PACKAGE_MODE = (
    "--torch-mode aotinductor runs a package that was compiled before: make it with 'edgeloop "
    "convert MODEL --to aotinductor' and name it with --package"
)


@dataclass(frozen=True)
class Code:
    """What the framework loops run."""

    module: Any
    words: str
    """For the timed region."""
    keywords: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def code_of(
    torch: Any, loaded: LoadedModule, mode: Optional[str], tensors: Sequence[Any], path: str
) -> Code:
    """Return the code of a mode but AOTINDUCTOR; None is the file's own: as it is.

    `tensors` are examples of the inputs. torch.compile compiles here, so that no loop does.
    Raises ModelError where PyTorch cannot bring the model into that form.
    """
    scripted = isinstance(loaded.module, torch.jit.ScriptModule)
    if mode is None or ((mode == SCRIPT) == scripted and mode != COMPILE):
        words = "the TorchScript module(*inputs)" if scripted else "module(*inputs)"
        return Code(loaded.module, words, loaded.keywords)
    if mode == SCRIPT:
        return Code(
            _traced(torch, loaded, tensors, path),
            "torch.jit.freeze(torch.jit.trace(module))(*inputs)",
        )
    module, what = loaded.module, "module"
    keywords = loaded.keywords
    if scripted:
        module, what = exported(torch, loaded, tensors, path).module(), "torch.export's module"
        keywords = ()
    if mode == EAGER:
        return Code(module, f"{what}(*inputs), from the TorchScript file", keywords)
    form = replace(loaded, module=module, keywords=keywords)
    return _compiled(torch, form, tensors, path, what)


def load_package(torch: Any, path: str) -> Code:
    """Return the code of a compiled package, as PyTorch's own loader calls it."""
    try:
        with quiet():
            package = torch._inductor.aoti_load_package(path)
    except Exception as error:
        raise ModelError(
            f"torch cannot load the AOTInductor package {path}: {one_line(error, 400)}; compile it "
            "again with this PyTorch on this machine"
        ) from error
    return Code(package, "torch._inductor.aoti_load_package(package)(*inputs)")


def exported(torch: Any, loaded: LoadedModule, tensors: Sequence[Any], path: str) -> Any:
    """Return torch.export's program of a module, its inputs positional and their shapes fixed."""
    try:
        with torch.no_grad(), quiet():
            if isinstance(loaded.module, torch.jit.ScriptModule):
                # Its parameters are none to torch.export; frozen, they are constants of the graph.
                loaded = replace(loaded, module=_frozen(torch, loaded.module))
            return torch.export.export(positional(torch, loaded), tuple(tensors), strict=False)
    except Exception as error:  # of many classes, some of them private
        raise ModelError(
            f"torch.export cannot follow the model of {path}: {one_line(error, 400)}"
        ) from error


def _frozen(torch: Any, module: Any) -> Any:
    """Return a TorchScript module with its parameters in its code; nothing is computed ahead."""
    if not hasattr(module, "training"):  # it is frozen already
        return module
    return torch.jit.freeze(module.eval(), optimize_numerics=False)


def positional(torch: Any, loaded: LoadedModule) -> Any:
    """Return a module that takes all inputs by position."""

    class Positional(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.module = loaded.module

        def forward(self, *tensors: Any) -> Any:
            first = len(tensors) - len(loaded.keywords)
            return self.module(*tensors[:first], **dict(zip(loaded.keywords, tensors[first:])))

    wrapper = Positional()
    wrapper.training = False  # eval() would descend, which a program of torch.export refuses
    return wrapper


def _traced(torch: Any, loaded: LoadedModule, tensors: Sequence[Any], path: str) -> Any:
    try:
        with torch.no_grad(), quiet():
            traced = torch.jit.trace(positional(torch, loaded), tuple(tensors))
            return torch.jit.freeze(traced.eval())
    except Exception as error:
        raise ModelError(
            f"torch.jit.trace cannot follow the model of {path}: {one_line(error, 400)}"
        ) from error


def _compiled(
    torch: Any, loaded: LoadedModule, tensors: Sequence[Any], path: str, what: str
) -> Code:
    compiler = require_cxx_compiler("torch.compile")
    compiled = torch.compile(positional(torch, loaded))
    begun_s = time.monotonic()
    try:
        with torch.inference_mode(), quiet():
            compiled(*tensors)
    except Exception as error:
        raise RuntimeFailedError(
            f"torch.compile failed on {path}: {one_line(error, 400)}"
        ) from error
    took_s = time.monotonic() - begun_s
    note = f"torch.compile took {took_s:.3g} s with {Path(compiler).name}, within the load"
    return Code(compiled, f"torch.compile({what})(*inputs)", notes=(note,))


@contextmanager
def quiet() -> Iterator[None]:
    """Let no warning through: they advise whoever writes the model, not who measures it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
