"""Which of the options for PyTorch apply."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edgeloop.demo import ASSETS
from edgeloop.errors import ModelError, UsageError
from edgeloop.runtimes import runtime
from edgeloop.runtimes.choice.resolution import torch_modes
from edgeloop.spec.run import RunSpec

MODEL = str(ASSETS / "digits_float32.pt")


@pytest.fixture
def package(tmp_path: Path) -> str:
    path = tmp_path / "m.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data/aotinductor/model/c.wrapper.so", b"")
    return str(path)


def test_without_options_the_file_decides() -> None:
    assert torch_modes(RunSpec(MODEL), ("torch",)) == (None,)
    assert torch_modes(RunSpec(MODEL), ("onnxruntime",)) == (None,)


def test_modes_are_told_once_each() -> None:
    spec = RunSpec(MODEL, torch_mode=("Eager,script", "eager"))
    assert torch_modes(spec, ("torch",)) == ("eager", "script")
    assert torch_modes(RunSpec(MODEL, torch_mode="compile"), ("torch",)) == ("compile",)


def test_only_torch_has_modes() -> None:
    with pytest.raises(UsageError, match="--device is for torch and openvino, not for litert"):
        torch_modes(RunSpec(MODEL, device="cuda"), ("litert",))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"torch_mode": "scripted"}, "did you mean 'script'"),
        ({"torch_mode": "aotinductor"}, "compiled before"),
        ({"device": "gpu"}, "unknown device"),
    ],
)
def test_what_is_no_mode(options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        torch_modes(RunSpec(MODEL, **options), ("torch",))  # type: ignore[arg-type]


def test_a_package_is_for_the_cpu(package: str) -> None:
    with pytest.raises(UsageError, match="compiled for the CPU"):
        torch_modes(RunSpec(MODEL, package=package, device="cuda"), ("torch",))
    with pytest.raises(ModelError, match="not an AOTInductor package but pytorch"):
        torch_modes(RunSpec(MODEL, package=MODEL), ("torch",))


def test_native_loops_are_those_of_the_package(package: str) -> None:
    torch = runtime("torch")
    assert set(torch.engine_of(None).missing_loops) == {"native", "binding"}
    assert torch.engine_of(package).missing_loops == {}
    assert torch.engine_of(package).name == "aotinductor"
    assert torch.engine_of(None).name == "torch"
