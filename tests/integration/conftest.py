"""Models and plugins that the tests make on the fly."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import edgeloop

_MODELS = Path(__file__).parent / "models"
_PLUGINS = Path(__file__).parents[1] / "plugins"


@pytest.fixture(scope="session")
def tiny():
    """The module that writes tiny TFLite models."""
    pytest.importorskip("flatbuffers", reason="pip install flatbuffers: models made on the fly")
    spec = spec_from_file_location("tiny_tflite", _MODELS / "tiny_tflite.py")
    module = module_from_spec(spec)
    sys.modules["tiny_tflite"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def write(tmp_path):
    """A function that writes bytes to a file and returns its path."""

    def write(content, name="model.tflite"):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write


@pytest.fixture(scope="session")
def torch_files(tmp_path_factory):
    """A folder with one small network in every kind of PyTorch file."""
    torch = pytest.importorskip("torch", reason="pip install torch")
    sys.path.insert(0, str(_MODELS))
    try:
        from small_network import Small
    finally:
        sys.path.remove(str(_MODELS))
    folder = tmp_path_factory.mktemp("torch")
    torch.manual_seed(0)
    module = Small().eval()
    example = torch.randn(1, 3, 8, 8)
    batch = ({0: torch.export.Dim("batch")},)
    torch.jit.save(torch.jit.trace(module, example), str(folder / "traced.pt"))
    torch.jit.save(torch.jit.script(module), str(folder / "scripted.pt"))
    torch.export.save(torch.export.export(module, (example,)), folder / "exported.pt2")
    torch.export.save(
        torch.export.export(module, (torch.randn(2, 3, 8, 8),), dynamic_shapes=batch),
        folder / "dynamic.pt2",
    )
    torch.save(module.state_dict(), folder / "weights.pth")
    torch.save(module.state_dict(), folder / "legacy.pth", _use_new_zipfile_serialization=False)
    wrapped = {f"module.{name}": value for name, value in module.state_dict().items()}
    torch.save({"state_dict": wrapped, "epoch": 3}, folder / "checkpoint.tar")
    torch.save(module, folder / "whole.pt")
    return folder


class Plugins:
    """Compiles the plugins of tests/plugins as a stranger would, with nothing but the header."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = folder / "model.scale"
        self.model.write_text("scale 64 end\n", encoding="utf-8")

    def build(self, name: str) -> Path:
        source = next(_PLUGINS.glob(f"{name}.c*"))
        compiler = shutil.which("c++" if source.suffix == ".cpp" else "cc")
        if compiler is None:
            pytest.skip("no C compiler is here: apt install gcc g++")
        library = self.folder / f"{name}.so"
        if not library.exists():
            standard = "-std=c++11" if source.suffix == ".cpp" else "-std=c99"
            subprocess.run(
                [compiler, standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-D_GNU_SOURCE",
                 "-O1", "-fPIC", "-shared", f"-I{edgeloop.get_include()}", "-o", library, source],
                check=True,
            )  # fmt: skip
        return library


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Plugins:
    """The plugins of the tests, and the model that they read."""
    return Plugins(tmp_path_factory.mktemp("plugins"))
