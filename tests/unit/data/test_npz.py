from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop.data import npy_stream
from edgeloop.data.model_data import ModelData
from edgeloop.data.opening import open_data
from edgeloop.data.source import random_rows
from edgeloop.errors import ModelError, UsageError
from edgeloop.spec.inputs import InputSource, parse_preprocess
from edgeloop.spec.load import TensorSpec

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


def opened(path: str, *specs: TensorSpec, **options: Any) -> ModelData:
    return open_data(InputSource(0, path, **options), specs or (IMAGE,))


def x_of(data: ModelData, most: int = 2) -> np.ndarray:
    return np.concatenate([chunk.x[data.specs[0].name] for chunk in data.chunks(most)])


def y_of(data: ModelData) -> list[Any]:
    return [label for chunk in data.chunks(2) for label in np.asarray(chunk.labels).tolist()]


def why_not(path: str, *specs: TensorSpec, **options: Any) -> str:
    with pytest.raises(ModelError) as caught:
        x_of(opened(path, *specs, **options))
    words = str(caught.value)
    assert path in words
    return words


def test_samples_and_labels(saved: Any) -> None:
    data = opened(saved(x_data=images(), y_data=np.arange(5)))
    assert data.n == 5
    assert np.array_equal(x_of(data), images())
    assert y_of(data) == [0, 1, 2, 3, 4]


def test_labels_may_be_missing(saved: Any) -> None:
    data = opened(saved(x_data=images()))
    assert data.labels is None
    assert next(data.chunks(9)).labels is None


def test_other_keys(saved: Any) -> None:
    path = saved(pictures=images(), digits=np.arange(5))
    data = opened(path, x_key="pictures", y_key="digits")
    assert data.n == 5
    assert y_of(data) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("order", [("x_data", "y_data"), ("y_data", "x_data")])
def test_the_order_in_the_file_means_nothing(order: tuple[str, str], saved: Any) -> None:
    arrays = {"x_data": np.arange(3.0, dtype=np.float32), "y_data": np.array([7, 8, 9])}
    data = opened(saved(**{key: arrays[key] for key in order}), TensorSpec("x", "float32", (1,)))
    assert x_of(data).tolist() == [0.0, 1.0, 2.0]
    assert y_of(data) == [7, 8, 9]


def test_several_inputs_by_name(saved: Any) -> None:
    specs = (TensorSpec("a", "float32", (1, 2)), TensorSpec("b", "int32", (1,)))
    path = saved(a=np.zeros((3, 2), np.float32), b=np.arange(3), y_data=np.arange(3))
    assert set(next(opened(path, *specs).chunks(3)).x) == {"a", "b"}
    words = why_not(path, *specs, TensorSpec("c", "float32", (1, 2)))
    assert "no array 'c'; it has a, b, y_data" in words
    assert "--x-key" not in words  # it would not help: the names are the model's


def test_what_else_is_in_the_file_stays_unread(saved: Any) -> None:
    path = saved(x_data=images(), notes=np.array([{"a": 1}], dtype=object))
    assert opened(path).n == 5


