from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

from typing_extensions import Buffer

__version__: str

@final
class ClockCost:
    @property
    def read_ns(self) -> float: ...
    @property
    def tick_ns(self) -> int: ...

class Quantization:
    @property
    def axis(self) -> int: ...
    @property
    def scales(self) -> list[float]: ...
    @property
    def zero_points(self) -> list[int]: ...
