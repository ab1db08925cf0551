"""ONNX Runtime's execution providers: their full names, and what a session gets of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from edgeloop.errors import CheckFailedError, EdgeloopError, NotAvailableError
from edgeloop.runtimes._onnx_plugins import plugins_of
from edgeloop.spec.delegates import DelegateSpec
from edgeloop.spec.load import LoadOptions

# The key is in the session's options from 1.24 on; older versions do not read it.
RECORD_PLACEMENT = "session.record_ep_graph_assignment_info"

CPU = "CPUExecutionProvider"
_SUFFIX = "ExecutionProvider"
# As the library spells them, so that a native-only worker need not ask the package.
_SPELLED = (
    *("CPU", "Xnnpack", "ACL", "ArmNN", "CUDA", "Tensorrt", "NvTensorRTRTX", "OpenVINO", "QNN"),
    *("ROCM", "MIGraphX", "Dnnl", "VitisAI", "CoreML", "Nnapi", "Rknpu", "Snpe", "Cann", "Azure"),
    *("WebGpu", "Dml", "Tvm", "Vsinpu", "JS"),
)
# Those that compute on a GPU: the host queues the work, and a run ends with the wait for it.
DEVICE_PROVIDERS = tuple(
    f"{name}{_SUFFIX}" for name in ("CUDA", "Tensorrt", "NvTensorRTRTX", "ROCM", "MIGraphX")
)
# Of them, those whose device is one of CUDA's, numbered as their option device_id does.
_CUDA_PROVIDERS = DEVICE_PROVIDERS[:3]
# Those whose peak is that of the board's GPU, and those that compute on the CPUs.
GPU_PROVIDERS = DEVICE_PROVIDERS[:2]
HOST_PROVIDERS = (CPU, "XnnpackExecutionProvider", "ACLExecutionProvider")
_FORBIDDEN = "fallback to CPU EP has been explicitly disabled"


def full_name(name: str) -> str:
    """Return the provider's name as the library spells it: xnnpack is XnnpackExecutionProvider."""
    bare = name[: -len(_SUFFIX)] if name.lower().endswith(_SUFFIX.lower()) else name
    spelled = {known.lower(): known for known in _SPELLED}
    return spelled.get(bare.lower(), bare) + _SUFFIX


def shown_name(provider: DelegateSpec) -> str:
    """Return the full name of a provider, the file's name of one in a library of its own."""
    return full_name(provider.name) if provider.path is None else provider.name


def engine_providers(options: LoadOptions) -> list[tuple[str, str, Sequence[tuple[str, str]]]]:
    """Return the providers as the native core takes them: the option "" names a device."""
    plugins_of(options)
    return [
        (
            shown_name(provider),
            provider.path or "",
            (
                *((("", provider.device),) if provider.device is not None else ()),
                *provider.options.items(),
            ),
        )
        for provider in options.providers
    ]


def package_providers(ort: Any, options: LoadOptions) -> list[Any]:
    """Return the `providers` of an InferenceSession, the CPU's last unless it is forbidden.

    Raises NotAvailableError with those that the package lists where it lacks one.
    """
    available = list(ort.get_available_providers())
    named = [provider for provider in options.providers if provider.path is None]
    chosen = [_known(provider, available) for provider in named]
    if options.cpu_fallback and CPU not in [name for name, _ in chosen]:
        chosen.append((CPU, {}))
    return list(chosen)


def require_providers(session: Any, options: LoadOptions, plugins: Mapping[str, str]) -> None:
    """Raise NotAvailableError where the package dropped a provider that it could not start.

    It falls back to the CPU with nothing but a line of output. `plugins` are as `placement_of`
    takes them.
    """
    active = [plugins.get(name, name) for name in session.get_providers()]
    for provider in options.providers:
        name = shown_name(provider)
        if name not in active:
            given = ", ".join(f"{key}={value}" for key, value in provider.options.items())
            raise NotAvailableError(
                f"onnxruntime could not start the provider {name} with {given or 'no options'}, "
                f"and would run on {', '.join(active)} instead"
            )


def provider_device(options: LoadOptions) -> Optional[str]:
    """Return the model of the GPU that the first CUDA provider uses; None where it is not known."""
    names = [full_name(provider.name) for provider in options.providers]
    first = next((i for i, name in enumerate(names) if name in _CUDA_PROVIDERS), None)
    if first is None:
        return None
    from edgeloop.runtimes.cuda_runtime import CudaRuntime
    from edgeloop.runtimes.nvidia_libraries import find_cudart

    number = int(options.providers[first].options.get("device_id", 0))
    try:
        return CudaRuntime(find_cudart()).device_name(number)
    except EdgeloopError:  # the session is there: a name is not worth its end
        return None


def _known(provider: DelegateSpec, available: Sequence[str]) -> tuple[str, dict[str, str]]:
    name = full_name(provider.name)
    if name not in available:
        raise NotAvailableError(
            f"the onnxruntime package has no provider '{name}'; it has {', '.join(available)}"
        )
    return name, dict(provider.options)


def refusal(options: LoadOptions, error: EdgeloopError) -> EdgeloopError:
    """Return what a session's refusal means where the CPU was forbidden to take nodes."""
    if options.cpu_fallback or _FORBIDDEN not in str(error):
        return error
    names = " and ".join(map(shown_name, options.providers))
    return CheckFailedError(
        f"--require-delegate 1: {names} does not take every node of {options.model}: "
        "onnxruntime would leave some to its CPU provider"
    )


@dataclass
class Placement:
    """Nodes that one provider runs: the same fields as the native core's Partition."""

    owner: str
    nodes: int
    operators: list[str]
    subgraph: int = 0
    indexes: Sequence[int] = ()

    delegate: str = ""
    """The provider as it was asked for: its full name, or the file's name of its library."""


def placement_of(session: Any, plugins: Mapping[str, str]) -> Optional[list[Placement]]:
    """Return the parts in the session's order; single nodes that follow each other are one.

    `plugins`: what a provider from a library calls itself → the file's name.
    """
    ask = getattr(session, "get_provider_graph_assignment_info", None)
    if ask is None:
        return None
    parts: list[Placement] = []
    for part in ask():
        operators = [node.op_type for node in part.get_nodes()]
        single = len(operators) == 1
        if single and parts and parts[-1].owner == part.ep_name:
            parts[-1].operators += operators
            parts[-1].nodes += 1
        else:
            asked = plugins.get(part.ep_name, part.ep_name)
            parts.append(Placement(part.ep_name, len(operators), operators, delegate=asked))
    return parts
