from __future__ import annotations

import numpy as np
import pytest

from edgeloop.data.synthetic import random_inputs
from edgeloop.spec.load import TensorSpec

SHAPE = (1, 200, 200)


def one(dtype: str, seed: int = 0, **quantization: tuple[float, ...]) -> np.ndarray:
    (array,) = random_inputs((TensorSpec("x", dtype, SHAPE, **quantization),), seed)
    assert array.shape == SHAPE
    assert array.dtype == np.dtype(dtype)
    return array


def test_a_seed_gives_the_same_inputs() -> None:
    specs = (TensorSpec("a", "float32", (1, 5)), TensorSpec("b", "int8", (1, 5)))
    first, again, other = (random_inputs(specs, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(x, y) for x, y in zip(first, again))
    assert not any(np.array_equal(x, y) for x, y in zip(first, other))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_span_their_range_without_denormals(dtype: str) -> None:
    array = one(dtype)
    assert -1 <= array.min() < -0.99
    assert 0.99 < array.max() <= 1
    assert abs(float(array.mean(dtype=np.float64))) < 0.02
    assert np.abs(array).min() >= np.finfo(dtype).tiny


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_bytes_span_their_whole_type(dtype: str) -> None:
    assert set(np.unique(one(dtype)).tolist()) == set(
        range(np.iinfo(dtype).min, np.iinfo(dtype).max + 1)
    )


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32"])
def test_quantised_integers_span_their_whole_type(dtype: str) -> None:
    limits = np.iinfo(dtype)
    array = one(dtype, scales=(0.1,), zero_points=(0,)).astype(np.float64)
    span = float(limits.max) - float(limits.min)
    assert array.min() < limits.min + span / 100
    assert array.max() > limits.max - span / 100


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64", "uint32", "uint64", "bool"])
def test_indices_and_masks_are_0_and_1(dtype: str) -> None:
    assert np.unique(one(dtype)).tolist() == [0, 1]


def test_a_scalar_input() -> None:
    (array,) = random_inputs((TensorSpec("x", "float32", ()),), 0)
    assert array.shape == ()
