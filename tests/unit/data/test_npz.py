from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop.data.npz import batch, read_samples
from edgeloop.errors import ModelError
from edgeloop.runtimes._base import TensorSpec

IMAGE = TensorSpec("image", "float32", (1, 8, 8, 1))


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    """Save arrays to an .npz and return its path."""

    def save(**arrays: Any) -> str:
        path = tmp_path / "data.npz"
        np.savez(path, **arrays)
        return str(path)

    return save


def images(n: int = 5) -> np.ndarray:
    return np.arange(n * 64, dtype=np.float32).reshape(n, 8, 8, 1)


def why_not(path: str, *specs: TensorSpec, **options: Any) -> str:
    with pytest.raises(ModelError) as caught:
        read_samples(path, specs or (IMAGE,), **options)
    words = str(caught.value)
    assert path in words
    return words


def test_samples_and_labels(saved: Any) -> None:
    samples = read_samples(saved(x_data=images(), y_data=np.arange(5)), (IMAGE,))
    assert samples.n == 5
    assert np.array_equal(samples.x["image"], images())
    assert samples.y is not None
    assert samples.y.tolist() == [0, 1, 2, 3, 4]


def test_labels_may_be_missing(saved: Any) -> None:
    assert read_samples(saved(x_data=images()), (IMAGE,)).y is None


def test_other_keys(saved: Any) -> None:
    path = saved(pictures=images(), digits=np.arange(5))
    samples = read_samples(path, (IMAGE,), x_key="pictures", y_key="digits")
    assert samples.n == 5
    assert samples.y is not None


def test_several_inputs_by_name(saved: Any) -> None:
    specs = (TensorSpec("a", "float32", (1, 2)), TensorSpec("b", "int32", (1,)))
    path = saved(a=np.zeros((3, 2), np.float32), b=np.arange(3), y_data=np.arange(3))
    assert set(read_samples(path, specs).x) == {"a", "b"}
    words = why_not(path, *specs, TensorSpec("c", "float32", (1, 2)))
    assert "no array 'c'; it has a, b, y_data" in words
    assert "--x-key" not in words  # it would not help: the names are the model's


def test_what_else_is_in_the_file_stays_unread(saved: Any) -> None:
    path = saved(x_data=images(), notes=np.array([{"a": 1}], dtype=object))
    assert read_samples(path, (IMAGE,)).n == 5


def test_an_npy_is_one_array(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.save(path, images())
    assert read_samples(str(path), (IMAGE,)).n == 5
    assert read_samples(str(path), (IMAGE,), x_key="whatever").n == 5
    words = why_not(str(path), IMAGE, TensorSpec("b", "int32", (1,)))
    assert "holds one array, but the model has 2 inputs: image, b" in words


def test_a_wrong_key_names_those_there_are(saved: Any) -> None:
    words = why_not(saved(images=images(), labels=np.arange(5)))
    assert "no array 'x_data'; it has images, labels (name the right one with --x-key)" in words


def test_a_wrong_shape_names_both(saved: Any) -> None:
    words = why_not(saved(x_data=np.zeros((5, 9, 9, 1), np.float32)))
    assert "a sample of 'x_data' has shape 9x9x1" in words
    assert "input 'image' wants samples of 8x8x1" in words
    assert "--data-layout" not in words


@pytest.mark.parametrize("axes", [(0, 3, 1, 2), (0, 2, 3, 1)])
def test_another_layout_is_hinted_at_and_not_guessed(axes: tuple[int, ...], saved: Any) -> None:
    spec = TensorSpec("image", "float32", (1, *(np.zeros((1, 4, 6, 3)).transpose(axes).shape[1:])))
    layout, other = ("nhwc", "nchw") if axes[1] == 3 else ("nchw", "nhwc")
    data = np.arange(2 * 72, dtype=np.float32).reshape(2, 4, 6, 3)
    path = saved(x_data=data)
    words = why_not(path, spec)
    assert f"if it is {layout.upper()}, say --data-layout {layout}" in words
    samples = read_samples(path, (spec,), layout=layout)
    assert np.array_equal(samples.x["image"], data.transpose(axes))
    assert "has shape 4x6x3" in why_not(path, spec, layout=other)  # its own, not the transposed


def test_data_that_fits_is_never_transposed(saved: Any) -> None:
    cube = np.random.default_rng(0).random((2, 3, 3, 3), np.float32)
    spec = TensorSpec("image", "float32", (1, 3, 3, 3))
    samples = read_samples(saved(x_data=cube), (spec,), layout="nchw")
    assert np.array_equal(samples.x["image"], cube)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array(["a", "b"]), "<U1"),
        (np.array([1j, 2j]), "complex128"),
        (np.array([0, 1], "datetime64[s]"), r"datetime64\[s\]"),
        (np.zeros(2, [("a", "f4")]), r"\[\('a', '<f4'\)\]"),
    ],
    ids=["text", "complex", "time", "structure"],
)
def test_a_wrong_type_is_named(values: np.ndarray, dtype: str, saved: Any) -> None:
    with pytest.raises(ModelError, match=f"'x_data' has dtype {dtype}, which no model input"):
        read_samples(saved(x_data=values), (TensorSpec("x", "float32", (1,)),))