def test_an_npy_is_one_array(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.save(path, images())
    assert np.array_equal(x_of(opened(str(path))), images())
    assert opened(str(path), x_key="whatever").n == 5
    words = why_not(str(path), IMAGE, TensorSpec("b", "int32", (1,)))
    assert "holds one array, but the model has 2 inputs: image, b" in words


def test_a_wrong_key_names_those_there_are(saved: Any) -> None:
    words = why_not(saved(images=images(), labels=np.arange(5)))
    assert "no array 'x_data'; it has images, labels (name the right one with --x-key)" in words


def test_a_wrong_shape_names_both(saved: Any) -> None:
    words = why_not(saved(x_data=np.zeros((5, 9, 9, 1), np.float32)))
    assert "a sample of 'x_data' has shape 9x9x1" in words
    assert "input 'image' wants samples of 8x8x1" in words
    assert "layout" not in words


@pytest.mark.parametrize("axes", [(0, 3, 1, 2), (0, 2, 3, 1)])
def test_another_layout_is_hinted_at_and_not_guessed(axes: tuple[int, ...], saved: Any) -> None:
    spec = TensorSpec("image", "float32", (1, *(np.zeros((1, 4, 6, 3)).transpose(axes).shape[1:])))
    layout, other = ("nhwc", "nchw") if axes[1] == 3 else ("nchw", "nhwc")
    data = np.arange(2 * 72, dtype=np.float32).reshape(2, 4, 6, 3)
    path = saved(x_data=data)
    words = why_not(path, spec)
    assert f"if it is {layout.upper()}, give --data-layout {layout}" in words
    assert np.array_equal(x_of(opened(path, spec, layout=layout)), data.transpose(axes))
    assert "has shape 4x6x3" in why_not(path, spec, layout=other)  # its own, not the transposed


def test_data_that_fits_is_never_transposed(saved: Any) -> None:
    cube = np.random.default_rng(0).random((2, 3, 3, 3), np.float32)
    spec = TensorSpec("image", "float32", (1, 3, 3, 3))
    assert np.array_equal(x_of(opened(saved(x_data=cube), spec, layout="nchw")), cube)


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
        opened(saved(x_data=values), TensorSpec("x", "float32", (1,)))


def test_objects_are_never_unpickled(saved: Any, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "executed",)

    trap = np.array([Trap()], dtype=object)
    assert "Python objects, which are never unpickled" in why_not(saved(x_data=trap))
    path = tmp_path / "trap.npy"
    np.save(path, trap)
    assert "Python objects, which are never unpickled" in why_not(str(path))
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
    assert "holds neither pictures" in why_not(str(tmp_path))


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
            x_of(opened(str(path)))


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
            x_of(opened(str(path)))
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


def test_the_last_run_is_filled_with_the_first_samples(saved: Any) -> None:
    spec = TensorSpec("x", "float32", (3, 2))
    values = np.arange(8, dtype=np.float32).reshape(4, 2)
    (batches,) = opened(saved(x_data=values, y_data=np.arange(4)), spec).batches()
    assert (batches.runs, batches.samples) == (2, 4)
    assert batches.inputs[0].shape == (2, 3, 2)
    assert batches.inputs[0][1, :, 0].tolist() == [6, 0, 2]
    assert np.asarray(batches.labels).tolist() == [0, 1, 2, 3]
    large = TensorSpec("x", "float32", (9, 2))
    (one,) = opened(saved(x_data=values), large).batches()
    assert one.inputs[0][0, :, 0].tolist() == [0, 2, 4, 6, 0, 2, 4, 6, 0]
    assert opened(saved(x_data=values), spec).first_inputs()[0][:, 0].tolist() == [0, 2, 4]


def test_a_batch_is_stored_as_the_tensor_wants_it(saved: Any) -> None:
    spec = TensorSpec("x", "int8", (2, 2, 2, 1), scales=(0.5,), zero_points=(1,))
    nchw = np.arange(8, dtype=np.float64).reshape(2, 1, 2, 2)
    (batches,) = opened(saved(x_data=nchw), spec, layout="nchw").batches()
    stored = batches.inputs[0]
    assert stored.dtype == np.int8
    assert stored.flags.c_contiguous
    assert stored.ravel().tolist() == [1, 3, 5, 7, 9, 11, 13, 15]


def test_a_transposed_batch_is_contiguous(saved: Any) -> None:
    spec = TensorSpec("x", "float32", (2, 3, 4, 6))
    nhwc = np.arange(2 * 72, dtype=np.float32).reshape(2, 4, 6, 3)
    (batches,) = opened(saved(x_data=nhwc), spec, layout="nhwc").batches()
    assert np.array_equal(batches.inputs[0][0], nhwc.transpose(0, 3, 1, 2))
    assert batches.inputs[0].flags.c_contiguous


@pytest.mark.parametrize("shape", [(), (1,)])
def test_runs_of_a_scalar_input(shape: tuple[int, ...], saved: Any) -> None:
    spec = TensorSpec("x", "float32", shape)
    data = opened(saved(x_data=np.array([1.0, 2.0], np.float32)), spec)
    (batches,) = data.batches()
    assert batches.inputs[0].shape == (2, *shape)
    assert data.first_inputs()[0].shape == shape


def test_inputs_of_different_batch_sizes_are_refused(saved: Any) -> None:
    specs = (TensorSpec("a", "float32", (1, 2)), TensorSpec("b", "float32", (4,)))
    path = saved(a=np.zeros((3, 2), np.float32), b=np.zeros(3, np.float32))
    with pytest.raises(ModelError, match="different first dimensions"):
        opened(path, *specs)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_chosen_samples_are_read_in_order(suffix: str, save: Any, tmp_path: Path) -> None:
    path = tmp_path / f"data.{suffix}"
    values = np.random.default_rng(0).random((500, 8, 8, 1), np.float32)
    if suffix == "npz":
        save(path, x_data=values, y_data=np.arange(500))
    else:
        np.save(path, values)
    data = opened(str(path))
    rows = random_rows(500, 60, seed=3)
    assert len(set(rows.tolist())) == 60
    assert np.array_equal(random_rows(500, 60, seed=3), rows)
    assert not np.array_equal(random_rows(500, 60, seed=4), rows)
    chunks = list(data.chunks(7, rows))
    assert [chunk.n for chunk in chunks] == [7] * 8 + [4]
    read = np.concatenate([chunk.x["image"] for chunk in chunks])
    assert np.array_equal(read, values[rows])
    if suffix == "npz":
        labels = np.concatenate([np.asarray(chunk.labels) for chunk in chunks])
        assert np.array_equal(labels, rows)


def test_more_samples_than_there_are_is_all_of_them() -> None:
    assert random_rows(5, 100, seed=0).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_fortran_order_is_read_too(suffix: str, tmp_path: Path) -> None:
    values = np.asfortranarray(images())
    path = tmp_path / f"data.{suffix}"
    if suffix == "npz":
        np.savez(path, x_data=values)
    else:
        np.save(path, values)
    assert np.array_equal(x_of(opened(str(path))), images())
    rows = np.array([1, 4])
    (chunk,) = opened(str(path)).chunks(9, rows)
    assert np.array_equal(chunk.x["image"], images()[rows])


def test_a_large_array_in_fortran_order_is_refused_and_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npy_stream, "_MOST_WHOLE_BYTES", 100)
    path = tmp_path / "data.npy"
    np.save(path, np.asfortranarray(images()))
    assert "save numpy.ascontiguousarray of it" in why_not(str(path))


