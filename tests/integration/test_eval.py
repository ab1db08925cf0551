"""`eval` and `predict` on the real models: the figures of the data's manifest, and bad data."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeloop
from edgeloop.demo import ASSETS
from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import runtime

pytest.importorskip("sklearn", reason="pip install scikit-learn: the metrics of eval")

CIFAR = "cifar10_resnet/cifar10_test1000_uint8_nhwc.npz"
RESNET8 = "cifar10_resnet/pretrainedResnet.tflite"
RESNET8_INT8 = "cifar10_resnet/pretrainedResnet_quant.tflite"
RESNET20 = "cifar10_resnet/resnet20.onnx"
RESNET20_DATA = "cifar10_resnet/cifar10_test500_float32_nchw_norm.npz"
MOBILENET = "imagenet_mobilenet/mobilenet_v2_1.0_224_quant.tflite"
IMAGENET = "imagenet_mobilenet/imagenet100_uint8_nhwc_224_y1001.npz"
IMAGENET_FLOAT = "imagenet_mobilenet/imagenet20_float32_nhwc_224_pm1_y1001.npz"
MOBILENET_ONNX = "imagenet_mobilenet/mobilenet_v2_quant.onnx"
IMAGENET_ONNX = "imagenet_mobilenet/imagenet40_float32_nchw_224_norm_y1000.npz"
PHOTOS = "imagenet_mobilenet/photos"
LABELS = "imagenet_mobilenet/imagenet_labels.txt"
TOYCAR = "toycar_autoencoder/toycar_normal_id01_00000000_196x640_float32.npz"
TOYCAR_FLOAT = "toycar_autoencoder/ad01_fp32.tflite"
TOYCAR_INT8 = "toycar_autoencoder/ad01_int8.tflite"
SSD = "coco_ssd/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite"
SSD_DATA = "coco_ssd/ssd_photos_uint8_nhwc_300.npz"
SSD_PHOTOS = "coco_ssd/photos"
SSD_LABELS = "coco_ssd/coco_labels.txt"
# The rows of the arrays.
SSD_ROWS = ("cats_and_dogs", "cat", "pets", "hot_dog")
SSD_EXPECTED = "coco_ssd/ssd_photos_expected_outputs.npz"

DIGITS = ASSETS / "digits_float32.tflite"
DIGITS_DATA = ASSETS / "digits_test.npz"

# What mobilenet_v2_1.0_224_quant sees in photos/, whole and resized bilinear, by the manifest.
SEEN = {
    "cat": 286, "sunflower": 986, "parrot": 89, "owl": 83,
    "dragonfly": 320, "hot_dog": 935, "bird": 20, "grace_hopper": 653,
}  # fmt: skip


def require(name: str) -> None:
    try:
        runtime(name).find(None)
    except NotAvailableError as error:
        pytest.skip(f"{name} is not here: {error}")


def evaluated(command_line: Any, *arguments: str) -> dict[str, Any]:
    done = command_line("eval", *arguments, "--json", "-")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


ACCURACIES = [
    # Kernels differ by CPU: one sample in a hundred for quantised models, one in all for float.
    (RESNET8, "litert", CIFAR, 751, 1000, 1),
    (RESNET8_INT8, "litert", CIFAR, 752, 1000, 5),
    (MOBILENET, "litert", IMAGENET, 86, 100, 1),
    (MOBILENET, "litert", IMAGENET_FLOAT, 18, 20, 1),
    (MOBILENET_ONNX, "onnxruntime", IMAGENET_ONNX, 26, 40, 1),
    (RESNET20, "onnxruntime", RESNET20_DATA, 399, 500, 1),
]


@pytest.mark.parametrize(("model", "name", "data", "correct", "n", "tolerance"), ACCURACIES)
def test_accuracy_of_the_manifest(
    model: str, name: str, data: str, correct: int, n: int, tolerance: int,
    shared_data: Path, command_line: Any,
) -> None:  # fmt: skip
    require(name)
    result = evaluated(command_line, str(shared_data / model), str(shared_data / data))
    accuracy = result["accuracy"]
    assert accuracy["task"] == "classification"
    assert accuracy["n"] == n
    assert abs(accuracy["correct"] - correct) <= tolerance
    low, high = accuracy["accuracy_ci95"]
    assert low < accuracy["accuracy"] < high
    assert accuracy["accuracy"] <= accuracy["top_5_accuracy"]
    # The accuracy comes of the runs that were timed: one for each sample.
    assert result["summary"]["n"] == n


def test_the_same_accuracy_in_every_loop(shared_data: Path, command_line: Any) -> None:
    require("litert")
    data = str(shared_data / IMAGENET_FLOAT)
    found = {
        loop: evaluated(command_line, str(shared_data / MOBILENET), data, "--loops", loop)
        for loop in ("native", "binding", "framework", "framework-io")
    }
    for loop, result in found.items():
        for name in ("correct", "log_loss"):
            assert result["accuracy"][name] == pytest.approx(
                found["native"]["accuracy"][name], rel=1e-6
            ), loop


@pytest.mark.parametrize("name", ["litert", "tflite", "onnxruntime"])
def test_instances_share_the_samples_and_keep_their_order(name: str, command_line: Any) -> None:
    require(name)
    model = DIGITS.with_suffix(".onnx") if name == "onnxruntime" else DIGITS
    one, three = (
        evaluated(
            command_line, str(model), str(DIGITS_DATA), "--runtime", name, "--layout", "nhwc",
            "--instances", str(instances), "--threads", "1",
        )
        for instances in (1, 3)
    )  # fmt: skip
    assert three["accuracy"] == one["accuracy"]
    assert three["summary"]["n"] == one["summary"]["n"] == three["data"]["samples"]
    assert (one["data"]["instances"], three["data"]["instances"]) == (1, 3)
    assert three["data"]["samples_per_s"] > 0


# Off the grid of the tensor: where it lies on it (whole pixels at scale 1) wrong rounding and a
# missing clip stay unseen.
def test_brightness_beyond_the_range_is_clipped_and_not_wrapped(
    shared_data: Path, command_line: Any, tmp_path: Path
) -> None:
    require("litert")
    path = tmp_path / "bright.npz"
    with np.load(shared_data / CIFAR) as arrays:
        np.savez(path, x_data=arrays["x_data"] * np.float32(1.25), y_data=arrays["y_data"])
    accuracy = evaluated(command_line, str(shared_data / RESNET8_INT8), str(path))["accuracy"]
    # 731 of 1000 where the tool quantises, 524 where a cast wraps around.
    assert abs(accuracy["correct"] - 731) <= 5


def test_pixels_from_minus_one_to_one_are_quantised(
    shared_data: Path, command_line: Any, tmp_path: Path
) -> None:
    require("litert")
    path = tmp_path / "scaled.npz"
    with np.load(shared_data / IMAGENET) as arrays:
        scaled = arrays["x_data"].astype(np.float32) / np.float32(127.5) - 1
        np.savez(path, x_data=scaled, y_data=arrays["y_data"])
    model = str(shared_data / MOBILENET)
    accuracy = evaluated(command_line, model, str(path))["accuracy"]
    # 85 of 100 where it is rounded to the nearest, 79 where it is cut off.
    assert abs(accuracy["correct"] - 85) <= 1
    # The same from the pixels themselves, scaled by the tool.
    by_tool = evaluated(
        command_line, model, str(shared_data / IMAGENET), "--mean", "127.5", "--std", "127.5"
    )
    assert by_tool["accuracy"]["correct"] == accuracy["correct"]


@pytest.mark.parametrize(
    ("model", "error", "tolerance"),
    # Float: the upstream's own figure. int8: kernels differ by a step of 0.36 here and there.
    [(TOYCAR_FLOAT, 9.7071, 1e-4), (TOYCAR_INT8, 10.265, 5e-3)],
)
def test_the_error_of_the_autoencoder(
    model: str, error: float, tolerance: float, shared_data: Path, command_line: Any
) -> None:
    require("litert")
    result = evaluated(command_line, str(shared_data / model), str(shared_data / TOYCAR))
    accuracy = result["accuracy"]
    assert accuracy["task"] == "regression"
    assert "640 values" in accuracy["task_reason"]
    assert accuracy["mean_squared_error"] == pytest.approx(error, rel=tolerance)


def test_agreement_with_a_reference_in_another_runtime(
    shared_data: Path, command_line: Any
) -> None:
    require("litert")
    require("onnxruntime")
    reference = f"{shared_data / 'toycar_autoencoder/ad01_fp32_tf2onnx.onnx'}@onnxruntime"
    result = evaluated(
        command_line, str(shared_data / TOYCAR_FLOAT), str(shared_data / TOYCAR),
        "--reference", f"{reference},batch-size=1",
    )  # fmt: skip
    (output,) = result["agreement"]["outputs"]
    assert "onnxruntime" in result["agreement"]["reference"]
    assert output["cosine"] == pytest.approx(1.0, abs=1e-6)  # float32 in two orders of summing
    assert output["max_error"] < 1e-2
    assert "top_1_agreement" not in output
    reference = f"{shared_data / RESNET8}@litert"
    result = evaluated(
        command_line, str(shared_data / RESNET8_INT8), str(shared_data / CIFAR),
        "--reference", reference,
    )  # fmt: skip
    (output,) = result["agreement"]["outputs"]
    low, high = output["top_1_agreement_ci95"]
    assert 0.9 < low < output["top_1_agreement"] < high


def test_a_detector_has_no_accuracy_on_classes_but_is_compared_by_what_it_detects(
    shared_data: Path, command_line: Any
) -> None:
    require("litert")
    model, data = str(shared_data / SSD), str(shared_data / SSD_DATA)
    done = command_line("eval", model, data)
    assert done.returncode == 4
    assert "is not one score for each class" in done.stderr
    result = evaluated(command_line, model, data, "--reference", f"{model}@litert,threads=1")
    assert result["accuracy"] is None
    assert len(result["agreement"]["outputs"]) == 4
    for output in result["agreement"]["outputs"]:
        assert output["max_error"] == 0.0
    detections = result["agreement"]["detections"]
    assert detections["kept_share"] == detections["iou"] == 1.0
    assert detections["reference_detections"] == detections["kept"] > 8
    assert detections["max_score_difference"] == 0.0


def test_a_detectors_map_is_that_of_pycocotools(
    shared_data: Path, command_line: Any, tmp_path: Path
) -> None:
    require("litert")
    pytest.importorskip("pycocotools", reason="pip install pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    photos = shared_data / SSD_PHOTOS
    with np.load(shared_data / SSD_EXPECTED) as expected:
        seen = {key: expected[key] for key in ("boxes", "classes", "scores")}
    sizes = {"cat": (512, 341), "cats_and_dogs": (1200, 600), "pets": (512, 430),
             "hot_dog": (512, 384)}  # fmt: skip
    names = (shared_data / SSD_LABELS).read_text(encoding="utf-8").splitlines()
    document: dict[str, Any] = {
        "categories": [
            {"id": number, "name": name}
            for number, name in enumerate(names, start=1)
            if name != "n/a"
        ],
        "images": [], "annotations": [],
    }  # fmt: skip
    results = []
    generator = np.random.default_rng(0)
    for row, stem in enumerate(SSD_ROWS):
        width, height = sizes[stem]
        document["images"].append({"id": row + 1, "file_name": f"{stem}.jpg"})
        for box, label, score in zip(*(seen[key][row] for key in seen)):
            top, left, bottom, right = np.clip(box, 0, 1) * (height, width, height, width)
            drawn = generator.uniform(-0.05, 0.05, 4) * (right - left)
            one = {"image_id": row + 1, "category_id": int(label) + 1}
            results.append({
                **one, "score": float(score),
                "bbox": [float(left), float(top), float(right - left), float(bottom - top)],
            })  # fmt: skip
            if score > 0.45:
                x0, y0 = max(left + drawn[0], 0), max(top + drawn[1], 0)
                x1, y1 = min(right + drawn[2], width), min(bottom + drawn[3], height)
                document["annotations"].append({
                    **one, "id": len(document["annotations"]) + 1, "iscrowd": 0,
                    "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0),
                })  # fmt: skip
    path = tmp_path / "photos.json"
    path.write_text(json.dumps(document))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))
        wanted = COCOeval(coco, coco.loadRes(results), "bbox")
        wanted.evaluate()
        wanted.accumulate()
        wanted.summarize()
    result = evaluated(
        command_line, str(shared_data / SSD), str(path), "--images", str(photos), "--per-class"
    )
    accuracy = result["accuracy"]
    assert (accuracy["decoder"], accuracy["n"]) == ("tflite-postprocess", 4)
    # The model as it runs here against its boxes as they were stored: JPEG decoders and kernels
    # differ by a pixel.
    for name, index in (("map_50_95", 0), ("map_50", 1), ("ar_100", 8)):
        assert accuracy[name] == pytest.approx(wanted.stats[index], abs=0.02)
    assert {one["name"] for one in accuracy["classes"]} >= {"cat", "dog", "hot dog"}


def test_all_outputs_of_a_detector_are_those_of_the_manifest(shared_data: Path) -> None:
    require("litert")
    from edgeloop.measure.data_set import run_outputs
    from edgeloop.measure.live_worker import LiveWorker
    from edgeloop.measure.monitor import Monitor
    from edgeloop.runtimes.choice.resolution import resolve
    from edgeloop.spec.run import RunSpec

    said = RunSpec(
        model=str(shared_data / SSD), runtimes=("litert",), data=str(shared_data / SSD_DATA)
    )
    (spec,) = resolve(said, "eval")
    with Monitor() as monitor, LiveWorker(spec, 0, monitor) as worker:
        outputs = [np.concatenate(parts) for parts in zip(*run_outputs(worker))]
        worker.stop()
    with np.load(shared_data / SSD_EXPECTED) as expected:
        sure = expected["scores"] > 0.5  # below, near-equal detections swap their places
        boxes, classes, scores, count = outputs
        assert count.ravel().tolist() == expected["count"].ravel().tolist()
        assert np.array_equal(classes[sure], expected["classes"][sure])
        # An int8 body: a few steps of its scores, 1/256 each.
        np.testing.assert_allclose(scores[sure], expected["scores"][sure], atol=2e-2)
        np.testing.assert_allclose(boxes[sure], expected["boxes"][sure], atol=2e-2)


def test_predict_names_what_is_on_the_photos(shared_data: Path, command_line: Any) -> None:
    require("litert")
    photos = sorted((shared_data / PHOTOS).iterdir())
    done = command_line(
        "predict", str(shared_data / MOBILENET), *map(str, photos),
        "--labels", str(shared_data / LABELS), "--top", "3", "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [Path(picture["path"]).stem for picture in document["pictures"]] == [
        photo.stem for photo in photos
    ]
    names = (shared_data / LABELS).read_text(encoding="utf-8").splitlines()
    right = 0
    for picture in document["pictures"]:
        best = picture["answers"][0]
        right += best["number"] == SEEN[Path(picture["path"]).stem]
        assert best["name"] == names[best["number"]].strip()
        assert len(picture["answers"]) == 3
        scores = [answer["score"] for answer in picture["answers"]]
        assert scores == sorted(scores, reverse=True)
    # Pillow's resizing differs a little between versions: one photo may fall to its second.
    assert right >= len(SEEN) - 1
    assert any("as they are, in the model's own uint8" in note for note in document["notes"])


def test_predict_prints_names_and_no_times(shared_data: Path, command_line: Any) -> None:
    require("litert")
    done = command_line(
        "predict", str(shared_data / MOBILENET), str(shared_data / PHOTOS / "cat.png"),
        "--labels", str(shared_data / LABELS),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Egyptian cat" in done.stdout
    assert " ms" not in done.stdout
    done = command_line(
        "predict", str(shared_data / RESNET8), str(shared_data / PHOTOS / "cat.png"),
        "--labels", str(shared_data / LABELS),
    )  # fmt: skip
    assert done.returncode == 0
    assert "NOT SCALED" in done.stderr
    assert "names 1001 classes, but the model has 10 outputs" in done.stdout


def test_photos_in_folders_by_class(shared_data: Path, command_line: Any, tmp_path: Path) -> None:
    require("litert")
    for photo in (shared_data / PHOTOS).iterdir():
        (tmp_path / "set" / str(SEEN[photo.stem])).mkdir(parents=True)
        shutil.copy(photo, tmp_path / "set" / str(SEEN[photo.stem]))
    bad = tmp_path / "set" / "286" / "broken.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n")
    folder = str(tmp_path / "set")
    result = evaluated(command_line, str(shared_data / MOBILENET), folder, "--include-preprocess")
    assert result["accuracy"]["n"] == 8
    assert result["accuracy"]["correct"] >= 7
    assert (result["data"]["listed"], result["data"]["skipped"]) == (9, 1)
    assert result["data"]["skipped_first"][0]["name"] == str(bad)
    assert any(warning["code"] == "data-skipped" for warning in result["warnings"])
    for step in ("decode", "resize", "quantize"):
        assert result["preprocess"][f"{step}_ns"] > 0
        assert result["preprocess"][f"{step}_n"] == 8
    done = command_line("eval", str(shared_data / MOBILENET), folder, "--strict")
    assert done.returncode == 1
    assert str(bad) in done.stderr


def test_labels_without_the_background_are_noticed(
    shared_data: Path, command_line: Any, tmp_path: Path
) -> None:
    require("litert")
    path = tmp_path / "y1000.npz"
    with np.load(shared_data / IMAGENET) as arrays:
        np.savez(path, x_data=arrays["x_data"][:30], y_data=arrays["y_data"][:30] - 1)
    model = str(shared_data / MOBILENET)
    result = evaluated(command_line, model, str(path))
    (warning,) = [one for one in result["warnings"] if one["code"] == "labels-shifted"]
    assert warning["fix"] == "add --label-offset 1"
    shifted = evaluated(command_line, model, str(path), "--label-offset", "1")
    assert shifted["accuracy"]["accuracy"] > 0.7


def test_the_bundled_digits_everywhere(command_line: Any, tmp_path: Path) -> None:
    require("litert")
    result = evaluated(command_line, str(DIGITS), str(DIGITS_DATA))
    assert result["accuracy"]["accuracy"] >= 0.98
    assert result["command"] == "eval"
    with np.load(DIGITS_DATA) as arrays:
        x, y = arrays["x_data"], arrays["y_data"]
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    pair = evaluated(command_line, str(DIGITS), str(tmp_path / "x.npy"))
    one_hot = tmp_path / "one_hot.npz"
    np.savez_compressed(one_hot, pixels=x, classes=np.eye(10, dtype=np.float32)[y])
    hot = evaluated(
        command_line, str(DIGITS), str(one_hot), "--x-key", "pixels", "--y-key", "classes"
    )
    for other in (pair, hot):
        for name in ("correct", "log_loss", "f1_macro", "confusion_matrix"):
            assert other["accuracy"][name] == result["accuracy"][name]


def test_arrays_are_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with np.load(DIGITS_DATA) as arrays:
        x, y = arrays["x_data"], arrays["y_data"]
    wanted = edgeloop.evaluate(DIGITS, DIGITS_DATA).accuracy
    assert edgeloop.evaluate(DIGITS, (x, y)).accuracy == wanted
    assert edgeloop.evaluate(DIGITS, {"x_data": x, "y_data": y}).accuracy == wanted
    timed = edgeloop.bench(DIGITS, data=(x, y), runs=2)
    assert timed.accuracy is not None
    assert timed.accuracy["accuracy"] == wanted["accuracy"]
    assert list(tmp_path.iterdir()) == []


def test_the_api_gives_the_same_as_the_command(command_line: Any) -> None:
    require("litert")
    result = edgeloop.evaluate(DIGITS, DIGITS_DATA, top_k=2)
    command = evaluated(command_line, str(DIGITS), str(DIGITS_DATA), "--top-k", "2")
    assert result.summary["accuracy"] == command["accuracy"]


def test_a_result_is_saved_and_read_again(command_line: Any, tmp_path: Path) -> None:
    require("litert")
    path = tmp_path / "digits.edgeloop.jsonl"
    result = evaluated(command_line, str(DIGITS), str(DIGITS_DATA), "--out", str(path))
    from edgeloop.results.store import read_result

    assert read_result(str(path)).summary["accuracy"] == result["accuracy"]


def test_every_kind_of_evaluation_is_within_the_schema(command_line: Any, tmp_path: Path) -> None:
    require("litert")
    jsonschema = pytest.importorskip("jsonschema", reason="pip install jsonschema")
    place = resources.files("edgeloop.results").joinpath("result.schema.json")
    schema = json.loads(place.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    values = tmp_path / "values.npz"
    with np.load(DIGITS_DATA) as arrays:
        labels = np.random.default_rng(0).random((len(arrays["x_data"]), 10))
        np.savez(values, x_data=arrays["x_data"], y_data=labels)
    known = schema["properties"]
    for data, more in ((DIGITS_DATA, ("--reference", str(DIGITS))), (values, ())):
        result = evaluated(command_line, str(DIGITS), str(data), "--include-preprocess", *more)
        validator.validate(result)
        assert {name for name in result if not name.endswith("_reason")} <= set(known)
        for name in result["accuracy"]:
            plain = name.removesuffix("_reason")
            assert {name, plain} & set(known["accuracy"]["properties"]) or name.startswith("top_")


BAD = [
    ({"x_data": np.zeros((4, 9, 9, 1), np.float32), "y_data": np.arange(4)}, "9x9x1"),
    ({"x_data": np.zeros((0, 8, 8, 1), np.float32), "y_data": np.arange(0)}, "has no samples"),
    ({"x_data": np.zeros((4, 8, 8, 1), np.float32)}, "no metrics: the data has no labels; name"),
    ({"x_data": np.zeros((4, 8, 8, 1), np.float32), "y_data": np.array([0, 1, 2, np.nan])},
     "the labels hold NaN"),
    ({"x_data": np.zeros((4, 8, 8, 1), np.float32), "y_data": np.array([0, 1, 2, 0.5])},
     "--task classification decides otherwise"),
    ({"x_data": np.zeros((4, 8, 8, 1), np.float32), "y_data": np.array([0, 1, 2, 10])},
     "run from 0 to 10, but the model has 10 outputs"),
    ({"x_data": np.zeros((4, 8, 8, 1), np.float32), "y_data": np.array([1, 2, 3, 10])},
     "--label-offset -1"),
    ({"x_data": np.zeros((4, 8, 8, 1), np.float32), "y_data": np.array(list("abcd"))},
     "give --labels FILE"),
    ({"x_data": np.full((4, 8, 8, 1), "x"), "y_data": np.arange(4)}, "which no model input takes"),
    ({"x_data": np.zeros((4, 8, 8, 1), np.float32), "y_data": np.zeros((4, 7))},
     "do not fit the model's output"),
    ({"x_data": np.full((4, 8, 8, 1), np.nan, np.float32), "y_data": np.arange(4)}, "hold NaN"),
]  # fmt: skip


@pytest.mark.parametrize(("arrays", "words"), BAD, ids=[words for _, words in BAD])
def test_data_that_does_not_fit_is_a_sentence_and_exit_4(
    arrays: dict[str, np.ndarray], words: str, command_line: Any, tmp_path: Path
) -> None:
    require("litert")
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    done = command_line("eval", str(DIGITS), str(path))
    assert done.returncode == 4, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--task", "clustering"), 2, "unknown task 'clustering'"),
        (("--top-k", "0"), 2, "--top-k must be"),
        (("--loops", "native,framework"), 2, "one loop"),
        (("--loops", "framework", "--instances", "2"), 2, "--instances needs the native loop"),
        (("--resize", "big"), 2, "--resize big: write"),
        (("--labels", "nowhere.txt"), 4, "nowhere.txt cannot be read"),
        (("--reference", "nowhere.onnx"), 4, "nowhere.onnx"),
    ],
)
def test_options_that_are_wrong(
    arguments: tuple[str, ...], code: int, words: str, command_line: Any
) -> None:
    require("litert")
    done = command_line("eval", str(DIGITS), str(DIGITS_DATA), *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr


def test_data_that_is_not_there(command_line: Any, tmp_path: Path) -> None:
    require("litert")
    done = command_line("eval", str(DIGITS), str(tmp_path / "none"))
    assert done.returncode == 4
    assert "does not exist" in done.stderr
    (tmp_path / "empty").mkdir()
    done = command_line("eval", str(DIGITS), str(tmp_path / "empty"))
    assert done.returncode == 4
    assert "neither pictures" in done.stderr


def _peak_bytes(path: Path) -> tuple[int, int]:
    """Evaluate in a process of its own; return the peak memory of it and of its worker."""
    import subprocess

    code = (
        "import sys, edgeloop; from edgeloop.measure.usage import usage; "
        "r = edgeloop.evaluate(sys.argv[1], sys.argv[2]); "
        "print(usage()['peak_rss_bytes'], r.invocations[0].peak_rss_bytes)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(DIGITS), str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    command, worker = done.stdout.split()
    return int(command), int(worker)


@pytest.mark.parametrize(
    "sizes_mb", [(20, 80), pytest.param((200, 800), marks=pytest.mark.slow)], ids=str
)
def test_memory_does_not_grow_with_the_set(sizes_mb: tuple[int, int], tmp_path: Path) -> None:
    require("litert")
    with np.load(DIGITS_DATA) as arrays:
        x, y = arrays["x_data"].astype(np.float64), arrays["y_data"]
    peaks = []
    for size_mb in sizes_mb:
        copies = (size_mb << 20) // x.nbytes
        path = tmp_path / "x.npy"
        header = {"descr": "<f8", "fortran_order": False, "shape": (len(x) * copies, 8, 8, 1)}
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for _ in range(copies):
                file.write(x.tobytes())
        np.save(tmp_path / "y.npy", np.tile(y, copies))
        peaks.append(_peak_bytes(path))
    for small, large in zip(*peaks):
        # 300 MB hold any set; the times of the runs, 8 bytes each up to a million, may grow.
        assert large < 300 << 20
        assert large - small < 32 << 20
