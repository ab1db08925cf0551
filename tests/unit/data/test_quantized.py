from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeloop.data.quantized import dequantize, fit, fit_and_count, quantize
from edgeloop.errors import ModelError
from edgeloop.spec.load import TensorSpec


def spec(dtype: str, shape: tuple[int, ...] = (1, 4), **quantization: Any) -> TensorSpec:
    return TensorSpec("x", dtype, shape, **quantization)


# The ad01 autoencoder's input, with which a peer tool wraps 2.70 to -126 and -2.2 to +125.
INT8 = spec("int8", scales=(0.0187,), zero_points=(-14,))


@pytest.mark.parametrize(
    ("value", "stored"),
    [(2.70, 127), (-2.2, -128), (1e30, 127), (-1e30, -128), (np.inf, 127), (-np.inf, -128)],
)
def test_what_does_not_fit_is_clipped_and_not_wrapped(value: float, stored: int) -> None:
    assert quantize(np.array([value]), INT8).tolist() == [stored]


def test_rounding_is_to_the_nearest_and_not_towards_zero() -> None:
    # 0.009 / 0.0187 = 0.48: the nearest is the zero point, truncation elsewhere gives -13.
    assert quantize(np.array([0.009, 0.0094, -0.0094]), INT8).tolist() == [-14, -13, -15]


def test_halves_are_rounded_to_even() -> None:
    one = spec("int8", scales=(1.0,), zero_points=(0,))
    values = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5])
    assert quantize(values, one).tolist() == [-2, -2, 0, 0, 2, 2, 4]


def test_the_scale_is_rounded_before_the_zero_point_is_added() -> None:
    # 2.5 rounds to 2 and 3 is added; were 5.5 rounded, it would be 6.
    assert quantize(np.array([2.5]), spec("int8", scales=(1.0,), zero_points=(3,))).tolist() == [5]


def test_uint8() -> None:
    image = spec("uint8", scales=(1 / 128,), zero_points=(128,))
    values = np.array([-1.0, -1.1, 0.0, 0.99, 5.0])
    assert quantize(values, image).tolist() == [0, 0, 128, 255, 255]
    assert dequantize(np.array([0, 128, 255], np.uint8), image).tolist() == [-1.0, 0.0, 127 / 128]


@pytest.mark.parametrize("shape", [(1, 2, 2, 3), (8, 2, 2, 3)])
def test_a_scale_for_each_channel(shape: tuple[int, ...]) -> None:
    channels = spec("int8", (1, 2, 2, 3), scales=(1.0, 0.5, 0.25), zero_points=(0, 1, 2), axis=3)
    stored = quantize(np.ones(shape), channels)
    assert stored.shape == shape
    assert stored.reshape(-1, 3).tolist() == [[1, 3, 6]] * (stored.size // 3)
    assert np.array_equal(dequantize(stored, channels), np.ones(shape))


@pytest.mark.parametrize(("axis", "index"), [(1, np.s_[:, 1]), (2, np.s_[:, :, 1])])
def test_a_scale_for_each_slice_of_a_middle_axis(axis: int, index: Any) -> None:
    sliced = spec("int8", (1, 2, 2, 5), scales=(1.0, 0.1), zero_points=(0, 0), axis=axis)
    stored = quantize(np.ones((3, 2, 2, 5)), sliced)
    assert (stored[index] == 10).all()
    assert stored.sum() == 30 * 1 + 30 * 10


def test_zero_points_that_are_left_out_are_zero() -> None:
    assert quantize(np.array([1.0]), spec("int8", scales=(0.5,))).tolist() == [2]
    channels = spec("int8", (1, 2), scales=(0.5, 0.25), zero_points=(0,), axis=1)
    assert quantize(np.array([[1.0, 1.0]]), channels).tolist() == [[2, 4]]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64"])
def test_no_integer_wraps(dtype: str) -> None:
    limits = np.iinfo(dtype)
    low, high = quantize(np.array([-1e30, 1e30]), spec(dtype)).tolist()
    assert low == limits.min
    assert 0 <= limits.max - high <= limits.max // 2**52  # as near as a float64 can be


@pytest.mark.parametrize("source", ["int64", "uint64", "uint8", "int8"])
@pytest.mark.parametrize("target", ["int64", "uint64", "uint8", "int8"])
def test_integers_are_clipped_exactly(source: str, target: str) -> None:
    ours, theirs = np.iinfo(source), np.iinfo(target)
    values = np.array([ours.min, 0, 1, ours.max], source)
    clipped = [max(theirs.min, min(theirs.max, int(value))) for value in values]
    assert quantize(values, spec(target)).tolist() == clipped


def test_floats_are_only_cast() -> None:
    values = np.array([0.1, 1e10, np.nan])
    assert np.array_equal(
        quantize(values, spec("float32")), values.astype(np.float32), equal_nan=True
    )


def test_booleans() -> None:
    assert quantize(np.array([0.0, 2.0]), spec("bool")).tolist() == [False, True]
    assert quantize(np.array([False, True]), INT8).tolist() == [-14, 39]


def test_nan_is_refused_where_an_integer_is_wanted() -> None:
    with pytest.raises(ModelError, match="input 'x' holds NaN, which int8 cannot store"):
        quantize(np.array([0.0, np.nan]), INT8)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_a_scale_that_is_none_is_refused(scale: float) -> None:
    with pytest.raises(ModelError, match="a scale that is not positive"):
        quantize(np.array([0.0]), spec("int8", scales=(scale,), zero_points=(0,)))


@given(
    stored=st.integers(-128, 127),
    scale=st.floats(1e-6, 1e3),
    zero_point=st.integers(-128, 127),
)
def test_stored_values_survive_the_way_there_and_back(
    stored: int, scale: float, zero_point: int
) -> None:
    quantized = spec("int8", scales=(scale,), zero_points=(zero_point,))
    real = dequantize(np.array([stored], np.int8), quantized)
    assert quantize(real, quantized).tolist() == [stored]


def test_dequantize_without_scales_is_a_cast() -> None:
    assert dequantize(np.array([3], np.int32), spec("int32")).tolist() == [3.0]


def test_data_of_the_tensors_own_type_is_stored_already() -> None:
    stored = np.array([-128, 127], np.int8)
    assert fit(stored, INT8) is stored
    assert fit(np.array([0.0], np.float32), INT8).tolist() == [-14]
    big_endian = np.array([0.5], ">f4")
    assert fit(big_endian, spec("float32")).dtype == np.dtype("<f4")


def test_clipped_values_are_counted() -> None:
    def clipped(values: list[float], dtype: str, tensor: TensorSpec) -> int:
        return fit_and_count(np.array(values, dtype), tensor)[1]

    assert clipped([0.0, 2.64, 2.65, -2.13, -2.2, 9.0], "float64", INT8) == 3
    assert clipped([300, -1, 4], "int64", spec("uint8")) == 2
    assert clipped([127], "int8", INT8) == 0
    assert clipped([1e30], "float64", spec("float32")) == 0


def test_many_samples_are_fitted_as_few_are() -> None:
    values = np.random.default_rng(0).normal(size=(300, 70, 70))
    stored, clipped = fit_and_count(values, INT8)
    assert np.array_equal(stored, quantize(values, INT8))
    assert clipped == np.count_nonzero((values / 0.0187).round() - 14 > 127) + np.count_nonzero(
        (values / 0.0187).round() - 14 < -128
    )
