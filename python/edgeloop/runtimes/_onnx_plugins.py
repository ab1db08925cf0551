"""ONNX Runtime's package, and its providers in libraries of their own (since version 1.22)."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeloop.errors import NotAvailableError, UsageError, one_line
from edgeloop.spec.delegates import DelegateSpec
from edgeloop.spec.load import LoadOptions

INSTALL_HINT = "pip install onnxruntime"

_TELEMETRY_VARIABLE = "ORT_DISABLE_TELEMETRY"

_SINCE = "1.22"

# What a library brought; the runtime's environment registers it once.
_registered: dict[str, Sequence[Any]] = {}


def silence_telemetry() -> None:
    """Keep the library from reporting to its vendor, unless the user decided otherwise.

    Since 1.29 the wheels start a thread that uploads what is loaded: it would disturb the timing.
    """
    os.environ.setdefault(_TELEMETRY_VARIABLE, "1")


def import_package() -> Any:
    """Return the onnxruntime package, which reports nothing. Raises NotAvailableError."""
    silence_telemetry()
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise NotAvailableError(
            f"the onnxruntime package cannot be imported in {sys.executable}: {error}; "
            f"install it with '{INSTALL_HINT}'"
        ) from error


def plugins_of(options: LoadOptions) -> list[DelegateSpec]:
    """Return the providers of a load that are libraries.

    Raises NotAvailableError where one is not a file, UsageError where they are mixed with others.
    """
    plugins = [one for one in options.providers if one.path is not None]
    for plugin in plugins:
        if not Path(str(plugin.path)).is_file():
            raise NotAvailableError(f"the provider's library {plugin.path} does not exist")
    others = [one.name for one in options.providers if one.path is None]
    if plugins and others:
        raise UsageError(
            f"a provider from a library ({plugins[0].name}) and one by name ({others[0]}) do not "
            "go together; the CPU's is always added as the last"
        )
    return plugins


def add_plugin(ort: Any, session_options: Any, plugin: DelegateSpec) -> str:
    """Add a provider for its device to a session that is to be made; return its own name.

    Raises NotAvailableError with the runtime's words.
    """
    device = _chosen(plugin, devices_of(ort, str(plugin.path)))
    try:
        session_options.add_provider_for_devices([device], dict(plugin.options))
    except Exception as error:
        raise NotAvailableError(
            f"onnxruntime cannot use the provider {device.ep_name}: {one_line(error)}"
        ) from error
    return str(device.ep_name)


def devices_of(ort: Any, path: str) -> Sequence[Any]:
    """Register a library and return the devices that it brought. Raises NotAvailableError."""
    if path in _registered:
        return _registered[path]
    if not hasattr(ort, "register_execution_provider_library"):
        raise NotAvailableError(
            f"ONNX Runtime {ort.__version__} takes no provider from a library, as {path} is; that "
            f"came with version {_SINCE}"
        )
    before = len(ort.get_ep_devices())
    try:
        ort.register_execution_provider_library(path, path)
    except Exception as error:
        raise NotAvailableError(
            f"onnxruntime cannot use the provider of {path}: {one_line(error)}"
        ) from error
    # New ones are at the end.
    _registered[path] = list(ort.get_ep_devices())[before:]
    return _registered[path]


def _chosen(plugin: DelegateSpec, devices: Sequence[Any]) -> Any:
    """Return the first device, or the one that is wanted: the first of a kind, or by its number."""
    for number, device in enumerate(devices):
        if plugin.device in (None, str(number), _kind(device)):
            return device
    if not devices:
        raise NotAvailableError(
            f"the provider of {plugin.path} found no device on this machine that it can use"
        )
    found = ", ".join(f"{n} ({_kind(device)})" for n, device in enumerate(devices))
    raise NotAvailableError(
        f"the provider of {plugin.path} has no device '{plugin.device}'; it has {found}"
    )


def _kind(device: Any) -> str:
    """Return "cpu", "gpu" or "npu"."""
    return str(device.device.type.name).lower()


def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """List the devices of the provider in the library `path`: the job of `edgeloop doctor`."""
    plugin = DelegateSpec(Path(arguments["path"]).name, arguments["path"])
    plugins_of(LoadOptions(model="", providers=(plugin,)))
    devices = devices_of(import_package(), arguments["path"])
    return {
        "devices": [
            {
                "provider": str(device.ep_name),
                "version": dict(device.ep_metadata).get("version"),
                "device": _kind(device),
                "vendor": str(device.device.vendor),
            }
            for device in devices
        ]
    }