@pytest.mark.parametrize("name", ["y", "y_data"])
def test_labels_lie_beside_an_npy(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name.replace('y', 'x')}.npy"
    np.save(path, images())
    np.save(tmp_path / f"{name}.npy", np.arange(5))
    data = opened(str(path))
    assert y_of(data) == [0, 1, 2, 3, 4]
    assert f"{name}.npy, which lies beside the samples" in data.notes[0]


def test_labels_of_an_npy_may_be_named(tmp_path: Path, saved: Any) -> None:
    path, labels = tmp_path / "pictures.npy", tmp_path / "digits.npy"
    np.save(path, images())
    np.save(labels, np.arange(5) * 2)
    assert opened(str(path)).labels is None
    assert y_of(opened(str(path), y_file=str(labels))) == [0, 2, 4, 6, 8]
    with pytest.raises(ModelError, match=r"none\.npy does not exist"):
        opened(str(path), y_file=str(tmp_path / "none.npy"))
    np.save(labels, np.arange(4))
    assert "different numbers of samples: [4, 5]" in why_not(str(path), y_file=str(labels))
    with pytest.raises(UsageError, match="--y-file is for an"):
        opened(saved(x_data=images()), y_file=str(labels))


def test_words_become_the_numbers_of_their_names(tmp_path: Path, saved: Any) -> None:
    names = tmp_path / "labels.txt"
    names.write_text("cat\ndog\nbird\n\n", encoding="utf-8")
    for words in (["dog", "cat", "bird", "dog", "cat"], [b"dog", b"cat", b"bird", b"dog", b"cat"]):
        path = saved(x_data=images(), y_data=np.array(words))
        assert y_of(opened(path, labels=str(names))) == [1, 0, 2, 1, 0]
    assert "the labels are words; give --labels FILE" in why_not(path)
    path = saved(x_data=images(), y_data=np.array(["dog"] * 4 + ["cow"]))
    assert f"'cow' is not a class of {names}" in why_not(path, labels=str(names))


def test_an_offset_and_truth_values(saved: Any) -> None:
    path = saved(x_data=images(), y_data=np.array([True, False, True, True, False]))
    assert y_of(opened(path)) == [1, 0, 1, 1, 0]
    assert y_of(opened(path, label_offset=-1)) == [0, -1, 0, 0, -1]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00"])
def test_a_file_of_class_names_that_is_none(content: bytes, tmp_path: Path, saved: Any) -> None:
    names = tmp_path / "labels.txt"
    names.write_bytes(content)
    with pytest.raises(ModelError, match=r"is empty|is not UTF-8 text"):
        opened(saved(x_data=images()), labels=str(names))
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        opened(saved(x_data=images()), labels=str(tmp_path / "none.txt"))


def test_values_are_scaled_and_become_real_ones(saved: Any) -> None:
    colours = np.arange(2 * 3, dtype=np.uint8).reshape(2, 1, 1, 3)
    spec = TensorSpec("image", "float32", (1, 1, 1, 3))
    path = saved(x_data=colours)
    scaled = parse_preprocess(scale="1/255", mean="0.5,0.4,0.3", std="0.1,0.2,0.3")
    expected = (colours / 255 - [0.5, 0.4, 0.3]) / [0.1, 0.2, 0.3]
    assert x_of(opened(path, spec, preprocess=scaled)) == pytest.approx(expected, abs=1e-6)
    # uint8 data of a uint8 model is stored already; scaled it is real values, and quantised.
    quantized = TensorSpec("image", "uint8", (1, 1, 1, 3), scales=(1 / 128,), zero_points=(128,))
    same = parse_preprocess(mean=128, std=128)
    (stored,) = opened(path, quantized, preprocess=same).batches()
    assert np.array_equal(stored.inputs[0][:, 0], colours)


