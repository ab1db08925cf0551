"""A damaged model ends in a summary or in one clear sentence, never in anything else."""

from __future__ import annotations

import json
import zipfile

import pytest

from edgeloop.errors import ModelError
from edgeloop.models.inspect import inspect_model
from edgeloop.models.onnx_worker import summarise_each

MUTATIONS = 200
SEED = 20261121


def check_sentence(error):
    assert "\n" not in str(error)
    assert len(str(error)) < 600
    assert str(error).isprintable()


def fuzz(content, path, mutations):
    summaries = 0
    for data in mutations(content, MUTATIONS, SEED):
        path.write_bytes(data)
        try:
            json.dumps(inspect_model(path).as_dict(), allow_nan=False)
            summaries += 1
        except ModelError as error:
            check_sentence(error)
    return summaries


@pytest.mark.parametrize(
    "name", ["digits_int8.tflite", "digits_float32.tflite", "digits_float32.pt"]
)
def test_bundled_models(tmp_path, asset, mutations, name):
    summaries = fuzz(asset(name).read_bytes(), tmp_path / name, mutations)
    assert 0 < summaries < MUTATIONS


@pytest.mark.parametrize(
    "name",
    [
        "cifar10_resnet/pretrainedResnet_quant.tflite",
        "toycar_autoencoder/ad01_int8.tflite",
        "cifar10_resnet/resnet20_state_dict.pth",
        "cifar10_resnet/resnet20-12fca82f.th",
    ],
)
def test_published_models(tmp_path, shared, mutations, name):
    summaries = fuzz(shared(name).read_bytes(), tmp_path / "model", mutations)
    assert 0 < summaries < MUTATIONS


def test_pickles_whose_archive_is_sound(tmp_path, asset, mutations):
    with zipfile.ZipFile(asset("digits_float32.pt")) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    summaries = 0
    for data in mutations(members["archive/constants.pkl"], MUTATIONS, SEED):
        with zipfile.ZipFile(tmp_path / "m", "w") as archive:
            for name, content in {**members, "archive/constants.pkl": data}.items():
                archive.writestr(name, content)
        try:
            json.dumps(inspect_model(tmp_path / "m").as_dict(), allow_nan=False)
            summaries += 1
        except ModelError as error:
            check_sentence(error)
    assert 0 < summaries < MUTATIONS


@pytest.mark.parametrize("name", ["digits_int8.onnx"])
def test_onnx_models(tmp_path, asset, mutations, name):
    """All in one child, whose forks die of what the onnx package cannot bear."""
    pytest.importorskip("onnx")
    paths = []
    for number, data in enumerate(mutations(asset(name).read_bytes(), MUTATIONS, SEED)):
        paths.append(tmp_path / f"{number}.onnx")
        paths[-1].write_bytes(data)
    answers = summarise_each(paths)
    assert len(answers) == MUTATIONS
    errors = [answer for answer in answers if isinstance(answer, ModelError)]
    for error in errors:
        check_sentence(error)
        assert "the onnx package failed on it" not in str(error)
    assert 0 < len(errors) < MUTATIONS
    for answer in answers:
        if answer not in errors:
            json.dumps(answer.as_dict(), allow_nan=False)
