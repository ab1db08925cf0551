"""ONNX to a TensorRT plan, by the tensorrt package or trtexec, on the device that will run it."""

from __future__ import annotations

from importlib.util import find_spec

from edgeloop.conversion import trtexec
from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.tensorrt_settings import BuilderSettings
from edgeloop.errors import NotAvailableError

_PACKAGE = "tensorrt"


def import_packages() -> None:
    """Import the package where it is; else look for trtexec. Raises NotAvailableError."""
    if find_spec(_PACKAGE) is not None:
        from edgeloop.runtimes.tensorrt_package import import_tensorrt

        import_tensorrt()
    elif trtexec.find() is None:
        raise NotAvailableError(
            f"neither the {_PACKAGE} package nor trtexec was found (looked on PATH and in "
            f"{trtexec.JETPACK}); a plan is built on the device that runs it: install TensorRT "
            "there"
        )


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Write a plan for the GPU or DLA of this machine and its version of TensorRT.

    Raises ModelError where TensorRT does not know an operator, with its own words.
    """
    settings = BuilderSettings.read(options.builder)
    if find_spec(_PACKAGE) is None:
        return trtexec.build(source, target, settings, options)
    from edgeloop.conversion.tensorrt_builder import build
    from edgeloop.runtimes.tensorrt_package import import_tensorrt

    return build(import_tensorrt(), source, target, settings, options)