def test_values_per_channel_need_to_know_the_channels(saved: Any) -> None:
    per_channel = parse_preprocess(mean="1,2,3")
    spec = TensorSpec("image", "float32", (1, 3, 4, 3))
    path = saved(x_data=np.zeros((2, 3, 4, 3), np.float32))
    with pytest.raises(UsageError, match="two such dimensions: give --data-layout"):
        opened(path, spec, preprocess=per_channel)
    assert x_of(opened(path, spec, preprocess=per_channel, layout="nhwc"))[0, 0, 0].tolist() == [
        -1, -2, -3,
    ]  # fmt: skip
    assert x_of(opened(path, spec, preprocess=per_channel, layout="nchw"))[0, :, 0, 0].tolist() == [
        -1, -2, -3,
    ]  # fmt: skip
    with pytest.raises(UsageError, match="no dimension of that size"):
        opened(saved(x_data=images()), IMAGE, preprocess=per_channel)
    path = saved(x_data=np.zeros((2, 3, 4, 3), np.float32))
    with pytest.raises(UsageError, match="different numbers of values"):
        opened(path, spec, preprocess=parse_preprocess(mean="1,2,3", std="1,2"))


def test_what_the_integers_cannot_hold_is_counted(saved: Any) -> None:
    spec = TensorSpec("x", "int8", (1, 1), scales=(1 / 255,), zero_points=(-128,))
    data = opened(saved(x_data=np.arange(40, dtype=np.uint8).reshape(-1, 1)), spec)
    list(data.batches())
    # Bytes 0 to 255 where 0.0 to 1.0 are wanted: only 0 and 1 fit.
    assert data.clipped_shares() == {"x": 38 / 40}


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_many_small_samples_cost_no_more_memory_than_a_chunk(tmp_path, suffix):
    """Not even their numbers are held, which are larger than these samples."""
    samples = 1 << 20
    path = tmp_path / f"x_data{suffix}"
    if suffix == ".npz":
        np.savez(path, x_data=np.zeros((samples, 1), np.uint8))
    else:
        np.save(path, np.zeros((samples, 1), np.uint8))
    data = opened(str(path), TensorSpec("x", "uint8", (1, 1)))
    tracemalloc.start()
    try:
        found = sum(batches.samples for batches in data.batches())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == samples
    assert peak < 4 << 20  # chunks of 16384 samples and their numbers; 8 MiB would be all numbers


STORED = TensorSpec("x", "int8", (1, 8), scales=(0.05,), zero_points=(3,))
REAL = TensorSpec("x", "float32", (1, 8))


def first_rows(data: ModelData) -> np.ndarray:
    (batches, *_) = data.batches()
    return np.concatenate([np.asarray(row) for row in batches.inputs[0]])


def test_quantised_samples_reach_a_float_model_as_real_values(saved: Any) -> None:
    stored = np.random.default_rng(0).integers(-128, 128, (5, 8)).astype(np.int8)
    path = saved(x_data=stored)
    ours, theirs = opened(path, STORED), opened(path, REAL)
    assert theirs.unscaled() == {"x": np.dtype(np.int8)}
    assert ours.describe_by(theirs) == []
    (words,) = theirs.describe_by(ours)
    assert "scale 0.05, zero point 3" in words
    assert theirs.unscaled() == {}
    np.testing.assert_allclose(
        first_rows(theirs), 0.05 * (stored.astype(np.float64) - 3), rtol=1e-6
    )
    assert np.array_equal(first_rows(ours), stored)


def test_samples_that_the_user_scaled_are_not_dequantised(saved: Any) -> None:
    path = saved(x_data=np.ones((5, 8), np.int8))
    scaled = opened(path, REAL, preprocess=parse_preprocess(scale="1/255"))
    assert scaled.describe_by(opened(path, STORED)) == []
    assert scaled.unscaled() == {}


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 1, 8, 8), (5, 8, 1, 8, 1)])
def test_dimensions_of_one_need_not_be_there(saved: Any, shape: tuple[int, ...]) -> None:
    values = np.arange(5 * 64, dtype=np.float32).reshape(shape)
    assert np.array_equal(x_of(opened(saved(x_data=values))), values.reshape(5, 8, 8, 1))
    assert "wants samples" in why_not(saved(x_data=np.zeros((5, 64), np.float32)))


def test_a_model_without_a_batch_dimension_takes_whole_samples(saved: Any) -> None:
    waves = np.random.default_rng(0).normal(size=(5, 160)).astype(np.float32)
    data = opened(saved(x_data=waves, y_data=np.arange(5)), TensorSpec("wave", "float32", (160,)))
    assert (data.batch_size, data.batched) == (1, False)
    rows = [row for batches in data.batches() for row in batches.inputs[0]]
    assert np.array_equal(np.stack(rows), waves)
    assert y_of(data) == [0, 1, 2, 3, 4]
