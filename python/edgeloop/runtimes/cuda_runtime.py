"""The CUDA runtime through ctypes: what a Python program needs to give TensorRT its memory."""

from __future__ import annotations

import ctypes
import weakref
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgeloop.errors import NotAvailableError, RuntimeFailedError

_HOST_TO_DEVICE = 1
_DEVICE_TO_HOST = 2

# The struct of the properties begins with the name, and is smaller than this in every version.
_PROPERTIES_BYTES = 1 << 14
_NAME_BYTES = 256

_Array = np.ndarray[Any, Any]


class CudaRuntime:
    """libcudart, and a device that it can use. Raises NotAvailableError where there is none."""

    def __init__(self, path: Path) -> None:
        try:
            self._library: Any = ctypes.CDLL(str(path))
        except OSError as error:
            raise NotAvailableError(f"the library {path} cannot be loaded: {error}") from error
        for name in ("cudaGetErrorName", "cudaGetErrorString"):
            getattr(self._library, name).restype = ctypes.c_char_p
        count = ctypes.c_int()
        code = self._library.cudaGetDeviceCount(ctypes.byref(count))
        if code != 0 or count.value == 0:
            raise NotAvailableError(
                f"no NVIDIA GPU can be used: {self._words(code)} from {path}; check the driver "
                "with nvidia-smi, and CUDA_VISIBLE_DEVICES"
            )

    def device_name(self, number: int = 0) -> str:
        """Return the name of a device: the first bytes of its properties, in every version."""
        properties = ctypes.create_string_buffer(_PROPERTIES_BYTES)
        ask = getattr(self._library, "cudaGetDeviceProperties_v2", None)
        ask = ask or self._library.cudaGetDeviceProperties
        self.check(ask(properties, number), "asking the GPU for its name")
        return properties.raw[:_NAME_BYTES].split(b"\0")[0].decode("utf-8", "replace")

    def stream(self) -> CudaStream:
        """Make a stream."""
        handle = ctypes.c_void_p()
        self.check(self._library.cudaStreamCreate(ctypes.byref(handle)), "making a stream")
        return CudaStream(self, handle)

    def memory(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> CudaMemory:
        """Allocate pinned memory and memory of the device for one tensor."""
        return CudaMemory(self, shape, dtype)

    def check(self, code: int, what: str) -> None:
        """Raise RuntimeFailedError for an error code."""
        if code != 0:
            self._library.cudaGetLastError()
            raise RuntimeFailedError(f"{what} failed: {self._words(code)}")

    def call(self, name: str) -> Any:
        """Return a function of the library."""
        return getattr(self._library, name)

    def _words(self, code: int) -> str:
        name: bytes = self._library.cudaGetErrorName(code)
        words: bytes = self._library.cudaGetErrorString(code)
        return f"{name.decode()} ({words.decode()})"


class CudaStream:
    """An order in which the device works."""

    def __init__(self, cuda: CudaRuntime, handle: ctypes.c_void_p) -> None:
        assert handle.value is not None
        self.handle = handle.value
        self._cuda = cuda
        self._handle = handle
        self._synchronize = cuda.call("cudaStreamSynchronize")
        weakref.finalize(self, cuda.call("cudaStreamDestroy"), handle)

    def wait(self) -> None:
        """Wait until everything in it is done."""
        code = self._synchronize(self._handle)
        if code != 0:
            self._cuda.check(code, "cudaStreamSynchronize")


class CudaMemory:
    """One tensor twice: `array` in pinned memory of the host, `address` on the device."""

    def __init__(self, cuda: CudaRuntime, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._cuda = cuda
        self._copy = cuda.call("cudaMemcpyAsync")
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        self._bytes = ctypes.c_size_t(size)
        self._host = self._allocated("cudaMallocHost", "cudaFreeHost")
        self._device = self._allocated("cudaMalloc", "cudaFree")
        assert self._device.value is not None
        self.address = self._device.value
        assert self._host.value is not None
        buffer = (ctypes.c_uint8 * max(1, size)).from_address(self._host.value)
        self.array: _Array = np.ndarray(shape, dtype, buffer=memoryview(buffer))
        self.array.fill(0)

    def upload(self, stream: CudaStream) -> None:
        """Copy from the host to the device, in a stream."""
        self._transfer(self._device, self._host, _HOST_TO_DEVICE, stream)

    def download(self, stream: CudaStream) -> None:
        """Copy from the device to the host, in a stream."""
        self._transfer(self._host, self._device, _DEVICE_TO_HOST, stream)

    def _transfer(
        self, to: ctypes.c_void_p, source: ctypes.c_void_p, kind: int, stream: CudaStream
    ) -> None:
        code = self._copy(to, source, self._bytes, kind, ctypes.c_void_p(stream.handle))
        if code != 0:
            self._cuda.check(code, "cudaMemcpyAsync")

    def _allocated(self, allocate: str, free: str) -> ctypes.c_void_p:
        memory = ctypes.c_void_p()
        least = ctypes.c_size_t(max(1, self._bytes.value))
        code = self._cuda.call(allocate)(ctypes.byref(memory), least)
        self._cuda.check(code, f"{allocate} of {self._bytes.value} bytes")
        weakref.finalize(self, partial(self._cuda.call(free), memory))
        return memory
