"""See which tensors a pickle of PyTorch refers to, without unpickling it.

Unpickling runs whatever the file says. Here the opcodes are only followed with symbols on the
stack: nothing is imported, called or built. A storage is the persistent id
('storage', type, key, location, number of elements) of torch.save and torch.jit.save.
"""

from __future__ import annotations

import pickletools
import struct
from dataclasses import dataclass
from typing import Any

# How many bytes of argument follow an opcode: pickletools' markers for counted and text arguments.
_LINE, _COUNT1, _COUNT4, _COUNT4U, _COUNT8U = -1, -2, -3, -4, -5
_COUNTERS = {_COUNT1: "<B", _COUNT4: "<i", _COUNT4U: "<I", _COUNT8U: "<Q"}
_MAX_LINE = 4096  # bytes of a text argument; module and class names are shorter
_MAX_STEPS = 4_000_000  # opcodes; a tensor takes some 40
_MAX_NAMES = 10_000  # that are kept
_MAX_STACK = 100_000  # objects that wait; PyTorch adds to its lists and dicts by the thousand
_STRINGS = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINSTRING", "BINSTRING"}
_INTEGERS = {"BININT", "BININT1", "BININT2", "LONG1"}
_MAX_INTEGER = 16  # bytes; a number of elements fits into 8
_OPCODES: dict[int, Any] = {ord(opcode.code): opcode for opcode in pickletools.opcodes}
_TWO_LINES = {"GLOBAL", "INST"}


@dataclass(frozen=True)
class Storage:
    """One block of numbers; `type_name` is PyTorch's, FloatStorage for instance."""

    key: str
    type_name: str
    elements: int


@dataclass(frozen=True)
class PickleScan:
    """What one pickle names; `end` is the position behind it."""

    storages: tuple[Storage, ...]
    names: tuple[str, ...]
    end: int


class PickleScanError(ValueError):
    """The bytes are not a pickle, or one that PyTorch would not write."""


class _Unknown:
    """An object that is not followed."""


class _Mark:
    """Where a tuple or an argument list begins."""


@dataclass(frozen=True)
class _Name:
    """An importable name, which is not imported."""

    module: str
    name: str


_UNKNOWN, _MARK = _Unknown(), _Mark()


def scan_pickle(data: bytes, start: int = 0) -> PickleScan:
    """Follow one pickle from `start`; raises PickleScanError where it is malformed."""
    machine = _Machine()
    position = start
    for _ in range(_MAX_STEPS):
        if position >= len(data):
            raise PickleScanError("the pickle has no end")
        opcode = _OPCODES.get(data[position])
        if opcode is None:
            raise PickleScanError(f"byte {position} is not a pickle opcode")
        argument, position = _argument(opcode, data, position + 1)
        if opcode.name == "STOP":
            return PickleScan(tuple(machine.storages.values()), tuple(machine.names), position)
        machine.step(opcode, argument)
    raise PickleScanError(f"the pickle takes more than {_MAX_STEPS:,} steps")


def _argument(opcode: Any, data: bytes, start: int) -> tuple[bytes, int]:
    """Return the raw argument and the position behind it; numbers in text are not decoded."""
    if opcode.arg is None:
        return b"", start
    size = opcode.arg.n
    if size == _LINE:
        end = start
        for _ in range(2 if opcode.name in _TWO_LINES else 1):
            end = data.find(b"\n", end, end + _MAX_LINE) + 1
            if not end:
                raise PickleScanError("a text argument has no end")
        return data[start:end], end
    if size in _COUNTERS:
        width = struct.calcsize(_COUNTERS[size])
        if start + width > len(data):
            raise PickleScanError("the pickle is cut short")
        (length,) = struct.unpack_from(_COUNTERS[size], data, start)
        start, size = start + width, length
    if size < 0 or start + size > len(data):
        raise PickleScanError("the pickle is cut short")
    return data[start : start + size], start + size


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_LINE


class _Machine:
    """The stack and memo of an unpickler, with symbols in place of objects."""

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}
        self.names: dict[str, None] = {}
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def step(self, opcode: Any, argument: bytes) -> None:
        """Do what one opcode does to stack and memo."""
        if len(self._stack) > _MAX_STACK:
            raise PickleScanError("it puts more than it takes")
        name = opcode.name
        if name in _STRINGS:
            self._stack.append(argument.decode("utf-8", "replace"))
        elif name in _INTEGERS:
            signed = name not in ("BININT1", "BININT2")
            small = len(argument) <= _MAX_INTEGER
            value = int.from_bytes(argument, "little", signed=signed) if small else _UNKNOWN
            self._stack.append(value)
        elif name == "MARK":
            self._stack.append(_MARK)
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[int.from_bytes(argument, "little")] = self._top()
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = self._top()
        elif name in ("BINGET", "LONG_BINGET"):
            self._stack.append(self._memo.get(int.from_bytes(argument, "little"), _UNKNOWN))
        else:
            self._build(opcode, argument)

    def _build(self, opcode: Any, argument: bytes) -> None:
        name = opcode.name
        if name == "GLOBAL":
            module, attribute = argument.decode("utf-8", "replace").split("\n")[:2]
            self._name(module, attribute)
        elif name == "STACK_GLOBAL":
            attribute, module = self._pop(), self._pop()
            if _is_short(module) and _is_short(attribute):
                self._name(module, attribute)
            else:
                self._stack.append(_UNKNOWN)
        elif name == "TUPLE":
            self._stack.append(tuple(self._pop_to_mark()))
        elif name == "BINPERSID":
            self._storage(self._pop())
            self._stack.append(_UNKNOWN)
        else:
            self._other(opcode)

    def _other(self, opcode: Any) -> None:
        if pickletools.markobject in opcode.stack_before:
            self._pop_to_mark()
            before = opcode.stack_before.index(pickletools.markobject)
        else:
            before = len(opcode.stack_before)
        for _ in range(before):
            self._pop()
        self._stack.extend(_UNKNOWN for _ in opcode.stack_after)

    def _name(self, module: str, attribute: str) -> None:
        if len(self.names) < _MAX_NAMES:
            self.names[f"{module}.{attribute}"] = None
        self._stack.append(_Name(module, attribute))

    def _storage(self, identity: Any) -> None:
        if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
            return
        _, kind, key, _, elements = identity[:5]
        if isinstance(kind, _Name) and _is_short(key) and isinstance(elements, int):
            self.storages[key] = Storage(key, kind.name, elements)

    def _top(self) -> Any:
        return self._stack[-1] if self._stack else _UNKNOWN

    def _pop(self) -> Any:
        if not self._stack:
            raise PickleScanError("the pickle takes more than it has put")
        return self._stack.pop()

    def _pop_to_mark(self) -> list[Any]:
        items: list[Any] = []
        while self._stack:
            item = self._stack.pop()
            if item is _MARK:
                return items[::-1]
            items.append(item)
        raise PickleScanError("the pickle closes what it has not opened")
