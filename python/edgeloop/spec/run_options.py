"""The keywords of the public functions, for editors and type checkers.

The fields of RunSpec, which declare what each means; a test compares them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Optional, TypedDict, Union

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Arrays = Union[ArrayLike, Mapping[str, ArrayLike]]
    Data = Union[str, os.PathLike[str], Arrays, tuple[Arrays, Optional[ArrayLike]]]


class EvaluateOptions(TypedDict, total=False):
    """Fields of RunSpec but the model, the runtimes and the data."""

    loops: Sequence[str]
    threads: Optional[int]
    batch_size: Optional[int]
    instances: Optional[int]
    shapes: Mapping[str, Sequence[int]]
    delegate: Union[str, Sequence[str], None]
    provider: Union[str, Sequence[str], None]
    require_delegate: Union[str, float, None]
    torch_mode: Union[str, Sequence[str], None]
    package: Optional[str]
    device: Optional[str]
    settings: Mapping[str, str]
    library: Optional[str]
    python: Optional[str]
    x_key: str
    y_key: str
    y_file: Optional[str]
    data_layout: Optional[str]
    images: Optional[str]
    resize: Union[str, int, Sequence[int], None]
    crop: Union[str, float, Sequence[int], None]
    color: Optional[str]
    fit: Optional[str]
    scale: Union[str, float, None]
    mean: Union[str, float, Sequence[float], None]
    std: Union[str, float, Sequence[float], None]
    labels: Optional[str]
    label_offset: int
    keep_state: bool
    feedback: Mapping[str, str]
    task: Optional[str]
    top_k: int
    softmax: bool
    output: Optional[str]
    decoder: Optional[str]
    per_class: bool
    effort: str
    budget_s: Optional[float]
    rate_hz: Optional[float]
    runs: Optional[int]
    warmup: Optional[int]
    processes: Optional[int]
    percentiles: Sequence[float]
    seed: int
    timeout_s: float
    model_class_path: Optional[str]
    model_class_name: Optional[str]
    trust_pickle: bool
    cpus: Union[str, Sequence[int], None]
    cluster: Optional[str]
    priority: Optional[str]
    mlock: bool
    governor: Optional[str]
    regime: Optional[str]
    cool_down_c: Optional[float]
    power_command: Optional[str]
    peak_gflops: Optional[float]
    strict: bool
    host: Optional[str]


class RunOptions(EvaluateOptions, total=False):
    """Fields of RunSpec but the model and the runtimes."""

    data: Optional[Data]
