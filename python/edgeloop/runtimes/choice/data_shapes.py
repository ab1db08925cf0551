"""The open dimensions of a model's inputs, as the samples of its data set fill them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Optional

import numpy as np

from edgeloop.runtimes.shape import shape_text
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import LoadOptions

Declared = Mapping[str, Sequence[Optional[int]]]
"""Input → its dimensions, None for an open one."""

_ARRAY = ".npy"
# The axes of a sample that bring it into the other layout.
_TO_OTHER = {"nhwc": (2, 0, 1), "nchw": (1, 2, 0)}


def shapes_of_data(
    declared: Declared, inputs: InputSource, options: LoadOptions, said: list[str]
) -> dict[str, list[int]]:
    """Return the shapes of a load: those asked for, and of other open inputs those of the samples.

    A sample that contradicts a dimension that the model fixes settles nothing: opening the data
    says what does not fit. Each decision is `said` in one sentence.
    """
    shapes = {name: list(shape) for name, shape in options.shapes.items()}
    is_open = any(None in dimensions for dimensions in declared.values())
    if inputs.data is None or "" in shapes or not is_open:
        return shapes
    keys = [inputs.x_key] if len(declared) == 1 else list(declared)
    samples = _sample_shapes(Path(inputs.data), keys)
    for name, dimensions in declared.items():
        sample = samples.get(inputs.x_key if len(declared) == 1 else name)
        if name in shapes or None not in dimensions or sample is None:
            continue
        found = _filled(dimensions, sample, inputs.layout, options.batch_size)
        if found is not None:
            shapes[name] = found
            said.append(f"shape {name}={shape_text(found)}: that of the data's samples")
    return shapes


def _filled(
    dimensions: Sequence[Optional[int]],
    sample: tuple[int, ...],
    layout: Optional[str],
    batch_size: int,
) -> Optional[list[int]]:
    """Return the whole shape; None where the samples do not fit, or only the batch was open."""
    batch = batch_size or (dimensions[0] if dimensions[0] is not None else 1)
    if None not in dimensions[1:] and len(sample) == len(dimensions) - 1:
        return None
    samples = [sample]
    if layout is not None and len(sample) == 3:
        samples.append(tuple(sample[axis] for axis in _TO_OTHER[layout]))
    for one in samples:
        # As many dimensions as the input has: the model has none that counts samples.
        whole = [batch, *one] if len(one) == len(dimensions) - 1 else list(one)
        if len(whole) == len(dimensions) and all(
            size in (None, filled) for size, filled in zip(dimensions, whole)
        ):
            return whole
    return None


def _sample_shapes(path: Path, keys: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return array → the shape of a sample, from the headers; nothing where they are damaged."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                found = {}
                for key in set(keys) & {name[: -len(_ARRAY)] for name in archive.namelist()}:
                    with archive.open(key + _ARRAY) as member:
                        found[key] = _header(member)
                return found
        with path.open("rb") as file:
            return {keys[0]: _header(file)}
    except Exception:  # NumPy and zipfile raise a dozen kinds; opening the data tells of it
        return {}


def _header(stream: IO[bytes]) -> tuple[int, ...]:
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"its format version is {version}")
    shape: tuple[int, ...] = readers[version](stream)[0]
    return tuple(shape[1:])
