"""A TensorRT plan by the builder of the tensorrt package, from version 8.2 to 11."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Optional

import numpy as np

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.tensorrt_settings import BuilderSettings
from edgeloop.data.opening import open_data
from edgeloop.errors import CannotWriteError, ModelError, NotAvailableError
from edgeloop.runtimes.cuda_runtime import CudaRuntime
from edgeloop.runtimes.nvidia_libraries import find_cudart
from edgeloop.runtimes.shape import fixed_shapes
from edgeloop.runtimes.tensorrt_package import joined, package_logger
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import TensorSpec

_MOST_BATCHES = 500

_MIB = 1 << 20
_MOST_NAMED = 5  # layers that a note names


def build(
    trt: Any, source: str, target: str, settings: BuilderSettings, options: ConversionOptions
) -> Converted:
    """Parse the ONNX file and write the plan.

    Raises ModelError with TensorRT's words, NotAvailableError for what this version cannot do.
    """
    logger = package_logger(trt)
    builder = trt.Builder(logger)
    network = builder.create_network(_network_flags(trt))
    _parse(trt, network, logger, source)
    config = builder.create_builder_config()
    inputs = _fix_inputs(trt, builder, network, config, options)
    notes = [f"built by TensorRT {trt.__version__}"]
    if settings.workspace_mib is not None:
        _limit_workspace(trt, config, settings.workspace_mib)
    notes += _choose_precision(trt, network, config, settings, inputs)
    notes += _choose_device(trt, builder, network, config, settings)
    cache = _timing_cache(config, settings.timing_cache)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ModelError(f"TensorRT cannot build a plan of {source}: {joined(logger.said)}")
    Path(target).write_bytes(memoryview(plan))
    if cache is not None and settings.timing_cache is not None:
        _replace(settings.timing_cache, bytes(memoryview(cache.serialize())))
        notes.append(f"the timing cache {settings.timing_cache} was written")
    return Converted(
        notes=tuple(notes),
        inputs=tuple(spec.name for spec in inputs),
        outputs=tuple(network.get_output(i).name for i in range(network.num_outputs)),
        precision=settings.precision,
    )


def _network_flags(trt: Any) -> int:
    """Ask for the explicit batch before version 10, where it became the only one."""
    if int(trt.__version__.split(".")[0]) >= 10:
        return 0
    return 1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)


def _parse(trt: Any, network: Any, logger: Any, source: str) -> None:
    parser = trt.OnnxParser(network, logger)
    if parser.parse_from_file(source):
        return
    errors = [str(parser.get_error(index)) for index in range(parser.num_errors)]
    raise ModelError(f"TensorRT cannot read {source}: {joined(errors or logger.said)}")


def _fix_inputs(
    trt: Any, builder: Any, network: Any, config: Any, options: ConversionOptions
) -> list[TensorSpec]:
    """Give open dimensions one size in an optimisation profile; return the inputs as fixed."""
    tensors = [network.get_input(index) for index in range(network.num_inputs)]
    declared: dict[str, Sequence[Optional[int]]] = {
        tensor.name: [None if dim < 0 else int(dim) for dim in tensor.shape] for tensor in tensors
    }
    shapes = fixed_shapes(declared, options.load_options(""))
    if any(None in shape for shape in declared.values()):
        profile = builder.create_optimization_profile()
        for name, shape in shapes.items():
            profile.set_shape(name, shape, shape, shape)
        config.add_optimization_profile(profile)
    return [
        TensorSpec(tensor.name, str(np.dtype(trt.nptype(tensor.dtype))), shapes[tensor.name])
        for tensor in tensors
    ]


def _limit_workspace(trt: Any, config: Any, mib: int) -> None:
    if hasattr(trt, "MemoryPoolType"):  # from 8.4 on
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, mib * _MIB)
    else:
        config.max_workspace_size = mib * _MIB


def _choose_precision(
    trt: Any, network: Any, config: Any, settings: BuilderSettings, inputs: Sequence[TensorSpec]
) -> list[str]:
    if settings.precision == "fp16":
        return _choose_fp16(trt, network, config)
    if settings.precision == "int8":
        return _choose_int8(trt, network, config, settings, inputs)
    return []


def _choose_fp16(trt: Any, network: Any, config: Any) -> list[str]:
    if hasattr(trt.BuilderFlag, "FP16"):
        config.set_flag(trt.BuilderFlag.FP16)
        return ["fp16: the builder may choose float16 for each layer"]
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    half = sum(
        layer.num_outputs > 0 and layer.get_output_type(0) == trt.float16 for layer in layers
    )
    if not half:
        raise NotAvailableError(
            f"TensorRT {trt.__version__} takes the types of the model and this one has no float16: "
            "convert the ONNX model to float16 first"
        )
    return [f"fp16: {half} of {len(layers)} layers are float16 in the model"]


def _choose_int8(
    trt: Any, network: Any, config: Any, settings: BuilderSettings, inputs: Sequence[TensorSpec]
) -> list[str]:
    layers = (network.get_layer(index) for index in range(network.num_layers))
    quantized = sum(layer.type == trt.LayerType.QUANTIZE for layer in layers)
    if hasattr(trt.BuilderFlag, "INT8"):
        config.set_flag(trt.BuilderFlag.INT8)
    if quantized:
        return [f"int8: by the {quantized} quantisation nodes of the model"]
    if settings.calibration is None:
        raise ModelError(
            "int8 needs a model with symmetric Q/DQ nodes (edgeloop quantize), or in TensorRT up "
            "to 10 calibration=FILE.npz"
        )
    if not hasattr(trt, "IInt8EntropyCalibrator2"):
        raise NotAvailableError(
            f"TensorRT {trt.__version__} no longer has a calibrator; quantise the ONNX model to "
            "symmetric Q/DQ first"
        )
    config.int8_calibrator = calibrator(trt, settings.calibration, inputs)
    return [f"int8: ranges by entropy calibration on {settings.calibration}"]


def _choose_device(
    trt: Any, builder: Any, network: Any, config: Any, settings: BuilderSettings
) -> list[str]:
    """Send layers to a DLA core where one is wanted; say which stay on the GPU."""
    if settings.dla_core is None:
        return []
    if settings.dla_core >= builder.num_DLA_cores:
        raise NotAvailableError(
            f"there is no DLA core {settings.dla_core}: this device has {builder.num_DLA_cores}"
        )
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = settings.dla_core
    config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    left = [layer for layer in layers if not config.can_run_on_DLA(layer)]
    note = f"DLA core {settings.dla_core} takes {len(layers) - len(left)} of {len(layers)} layers"
    if left:
        names = ", ".join(f"{item.name} ({item.type})" for item in left[:_MOST_NAMED])
        more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
        note += f"; the GPU runs {names}{more}"
    return [note]


def _timing_cache(config: Any, path: Optional[Path]) -> Any:
    if path is None:
        return None
    try:
        known = path.read_bytes() if path.is_file() else b""
    except OSError as error:
        raise ModelError(f"the timing cache {path} cannot be read: {error.strerror}") from error
    cache = config.create_timing_cache(known)
    config.set_timing_cache(cache, False)  # False: one of another device is refused
    return cache


def _replace(path: Path, content: bytes) -> None:
    """Write a file in one step."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise CannotWriteError(f"the timing cache {path} cannot be written: {error}") from error


def calibrator(trt: Any, data: Path, inputs: Sequence[TensorSpec]) -> Any:
    """Return an IInt8EntropyCalibrator2 that gives the samples of a data set, batch by batch.

    Raises ModelError where the data does not fit the inputs.
    """
    samples = open_data(InputSource(seed=0, data=str(data)), inputs)
    cuda = CudaRuntime(find_cudart())
    stream = cuda.stream()
    memory = {spec.name: cuda.memory(spec.shape, np.dtype(spec.dtype)) for spec in inputs}
    batches = islice(samples.batches(samples.batch_size), _MOST_BATCHES)

    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)

        def get_batch_size(self) -> int:
            return samples.batch_size

        def get_batch(self, names: Sequence[str]) -> Optional[list[int]]:
            batch = next(batches, None)
            if batch is None:
                return None
            for spec, rows in zip(inputs, batch.inputs):
                np.copyto(memory[spec.name].array, rows[0])
                memory[spec.name].upload(stream)
            stream.wait()
            return [memory[name].address for name in names]

        def read_calibration_cache(self) -> Optional[bytes]:
            return None

        def write_calibration_cache(self, cache: bytes) -> None:
            """Keep nothing: the plan holds the ranges."""

    return Calibrator()