def test_objects_are_never_unpickled(saved: Any, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "executed",)

    trap = np.array([Trap()], dtype=object)
    assert "allow_pickle=False" in why_not(saved(x_data=trap))
    path = tmp_path / "trap.npy"
    np.save(path, trap)
    assert "allow_pickle=False" in why_not(str(path))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("values", [np.float32(1), np.zeros((0, 8, 8, 1), np.float32)])
def test_no_samples(values: np.ndarray, saved: Any) -> None:
    words = why_not(saved(x_data=values))
    assert "is a single value" in words or "has no samples" in words


def test_a_single_value_is_no_sample_of_a_scalar_input(saved: Any) -> None:
    scalar = TensorSpec("x", "float32", (1,))
    assert "'x_data' is a single value" in why_not(saved(x_data=np.float32(1)), scalar)


def test_labels_for_another_number_of_samples(saved: Any) -> None:
    words = why_not(saved(x_data=images(5), y_data=np.arange(4)))
    assert "different numbers of samples: [4, 5]" in words
    assert "'y_data' is a single value" in why_not(saved(x_data=images(), y_data=np.int64(3)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "does not exist" in why_not(str(tmp_path / "nowhere.npz"))
    assert "does not exist" in why_not(str(tmp_path))


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"hello, this is text\n" * 10, b"\x80\x04\x95" + b"p" * 50, b"PK\x03\x04rubbish"],
    ids=["empty", "short", "text", "pickle", "zip"],
)
def test_a_file_of_another_kind(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    words = why_not(str(path))
    assert "cannot be read as .npz or .npy" in words
    assert "numpy.savez(path, x_data=..., y_data=...)" in words
    assert "pickle" not in words


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_a_file_cut_off_anywhere(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"data.{suffix}"
    if suffix == "npz":
        np.savez_compressed(path, x_data=images(1), y_data=np.arange(1))
    else:
        np.save(path, images(1))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            read_samples(str(path), (IMAGE,))


@pytest.mark.parametrize("flip", [0x01, 0xFF])
@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_a_file_with_one_byte_altered_is_read_or_refused(
    suffix: str, flip: int, tmp_path: Path
) -> None:
    path = tmp_path / f"data.{suffix}"
    if suffix == "npz":
        np.savez_compressed(path, x_data=images(1), y_data=np.arange(1))
    else:
        np.save(path, images(1))
    whole = path.read_bytes()
    refused = 0
    for index in range(len(whole)):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ flip]) + whole[index + 1 :])
        try:
            read_samples(str(path), (IMAGE,))
        except ModelError:
            refused += 1
    assert refused > 50


def test_an_npy_that_claims_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "data.npy"
    np.save(path, images())
    header = path.read_bytes().replace(b"(5, 8, 8, 1)", b"(10**18, 8)"[:12].ljust(12))
    path.write_bytes(header)
    assert "cannot be read" in why_not(str(path))
    path.write_bytes(header.replace(b"(10**18, 8) ", b"(99999999999"[:11] + b")"))
    assert "cannot be read" in why_not(str(path))


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x_data=images())
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        offset = archive.infolist()[0].header_offset
    raw[offset + 6] |= 1  # general purpose flag, in the local and in the central header
    central = bytes(raw).rindex(b"PK\x01\x02")
    raw[central + 8] |= 1
    path.write_bytes(bytes(raw))
    assert "encrypted" in why_not(str(path))


def test_batches_wrap_around(saved: Any) -> None:
    spec = TensorSpec("x", "float32", (3, 2))
    values = np.arange(8, dtype=np.float32).reshape(4, 2)
    samples = read_samples(saved(x_data=values), (spec,))
    assert batch(samples, spec, 0)[:, 0].tolist() == [0, 2, 4]
    assert batch(samples, spec, 3)[:, 0].tolist() == [6, 0, 2]
    large = TensorSpec("x", "float32", (9, 2))
    assert batch(samples, large, 0)[:, 0].tolist() == [0, 2, 4, 6, 0, 2, 4, 6, 0]


def test_a_batch_is_stored_as_the_tensor_wants_it(saved: Any) -> None:
    spec = TensorSpec("x", "int8", (2, 2, 2, 1), scales=(0.5,), zero_points=(1,))
    nchw = np.arange(8, dtype=np.float64).reshape(2, 1, 2, 2)
    samples = read_samples(saved(x_data=nchw), (spec,), layout="nchw")
    stored = batch(samples, spec, 0)
    assert stored.dtype == np.int8
    assert stored.flags.c_contiguous
    assert stored.ravel().tolist() == [1, 3, 5, 7, 9, 11, 13, 15]


def test_a_transposed_batch_is_contiguous(saved: Any) -> None:
    spec = TensorSpec("x", "float32", (2, 3, 4, 6))
    nhwc = np.arange(2 * 72, dtype=np.float32).reshape(2, 4, 6, 3)
    stored = batch(read_samples(saved(x_data=nhwc), (spec,), layout="nhwc"), spec, 0)
    assert np.array_equal(stored, nhwc.transpose(0, 3, 1, 2))
    assert stored.flags.c_contiguous


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_batch_of_a_scalar_input(shape: tuple[int, ...], saved: Any) -> None:
    spec = TensorSpec("x", "float32", shape)
    samples = read_samples(saved(x_data=np.array([1.0, 2.0], np.float32)), (spec,))
    assert batch(samples, spec, 1).shape == shape
    assert batch(samples, spec, 1).ravel().tolist() == [2.0]
