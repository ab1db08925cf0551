"""The bundled demo files are the ones the manifest describes, and they are fit to ship."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from edgeloop import demo

MANIFEST = json.loads((demo.ASSETS / "MANIFEST.json").read_text(encoding="utf-8"))
MODELS = MANIFEST["models"]
ENTRIES = [*MODELS, MANIFEST["data"]]
BUDGET_BYTES = 100_000  # compressed: a tenth of what the whole wheel may weigh
CLASSES = 10
DARKEST = 16  # a pixel counts the set bits of a 4x4 block


def by_file(entry):
    return entry["file"]


@pytest.fixture(scope="module")
def held_out():
    with np.load(demo.ASSETS / MANIFEST["data"]["file"], allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def decompressed(path: Path) -> bytes:
    """Return a file's content, with the members unpacked where it is a zip archive."""
    content = path.read_bytes()
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content
    with zipfile.ZipFile(path) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


@pytest.mark.parametrize("entry", ENTRIES, ids=by_file)
def test_file_is_the_one_in_the_manifest(entry):
    content = (demo.ASSETS / entry["file"]).read_bytes()
    assert len(content) == entry["bytes"]
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]


def test_manifest_lists_every_file():
    shipped = {path.name for path in demo.ASSETS.iterdir()} - {"MANIFEST.json"}
    assert shipped == {entry["file"] for entry in ENTRIES}


def test_assets_stay_in_their_size_budget():
    contents = [path.read_bytes() for path in demo.ASSETS.iterdir()]
    assert sum(len(zlib.compress(content)) for content in contents) <= BUDGET_BYTES


@pytest.mark.parametrize("entry", ENTRIES, ids=by_file)
def test_no_path_of_the_build_machine_is_shipped(entry):
    content = decompressed(demo.ASSETS / entry["file"])
    for trace in (b"/home/", b"/root/", b"/work/", b"/tmp/", b"site-packages", b"train.py"):
        assert trace not in content


@pytest.mark.parametrize("entry", MODELS, ids=by_file)
def test_content_is_of_the_stated_format(entry):
    path = demo.ASSETS / entry["file"]
    content = path.read_bytes()
    if entry["format"] == "tflite":
        assert content[4:8] == b"TFL3"
    elif entry["format"] == "onnx":
        assert content[0] == 0x08  # protobuf field 1, ir_version, as a varint
        assert b"logits" in content
    else:
        assert entry["format"] == "pytorch"
        with zipfile.ZipFile(path) as archive:
            assert "archive/constants.pkl" in archive.namelist()


def test_held_out_arrays_have_the_documented_form(held_out):
    assert set(held_out) == {"x_data", "y_data"}
    images, labels = held_out["x_data"], held_out["y_data"]
    assert images.dtype == np.uint8
    assert images.shape == (len(labels), 8, 8, 1)
    assert labels.dtype == np.int64
    assert images.min() == 0
    assert images.max() == DARKEST


def test_held_out_classes_are_balanced(held_out):
    counts = np.bincount(held_out["y_data"], minlength=CLASSES)
    assert len(counts) == CLASSES
    assert counts.min() >= 0.9 * counts.mean()
    assert counts.max() <= 1.1 * counts.mean()


def test_no_held_out_image_appears_twice(held_out):
    images = held_out["x_data"]
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)


def test_held_out_images_are_not_sorted_by_class(held_out):
    """A prefix must stand for the whole: a quick run may evaluate only the first images."""
    assert len(set(held_out["y_data"][:50].tolist())) == CLASSES


@pytest.mark.parametrize("entry", MODELS, ids=by_file)
def test_accuracy_was_measured_on_the_whole_set_and_is_good(entry, held_out):
    assert entry["total"] == len(held_out["y_data"])
    assert 0.98 * entry["total"] <= entry["correct"] <= entry["total"]


def test_int8_is_within_a_point_of_float():
    correct = {(model["format"], model["precision"]): model["correct"] for model in MODELS}
    for model in MODELS:
        loss = correct[model["format"], "fp32"] - model["correct"]
        assert loss <= 0.01 * model["total"]


def test_data_keep_their_attribution():
    source = MANIFEST["data"]["source"]
    assert source["licence"] == "CC BY 4.0"
    assert source["authors"]
    assert source["url"].startswith("https://doi.org/")


def test_variants_follow_the_manifest():
    found = demo.variants()
    assert [variant.path.name for variant in found] == [model["file"] for model in MODELS]
    assert [variant.name for variant in found] == [
        "tflite-fp32",
        "tflite-int8",
        "onnx-fp32",
        "onnx-int8",
        "pytorch-fp32",
    ]
    for variant in found:
        assert variant.path.is_file()
        assert variant.data_path.is_file()
        assert variant.data_layout == "nhwc"
        assert variant.layout == ("nhwc" if variant.format == "tflite" else "nchw")


def test_listing_the_variants_imports_nothing_heavy():
    """Whoever only names the variants, such as a help text, needs no numpy for it."""
    code = (
        "import sys; from edgeloop import demo; demo.variants(); "
        "print(sorted({'numpy', 'scipy', 'sklearn', 'torch', 'onnx'} & set(sys.modules)))"
    )
    package_root = str(Path(demo.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {package_root!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
