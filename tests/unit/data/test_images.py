"""Pictures as data: folders, CSV files, one file; what is corrupt is counted and named."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop.data.model_data import ModelData
from edgeloop.data.opening import open_data
from edgeloop.data.picture import UnreadablePictureError, decode
from edgeloop.data.step_times import StepTimes
from edgeloop.errors import CheckFailedError, ModelError, NotAvailableError, UsageError
from edgeloop.spec.inputs import InputSource, parse_preprocess
from edgeloop.spec.load import TensorSpec

Image = pytest.importorskip("PIL.Image", reason="pip install pillow: pictures")

NHWC = TensorSpec("image", "float32", (1, 4, 6, 3))
NCHW = TensorSpec("image", "float32", (1, 3, 4, 6))


def opened(path: Path, spec: TensorSpec = NHWC, times: Any = None, **said: Any) -> ModelData:
    pixels = {
        name: said.pop(name)
        for name in ("resize", "crop", "color", "scale", "mean", "std")
        if name in said
    }
    source = InputSource(0, str(path), preprocess=parse_preprocess(**pixels), **said)
    return open_data(source, (spec,), times)


def x_of(data: ModelData) -> np.ndarray:
    return np.concatenate([chunk.x["image"] for chunk in data.chunks(2)])


def y_of(data: ModelData) -> list[Any]:
    return [label for chunk in data.chunks(2) for label in np.asarray(chunk.labels).tolist()]


def save(path: Path, colour: tuple[int, int, int] = (10, 20, 30), size: tuple[int, int] = (6, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(("bird", "cat", "dog")):
        for index in range(2):
            save(tmp_path / "set" / name / f"{index}.png", (number, index, 0))
    return tmp_path / "set"


def corrupt(path: Path) -> Path:
    save(path)
    path.write_bytes(path.read_bytes()[:40])  # in the middle of its pixels
    return path


def test_a_folder_for_each_class(folder: Path) -> None:
    (folder / "cat" / "notes.txt").write_text("no picture", encoding="utf-8")
    (folder / ".cache").mkdir()
    data = opened(folder)
    assert data.n == 6
    assert y_of(data) == [0, 0, 1, 1, 2, 2]
    assert x_of(data)[:, 0, 0, :2].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]
    assert "alphabetical order (bird = 0, cat = 1, dog = 2" in data.notes[0]
    assert "NOT SCALED" in data.notes[-1]


def test_folders_are_classes_of_the_file_of_names(folder: Path, tmp_path: Path) -> None:
    names = tmp_path / "labels.txt"
    names.write_text("background\ndog\ncat\nbird\n", encoding="utf-8")
    assert y_of(opened(folder, labels=str(names))) == [3, 3, 2, 2, 1, 1]
    names.write_text("dog\ncat\n", encoding="utf-8")
    with pytest.raises(ModelError, match="the folder 'bird' is not a class of"):
        opened(folder, labels=str(names))


def test_a_folder_without_pictures_takes_no_class_number(folder: Path) -> None:
    (folder / "__MACOSX").mkdir()
    save(folder / "__MACOSX" / "._a.png")
    save(folder / "__MACOSX" / "a.png")
    (folder / "archive").mkdir()
    (folder / "archive" / "list.txt").write_text("no picture", encoding="utf-8")
    data = opened(folder)
    assert y_of(data) == [0, 0, 1, 1, 2, 2]
    assert data.ordered == 3
    assert "folders without pictures are not classes: archive" in data.notes


def test_a_folder_beside_loose_pictures_that_holds_none_makes_no_classes(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    (tmp_path / "notes").mkdir()
    assert opened(tmp_path).labels is None


# EXIF's orientations, and what brings an upright picture into each.
STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", STORED_AS)
def test_a_picture_is_turned_as_its_exif_data_says(orientation: int, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    upright = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright.transpose(STORED_AS[orientation]).save(tmp_path / "turned.png", exif=exif)
    upright.save(tmp_path / "upright.png")
    data = opened(tmp_path)
    assert np.array_equal(x_of(data), np.stack([pixels, pixels]).astype(np.float32))
    assert data.found_notes() == ["1 of 2 pictures were turned upright, as their EXIF data says"]


def test_damaged_exif_data_leaves_the_picture_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (6, 4)).save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12")
    data = opened(path)
    assert len(x_of(data)) == 1
    assert data.found_notes() == []


def test_folders_called_by_numbers_are_those_classes(tmp_path: Path) -> None:
    for name in ("0", "2", "10"):  # in alphabetical order 10 comes before 2
        save(tmp_path / name / "a.png", (int(name), 0, 0))
    data = opened(tmp_path)
    assert y_of(data) == x_of(data)[:, 0, 0, 0].tolist() == [0, 10, 2]


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "b.JPG")
    data = opened(tmp_path)
    assert (data.n, data.labels) == (2, None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="holds neither pictures"):
        opened(tmp_path / "empty")


def test_a_csv(folder: Path, tmp_path: Path) -> None:
    listing = folder / "list.csv"
    listing.write_text("cat/0.png,7\n\ndog/1.png,3\n", encoding="utf-8")
    data = opened(listing)
    assert y_of(data) == [7, 3]
    assert x_of(data)[:, 0, 0, :2].tolist() == [[1, 0], [2, 1]]
    listing.write_text("label,size,file\n0.5,9,cat/0.png\n1.5,9,dog/1.png\n", encoding="utf-8")
    assert y_of(opened(listing)) == [0.5, 1.5]
    listing.write_text("file\ncat/0.png\n", encoding="utf-8")
    assert opened(listing).labels is None
    names = tmp_path / "labels.txt"
    names.write_text("dog\ncat\n", encoding="utf-8")
    listing.write_text("cat/0.png,cat\ndog/1.png,dog\n", encoding="utf-8")
    assert y_of(opened(listing, labels=str(names))) == [1, 0]
    with pytest.raises(ModelError, match="'cat' is not a number; --labels FILE"):
        opened(listing)


def test_a_csv_may_list_pictures_anywhere(folder: Path) -> None:
    save(folder.parent / "other.png")
    listing = folder / "list.csv"
    lines = ("cat/0.png,0", "../other.png,1", f"{folder.parent / 'other.png'},1")
    listing.write_text("\n".join(lines), encoding="utf-8")
    assert opened(listing).n == 3
    assert y_of(opened(listing)) == [0, 1, 1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "lists no pictures"),
        (b"file,label\n", "lists no pictures"),
        (b"a.png,1\nb.png,\n", "some pictures have a label and some have none"),
        (b"\xff\xfe\x00", "cannot be read as CSV"),
    ],
)
def test_a_csv_that_is_none(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(ModelError, match=words):
        opened(tmp_path / "list.csv")


def test_one_picture_and_more(folder: Path) -> None:
    one, other = folder / "cat" / "0.png", folder / "dog" / "1.png"
    assert x_of(opened(one)).shape == (1, 4, 6, 3)
    data = opened(one, pictures=(str(other),))
    assert x_of(data)[:, 0, 0, 0].tolist() == [1, 2]


def test_corrupt_pictures_are_counted_and_named_and_the_run_goes_on(folder: Path) -> None:
    bad = [corrupt(folder / "bird" / "1.png"), folder / "dog" / "0.png", folder / "cat" / "9.jpg"]
    bad[1].write_bytes(b"")
    bad[2].write_bytes(b"GIF89a" + b"\0" * 40)
    data = opened(folder)
    assert data.n == 7
    assert y_of(data) == [0, 1, 1, 2]
    assert sorted(one.name for one in data.skipped) == sorted(map(str, bad))
    assert all(one.reason for one in data.skipped)
    y_of(data)
    assert len(data.skipped) == 3  # counted once, however often the set is read


def test_strict_stops_at_the_first(folder: Path) -> None:
    bad = corrupt(folder / "cat" / "1.png")
    with pytest.raises(CheckFailedError, match=f"the picture {bad} cannot be used"):
        x_of(opened(folder, strict=True))


def test_a_folder_of_nothing_but_corrupt_pictures(tmp_path: Path) -> None:
    corrupt(tmp_path / "a.png")
    corrupt(tmp_path / "b.png")
    with pytest.raises(ModelError, match=r"none of the 2 pictures .*a\.png"):
        x_of(opened(tmp_path))
    with pytest.raises(ModelError, match="none of the 2"):
        opened(tmp_path).first_inputs()
    with pytest.raises(ModelError, match=r"^the picture .*a\.png cannot be read: "):
        opened(tmp_path / "a.png").first_inputs()


def test_why_a_picture_cannot_be_read_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UnreadablePictureError, match=r"^it is not a picture, or of an unknown"):
        decode(str(tmp_path / "a.png"), "rgb")
    with pytest.raises(UnreadablePictureError, match=r"^No such file or directory$"):
        decode(str(tmp_path / "none.png"), "rgb")


def test_the_first_picture_may_be_the_corrupt_one(folder: Path) -> None:
    corrupt(folder / "bird" / "0.png")
    assert opened(folder).first_inputs()[0][0, 0, 0].tolist() == [0, 1, 0]


def bomb(path: Path, width: int) -> Path:
    """Write a PNG that claims to be of so many pixels; it has none."""
    header = struct.pack(">IIBBBBB", width, width, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    data = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


@pytest.mark.parametrize("width", [10_000, 100_000])  # Pillow warns of the one, fails on the other
def test_a_decompression_bomb_is_a_corrupt_picture(width: int, folder: Path) -> None:
    path = bomb(folder / "cat" / "bomb.png", width)
    data = opened(folder)
    assert len(y_of(data)) == 6
    (skipped,) = data.skipped
    assert skipped.name == str(path)
    assert "as files made to fill the memory do" in skipped.reason


def test_sixteen_bits_are_refused_and_not_cut(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 6), 40_000, np.uint16)).save(tmp_path / "deep.png")
    save(tmp_path / "flat.png")
    data = opened(tmp_path)
    assert len(x_of(data)) == 1
    assert "only 8 bits a channel are read" in data.skipped[0].reason


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_other_modes_become_the_models(mode: str, tmp_path: Path) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    Image.new("RGB", (6, 4), (255, 255, 255)).convert(mode).save(tmp_path / f"a.{suffix}")
    assert x_of(opened(tmp_path)).min() == 255
    gray = TensorSpec("image", "float32", (1, 4, 6, 1))
    assert x_of(opened(tmp_path, gray)).shape == (1, 4, 6, 1)
    flat = TensorSpec("image", "float32", (1, 4, 6))
    assert x_of(opened(tmp_path, flat)).shape == (1, 4, 6)


def test_colours_and_layouts(tmp_path: Path) -> None:
    save(tmp_path / "a.png", (10, 20, 30))
    assert x_of(opened(tmp_path))[0, 0, 0].tolist() == [10, 20, 30]
    assert x_of(opened(tmp_path, color="BGR"))[0, 0, 0].tolist() == [30, 20, 10]
    assert x_of(opened(tmp_path, NCHW))[0, :, 0, 0].tolist() == [10, 20, 30]
    assert x_of(opened(tmp_path, NCHW)).shape == (1, 3, 4, 6)
    with pytest.raises(ModelError, match="--color gray gives 1 channels, but the model takes 3"):
        opened(tmp_path, color="gray")
    cube = TensorSpec("image", "float32", (1, 3, 3, 3))
    with pytest.raises(UsageError, match="may be NHWC or NCHW: give --data-layout"):
        opened(tmp_path, cube)
    assert x_of(opened(tmp_path, cube, layout="nchw"))[0, :, 0, 0].tolist() == [10, 20, 30]
    with pytest.raises(ModelError, match="does not take pictures"):
        opened(tmp_path, TensorSpec("x", "float32", (1, 640)))


def gradient(path: Path, height: int, width: int) -> Path:
    values = np.zeros((height, width, 3), np.uint8)
    values[..., 0] = np.arange(height)[:, np.newaxis]
    values[..., 1] = np.arange(width)
    Image.fromarray(values).save(path)
    return path


def corners(values: np.ndarray) -> list[int]:
    """Return the first and last row, and the first and last column, of a gradient."""
    return [*values[[0, -1], 0, 0].astype(int), *values[0, [0, -1], 1].astype(int)]


def test_the_middle_is_cropped(tmp_path: Path) -> None:
    path = gradient(tmp_path / "a.png", 40, 60)
    assert corners(x_of(opened(path, crop="4x6"))[0]) == [18, 21, 27, 32]
    square = TensorSpec("image", "float32", (1, 8, 8, 3))
    assert corners(x_of(opened(path, square, crop=8))[0]) == [16, 23, 26, 33]
    # The shorter side to 20 halves the picture: the middle 8 of 20 and of 30.
    halved = x_of(opened(path, square, resize=20, crop=8))[0]
    assert corners(halved) == pytest.approx([12, 26, 22, 36], abs=1)
    assert np.array_equal(halved, x_of(opened(path, square, resize="20"))[0])
    # The middle half of the shorter side (20 of 40), brought to 8.
    share = x_of(opened(path, square, crop="50%"))[0]
    assert corners(share) == pytest.approx([11, 28, 21, 38], abs=1)
    assert np.array_equal(share, x_of(opened(path, square, crop=0.5))[0])
    with pytest.raises(ModelError, match="give pictures of 9x9, but the model takes 8x8"):
        opened(path, square, crop=9)
    with pytest.raises(ModelError, match="give pictures of 9x8"):
        opened(path, square, resize="9x8")


def test_a_picture_smaller_than_the_crop_is_left_out(tmp_path: Path) -> None:
    gradient(tmp_path / "a.png", 40, 60)
    gradient(tmp_path / "b.png", 3, 60)
    data = opened(tmp_path, crop="4x6")
    assert len(x_of(data)) == 1
    assert "its 3x60 pixels are fewer than the 4x6 to crop" in data.skipped[0].reason


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"resize": "224,224"}, "--resize 224,224: write HEIGHTxWIDTH"),
        ({"resize": "0"}, "write HEIGHTxWIDTH"),
        ({"resize": "1x2x3"}, "write HEIGHTxWIDTH"),
        ({"crop": "120%"}, "a share lies above 0 %"),
        ({"crop": "x"}, "--crop x: write"),
        ({"color": "rbg"}, "did you mean 'rgb'"),
        ({"mean": "1,b"}, "--mean 1,b: write numbers"),
        ({"std": "1,0"}, "--std holds 0"),
        ({"scale": "1/0"}, "--scale 1/0: write numbers"),
        ({"scale": "1,2"}, "--scale is one number"),
        ({"mean": "nan"}, "--mean nan: write numbers"),
    ],
)
def test_options_that_are_none_show_the_right_form(said: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_preprocess(**said)
    assert words in str(caught.value)


def test_values_for_other_channels_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="--mean has 2 values, but the pictures have 3 channels"):
        opened(tmp_path, mean="1,2")


def stored(data: ModelData) -> list[int]:
    (batches,) = data.batches()
    values: list[int] = batches.inputs[0][0, 0, 0, 0].tolist()
    return values


def quantized(dtype: str, scale: float, zero_point: int) -> TensorSpec:
    return TensorSpec("image", dtype, (1, 4, 6, 3), scales=(scale,), zero_points=(zero_point,))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (quantized("uint8", 1 / 128, 128), "as they are, in the model's own uint8"),
        (quantized("uint8", 1 / 255, 0), "as they are, in the model's own uint8"),
        (quantized("int8", 1.0, -128), "0 to 255 as real values"),
        (quantized("int8", 1 / 255, -128), "value / 255"),
        (quantized("int8", 1 / 127.5, -1), "(value − 127.5) / 127.5"),
        (quantized("int8", 1 / 128, 0), "(value − 127.5) / 127.5"),
    ],
    ids=["uint8", "uint8 0..1", "0..255", "0..1", "-1..1", "-1..1 of 128"],
)
def test_a_quantised_input_tells_what_pixels_become(
    spec: TensorSpec, words: str, tmp_path: Path
) -> None:
    save(tmp_path / "a.png", (0, 100, 255))
    data = opened(tmp_path, spec)
    assert words in data.notes[-1]
    expected = [0, 100, 255] if spec.dtype == "uint8" else [-128, -28, 127]
    assert stored(data) == pytest.approx(expected, abs=1)
    assert data.clipped_shares()["image"] <= 1 / 3


def test_scaled_pixels_of_a_uint8_model_are_quantised(tmp_path: Path) -> None:
    save(tmp_path / "a.png", (0, 100, 255))
    spec = quantized("uint8", 1 / 128, 128)
    assert stored(opened(tmp_path, spec, mean=128, std=128)) == [0, 100, 255]


def test_each_step_of_the_preprocessing_is_timed(folder: Path) -> None:
    times = StepTimes()
    data = opened(folder, times=times)
    list(data.batches())
    for step in ("decode", "resize", "quantize"):
        assert times.durations_ns(step).shape == (6,)
        assert (times.durations_ns(step) > 0).all()
    times.clear()
    assert not times.durations_ns("decode").size
    plain = opened(folder)
    (timed,), (untimed,) = data.batches(), plain.batches()
    assert np.array_equal(timed.inputs[0], untimed.inputs[0])


def test_batches_of_several_pictures(folder: Path) -> None:
    corrupt(folder / "bird" / "1.png")
    spec = TensorSpec("image", "float32", (4, 4, 6, 3))
    (batches,) = opened(folder, spec).batches()
    assert (batches.runs, batches.samples) == (2, 5)
    assert np.asarray(batches.labels).tolist() == [0, 1, 1, 2, 2]


def test_without_pillow_the_command_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(NotAvailableError, match=r"pip install 'edgeloop\[eval\]'"):
        opened(folder)


def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    path = os.fsencode(str(tmp_path)) + b"/\xff.png"
    save(tmp_path / "a.png")
    os.rename(tmp_path / "a.png", path)  # noqa: PTH104 - bytes
    assert x_of(opened(tmp_path)).shape == (1, 4, 6, 3)


def test_a_pipe_is_no_data_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data.npz")
    with pytest.raises(ModelError, match="neither a file nor a folder"):
        opened(tmp_path / "data.npz")
