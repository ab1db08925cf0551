"""External TFLite delegates: where their libraries are, and what they need before they are made."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from edgeloop.errors import NotAvailableError, UsageError, plain
from edgeloop.runtimes._package_library import on_loader_path
from edgeloop.runtimes._tflite_tensors import declared_tensors, traits_of
from edgeloop.runtimes.protocol import ExternalDelegate, Runtime
from edgeloop.spec.delegates import EXTERNAL, GPU, XNNPACK, DelegateSpec
from edgeloop.spec.load import LoadOptions

_LIBRARIES = {
    "armnn": "libarmnnDelegate.so",
    "edgetpu": "libedgetpu.so.1",
    GPU: "libtensorflowlite_gpu_delegate.so",
}
_INSTALL = {
    "armnn": "build it from Arm NN's sources for this distribution, then name it with "
    "--armnn-path PATH or put its folder into LD_LIBRARY_PATH",
    "edgetpu": "install the Edge TPU runtime (package libedgetpu1-std, or libedgetpu1-max), or "
    "name it with --delegate edgetpu=PATH",
    GPU: "build it from TensorFlow's sources for this machine (target "
    "//tensorflow/lite/delegates/gpu:libtensorflowlite_gpu_delegate.so), name it with --delegate "
    "gpu=PATH, or measure with --runtime litert, whose package brings its own",
}
_ARMNN_BACKENDS = "CpuAcc,CpuRef"
_EDGETPU_KEYS = {"device": "device", "performance": "Performance"}


def external_delegates(options: LoadOptions) -> list[ExternalDelegate]:
    """Return the external delegates of a load, in their order, ready to be made.

    Raises NotAvailableError where a library or the Edge TPU itself is missing.
    """
    delegates = described_delegates(options)
    for name, library, _ in delegates:
        if name == "edgetpu":
            _require_edgetpu(library)
    return delegates


def described_delegates(options: LoadOptions) -> list[ExternalDelegate]:
    """Return the external delegates of a load without asking for their devices."""
    return [_described(spec, options) for spec in options.delegates if spec.external]


def names_of(delegates: Sequence[ExternalDelegate]) -> str:
    """Return "the delegate a", or "the delegates a and b"."""
    names = " and ".join(name for name, _, _ in delegates)
    return f"the delegate{'s' if len(delegates) > 1 else ''} {names}"


def _described(spec: DelegateSpec, options: LoadOptions) -> ExternalDelegate:
    library = _library(spec)
    given = dict(spec.options)
    if spec.name == "armnn":
        given.setdefault("backends", _ARMNN_BACKENDS)
        if "CpuAcc" in given["backends"]:
            given.setdefault("number-of-threads", str(options.threads))
    elif spec.name == "edgetpu":
        given = {_EDGETPU_KEYS.get(key.lower(), key): value for key, value in given.items()}
    return spec.name, library, tuple(given.items())


def _library(spec: DelegateSpec) -> str:
    if spec.path is None:
        return _found(spec.name)
    path = Path(spec.path)
    if path.is_dir() and spec.name in _LIBRARIES:
        path = path / _LIBRARIES[spec.name]
    if "/" not in str(path) and not path.is_file():
        places = [place for place in on_loader_path(str(path)) if place.is_file()]
        if not places:
            raise NotAvailableError(
                f"the delegate's library {path} was found neither in this folder nor on the "
                "loader's path; give its full path"
            )
        path = places[0]
    if not path.is_file():
        raise NotAvailableError(f"the delegate's library {path} does not exist")
    return str(path)


def _found(name: str) -> str:
    if name not in _LIBRARIES:
        raise UsageError(f"the delegate {name} needs the path of its library")
    library = _LIBRARIES[name]
    for path in on_loader_path(library):
        if path.is_file():
            return str(path)
    raise NotAvailableError(
        f"the delegate {name} needs {library}, which is neither in LD_LIBRARY_PATH nor in the "
        f"loader's cache; {_INSTALL[name]}"
    )


def _require_edgetpu(path: str) -> None:
    """Ask for devices first: without one the delegate fails and says nothing."""
    try:
        library = ctypes.CDLL(path)
        listing, free = library.edgetpu_list_devices, library.edgetpu_free_devices
    except (OSError, AttributeError):
        return  # making the delegate tells what is wrong with the library
    listing.restype = ctypes.c_void_p
    free.argtypes = [ctypes.c_void_p]
    count = ctypes.c_size_t()
    devices = listing(ctypes.byref(count))
    if devices:
        free(devices)
    if count.value == 0:
        raise NotAvailableError(no_edgetpu(path))


def no_edgetpu(library: str) -> str:
    """Return what to check where the Edge TPU's runtime lists no device."""
    return (
        "no Edge TPU found: check that it is plugged into a USB 3 port (or seated, for PCIe: "
        "/dev/apex_0), that the udev rule of libedgetpu1 lets this user open it (replug it "
        "after installing; try once as root), and that the library is the variant for this "
        f"machine ({library})"
    )


class TfliteDelegates(Runtime):
    """What the runtimes share that apply TFLite's delegates."""

    delegates: tuple[str, ...] = (XNNPACK, *EXTERNAL)
    by_signature = False
    """Whether the first signature is run, and not the first graph."""

    def state_of(self, options: LoadOptions) -> Optional[str]:
        """Name the variables of a model."""
        return traits_of(options.model).state

    def choice_of(self, model: str) -> Optional[str]:
        """Name the signatures where there are several."""
        signatures = traits_of(model).signatures
        if len(signatures) < 2:
            return None
        names = ", ".join(f"'{plain(name)}'" for name, _ in signatures)
        ran = next((name for name, graph in signatures if self.by_signature or graph == 0), None)
        what = "its first graph, which is none of them" if ran is None else f"'{plain(ran)}'"
        return (
            f"signature {what}: the file has {len(signatures)} ({names}), and only this one is "
            "run; write a file with another alone to measure that"
        )

    def declared_shapes(self, model: str) -> Mapping[str, Sequence[Optional[int]]]:
        """Read them from the file."""
        inputs, _ = declared_tensors(model)
        return {tensor.name: tensor.shape for tensor in inputs}

    def accelerators(self, options: LoadOptions) -> Sequence[DelegateSpec]:
        """Return the delegates."""
        return options.delegates

    def owns(self, delegate: DelegateSpec, owner: str) -> bool:
        """XNNPACK is known by the name of its kernel."""
        return delegate.name == XNNPACK and "XNNPack" in owner

    def delegate_libraries(self, options: LoadOptions) -> Sequence[ExternalDelegate]:
        """Return the external delegates of a load."""
        return described_delegates(options)
