"""What edgeloop uses of the tensorrt package, over the plans and the device of the fakes.

EDGELOOP_FAKE_TENSORRT_OLD=1 makes it a package before 8.5, which knows tensors by number only;
EDGELOOP_FAKE_TENSORRT_VERSION is the version of its builder, where that is another one.
"""

from __future__ import annotations

import ctypes
import os
from enum import Enum

import numpy as np

from tensorrt._builder import (  # noqa: F401
    Builder,
    DeviceType,
    LayerType,
    NetworkDefinitionCreationFlag,
    OnnxParser,
)

__version__ = os.environ.get("EDGELOOP_FAKE_TENSORRT_VERSION", "10.3.0")

_MAJOR = int(__version__.split(".")[0])
if _MAJOR >= 10:
    from tensorrt._builder import MemoryPoolType  # noqa: F401
if _MAJOR >= 11:
    from tensorrt._builder import NewBuilderFlag as BuilderFlag
else:
    from tensorrt._builder import BuilderFlag, IInt8EntropyCalibrator2  # noqa: F401

float16 = "float16"

_DEVICE_TO_DEVICE = 3
_OLD = os.environ.get("EDGELOOP_FAKE_TENSORRT_OLD") == "1"
_WORK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class TensorIOMode(Enum):
    INPUT = 1
    OUTPUT = 2


class ILogger:
    class Severity(Enum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2
        INFO = 3


class Runtime:
    def __init__(self, logger):
        self._logger = logger

    def deserialize_cuda_engine(self, plan):
        lines = [line.split() for line in plan[28:].decode("utf-8", "replace").splitlines()]
        if plan[24:27] != bytes((10, 3, 0)) or ["end"] not in lines:
            self._logger.log(ILogger.Severity.ERROR, "the plan is damaged or from another version")
            return None
        self._logger.log(ILogger.Severity.WARNING, "the fake's warning")
        return _Engine(lines, self._logger)


def nptype(name):
    return np.dtype(name).type


class _Engine:
    num_optimization_profiles = 1

    def __init__(self, lines, logger):
        self._logger = logger
        self._tensors = {line[1]: line for line in lines if line[0] in ("input", "output")}
        self._takes_us = next((int(line[1]) for line in lines if line[0] == "takes"), 0)
        if _OLD:
            self.num_bindings = len(self._tensors)
        else:
            self.num_io_tensors = len(self._tensors)

    def name(self, index):
        return list(self._tensors)[index]

    def shape(self, name):
        return tuple(max(-1, int(dim)) for dim in self._tensors[name][3].split("x"))

    def get_tensor_mode(self, name):
        return TensorIOMode.INPUT if self._tensors[name][0] == "input" else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name):
        return self._tensors[name][2]

    def create_execution_context(self):
        return _Context(self, self._logger, self._takes_us)

    get_tensor_name = get_binding_name = name
    get_tensor_shape = shape

    def get_binding_shape(self, index):
        return self.shape(self.name(index))

    def get_binding_dtype(self, index):
        return self.get_tensor_dtype(self.name(index))

    def binding_is_input(self, index):
        return self.get_tensor_mode(self.name(index)) is TensorIOMode.INPUT


class _Context:
    def __init__(self, engine, logger, takes_us):
        self._cuda = ctypes.CDLL(os.environ["EDGELOOP_FAKE_CUDART"])
        sleep = ctypes.CDLL(None).usleep
        self._engine, self._logger = engine, logger
        self._work = _WORK(lambda _: sleep(takes_us) and None)
        self._shapes = {name: engine.shape(name) for name in engine._tensors}
        self._memory = {}

    def set_input_shape(self, name, shape):
        _, _, _, _, *limits = self._engine._tensors[name]
        sides = [tuple(map(int, text.split("x"))) for text in limits] or [self._shapes[name]] * 2
        fits = len(shape) == len(self._shapes[name]) and all(
            low <= dim <= high for low, dim, high in zip(sides[0], shape, sides[1])
        )
        if not fits:
            self._logger.log(ILogger.Severity.ERROR, "the dimensions are outside of the profile")
            return False
        self._shapes[name] = shape
        return True

    def set_binding_shape(self, index, shape):
        return self.set_input_shape(self._engine.name(index), shape)

    def get_tensor_shape(self, name):
        declared = [int(dim) for dim in self._engine._tensors[name][3].split("x")]
        first = self._shapes[self._engine.name(0)]
        if self._engine.get_tensor_mode(name) is TensorIOMode.INPUT:
            return self._shapes[name]
        return tuple(first[i] if dim == -1 else max(dim, -1) for i, dim in enumerate(declared))

    def get_binding_shape(self, index):
        return self.get_tensor_shape(self._engine.name(index))

    def set_tensor_address(self, name, address):
        self._memory[name] = address

    def execute_async_v3(self, stream):
        names = list(self._engine._tensors)
        inputs = [n for n in names if self._engine.get_tensor_mode(n) is TensorIOMode.INPUT]
        outputs = [n for n in names if n not in inputs]
        for position, name in enumerate(outputs):
            source = inputs[min(position, len(inputs) - 1)]
            self._cuda.cudaMemcpyAsync(
                ctypes.c_void_p(self._memory[name]), ctypes.c_void_p(self._memory[source]),
                ctypes.c_size_t(min(self._bytes(name), self._bytes(source))), _DEVICE_TO_DEVICE,
                ctypes.c_void_p(stream),
            )  # fmt: skip
        return self._cuda.cudaLaunchHostFunc(ctypes.c_void_p(stream), self._work, None) == 0

    def execute_async_v2(self, bindings, stream_handle):
        self._memory = dict(zip(self._engine._tensors, bindings))
        return self.execute_async_v3(stream_handle)

    def _bytes(self, name):
        size = np.dtype(self._engine.get_tensor_dtype(name)).itemsize
        return int(np.prod(self.get_tensor_shape(name))) * size
