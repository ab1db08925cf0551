"""The example inputs that torch.jit.trace leaves in a file: their shapes and dtypes.

torch.jit.load does not give them back. They are a pickle, which is read here with nothing to call
but the stand-ins below.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from edgeloop.models.zip_members import opened_zip

_MEMBER = "traced_inputs.pkl"
_MAX_BYTES = 1 << 20  # some hundred bytes an input

_STORAGES = {
    "BoolStorage": "bool",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "ShortStorage": "int16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
}


@dataclass(frozen=True)
class TracedInput:
    """One tensor of the trace; `dtype` is None for those that no NumPy array holds."""

    shape: tuple[int, ...]
    dtype: Optional[str]


def traced_inputs(path: Path) -> Optional[list[TracedInput]]:
    """Return the inputs of `forward`, None where the file has none or other things than tensors."""
    with opened_zip(path) as members:
        name = members.inner.get(_MEMBER)
        if name is None or members.sizes[name] > _MAX_BYTES:
            return None
        pickled = members.read(name, _MAX_BYTES)
    try:
        inputs = _Reader(io.BytesIO(pickled)).load()["forward"]
    except (pickle.UnpicklingError, KeyError, TypeError, ValueError, EOFError, IndexError):
        return None
    if not isinstance(inputs, list) or not all(isinstance(item, TracedInput) for item in inputs):
        return None
    return inputs


def _tagged(value: Any, _type: str) -> Any:
    return value


def _tensor(storage: Any, _offset: int, size: tuple[int, ...], *_rest: Any) -> TracedInput:
    return TracedInput(tuple(int(dim) for dim in size), storage)


class _Reader(pickle.Unpickler):
    """Builds TracedInputs; every other name is refused before anything is called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.jit._pickle", "restore_type_tag"):
            return _tagged
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch" and name.endswith("Storage"):
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a tensor")

    def persistent_load(self, pid: Any) -> Optional[str]:
        return _STORAGES.get(pid[1])
