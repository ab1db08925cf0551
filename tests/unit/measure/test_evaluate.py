"""A data set through a model: batches, quantised outputs, outputs that are no rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgeloop.data.npz import Samples
from edgeloop.errors import ModelError
from edgeloop.measure.evaluate import clipped_shares, predictions
from edgeloop.runtimes._base import TensorSpec


class Model:
    """Computes its first output with `compute` from the inputs that it was given."""

    def __init__(self, compute: Any, spec: TensorSpec, output: TensorSpec | None = None) -> None:
        self.inputs = (spec,)
        self.compute = compute
        self.engine = None
        self.fed: list[np.ndarray] = []
        if output is not None:
            quantization = SimpleNamespace(
                scales=output.scales, zero_points=output.zero_points, axis=output.axis
            )
            tensor = SimpleNamespace(
                name="y", dtype=output.dtype, shape=output.shape, quantization=quantization
            )
            self.engine = SimpleNamespace(outputs=lambda: [tensor])

    def set_inputs(self, arrays: list[np.ndarray]) -> None:
        self.fed.append(arrays[0])

    def run_block(self, loop: str, runs: int, runs_per_sample: int) -> None:
        assert (runs, runs_per_sample) == (1, 1)

    def outputs(self, loop: str) -> list[np.ndarray]:
        return [self.compute(self.fed[-1])]


def samples(*values: float) -> Samples:
    x = np.array(values, np.float32).reshape(-1, 1)
    return Samples({"x": x}, None, len(x))


def spec(batch: int, dtype: str = "float32", **quantization: Any) -> TensorSpec:
    return TensorSpec("x", dtype, (batch, 1), **quantization)


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 8])
def test_every_sample_has_its_row_whatever_the_batch(batch: int) -> None:
    model = Model(lambda x: np.hstack([x, -x]), spec(batch))
    scores = predictions(model, samples(1, 2, 3, 4, 5), "framework")
    assert scores.tolist() == [[1, -1], [2, -2], [3, -3], [4, -4], [5, -5]]
    assert all(array.shape == (batch, 1) for array in model.fed)


@pytest.mark.parametrize("loop", ["native", "framework"])
def test_a_quantised_output_becomes_real_values_in_every_loop(loop: str) -> None:
    output = TensorSpec("y", "int8", (1, 1), scales=(0.5,), zero_points=(-3,))
    model = Model(lambda x: np.array([[7]], np.int8), spec(1), output)
    assert predictions(model, samples(0), loop).tolist() == [[5.0]]


def test_a_float_output_of_a_framework_around_a_quantised_engine_is_left_alone() -> None:
    output = TensorSpec("y", "int8", (1, 1), scales=(0.5,), zero_points=(-3,))
    model = Model(lambda x: np.array([[0.25]], np.float32), spec(1), output)
    assert predictions(model, samples(0), "framework").tolist() == [[0.25]]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_an_output_without_a_batch_is_one_row(shape: tuple[int, ...]) -> None:
    model = Model(lambda x: np.full(shape, x[0, 0]), spec(1))
    scores = predictions(model, samples(1, 2), "framework")
    assert scores.shape == (2, *shape)
    assert scores[1].ravel().tolist() == [2.0] * scores[1].size


def test_an_output_that_is_no_row_per_sample_is_refused() -> None:
    model = Model(lambda x: np.zeros((3, 4)), spec(2))
    with pytest.raises(ModelError, match=r"shape \(3, 4\), which is not one row for each of the 2"):
        predictions(model, samples(1, 2), "framework")


def test_an_output_whose_shape_depends_on_the_data_is_refused() -> None:
    model = Model(lambda x: np.zeros((1, int(x[0, 0]))), spec(1))
    with pytest.raises(ModelError, match=r"changes its shape with the data: \[\(1,\), \(2,\)\]"):
        predictions(model, samples(1, 2), "framework")


def test_shares_that_the_integers_cannot_hold() -> None:
    quantized = spec(1, "int8", scales=(1 / 255,), zero_points=(-128,))
    images = Samples({"x": np.arange(40, dtype=np.uint8).reshape(-1, 1)}, None, 40)
    model = Model(lambda x: x, quantized)
    # Bytes 0 to 255 where 0.0 to 1.0 are wanted: only 0 and 1 fit.
    assert clipped_shares(model, images) == {"x": 38 / 40}
    assert clipped_shares(Model(lambda x: x, spec(1)), samples(1e30)) == {"x": 0.0}
