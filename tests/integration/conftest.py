"""Models and plugins that the tests make on the fly."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from uuid import uuid4

import pytest

import edgeloop
from edgeloop.demo import ASSETS
from edgeloop.results.store import read_result

_MODELS = Path(__file__).parent / "models"

# What a person who changes something waits for; all other modules are for CI.
_LIGHT = {
    "test_added_runtime",
    "test_bad_input",
    "test_demo",
    "test_engine_litert",
    "test_engine_onnxruntime",
    "test_engine_tflite",
    "test_find_tflite",
    "test_report_in_browser",
}
# Fixtures that need the environments of `--more`.
_LARGE = {"convert_python", "tflite_runtime_python"}


def pytest_collection_modifyitems(items):
    """Mark as heavy what is not light, so that a new module waits for CI until it is named."""
    for item in items:
        if item.path.parent != Path(__file__).parent:
            continue
        if item.path.stem not in _LIGHT or _LARGE & set(item.fixturenames):
            item.add_marker(pytest.mark.heavy)


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


class Packages:
    """AOTInductor packages by what is special about them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digits = folder / "digits.pt2"
        """The demo's model, by edgeloop."""
        self.foreign = folder / "foreign.pt2"
        """The same by PyTorch alone: it does not tell its inputs."""
        self.strided = folder / "strided.pt2"
        """The same again, exported from an example whose stride along one channel is 1."""
        self.wide = folder / "wide.pt2"
        """Large enough for several threads."""
        self.outputs = folder / "outputs.pt2"
        """Three outputs of three dtypes, one transposed; two inputs."""


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """AOTInductor packages, compiled once."""
    torch = pytest.importorskip("torch", reason="pip install torch")
    if shutil.which("g++") is None:
        pytest.skip("no g++ is here to compile the packages: apt install g++")
    from edgeloop.conversion.torch_to_aotinductor import compile_package
    from edgeloop.runtimes.torch_files import DeclaredInput, LoadedModule, load_module
    from edgeloop.runtimes.torch_modes import exported, quiet
    from edgeloop.spec.load import LoadOptions, TensorSpec

    made = Packages(tmp_path_factory.mktemp("packages"))

    def compile_(module, path, *specs, outputs=("output",)):
        given = tuple(DeclaredInput(spec.name) for spec in specs)
        loaded = module if isinstance(module, LoadedModule) else LoadedModule(module, given)
        compile_package(torch, loaded, specs, outputs, "the test", str(path))

    class Wide(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(
                *(torch.nn.Sequential(torch.nn.Linear(512, 512), torch.nn.ReLU()) for _ in range(3))
            )

        def forward(self, x):
            return self.layers(x)

    class Outputs(torch.nn.Module):
        def forward(self, x, n):
            return {"transposed": (x + 1).t(), "others": (n * 2, x > 0)}

    digits = load_module(torch, LoadOptions(str(ASSETS / "digits_float32.pt")))
    compile_(digits, made.digits, TensorSpec("x", "float32", (1, 1, 8, 8)))
    torch.manual_seed(0)
    compile_(Wide().eval(), made.wide, TensorSpec("x", "float32", (64, 512)))
    compile_(
        Outputs().eval(),
        made.outputs,
        TensorSpec("x", "float32", (2, 3)),
        TensorSpec("n", "int64", (2, 3)),
        outputs=("transposed", "doubled", "positive"),
    )
    strided = torch.randn(4, 1, 8, 8).as_strided((4, 1, 8, 8), (64, 1, 8, 1))
    for example, path in ((torch.randn(1, 1, 8, 8), made.foreign), (strided, made.strided)):
        program = exported(torch, digits, [example], "the test")
        with quiet():
            torch._inductor.aoti_compile_and_package(program, package_path=str(path))
    return made


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
                [compiler, standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-fPIC",
                 "-shared", f"-I{edgeloop.get_include()}", "-o", library, source],
                check=True,
            )  # fmt: skip
        return library


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Plugins:
    """The plugins of the tests, and the model that they read."""
    return Plugins(tmp_path_factory.mktemp("plugins"))


def _delegate(folder: Path, source: str) -> str:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler 'cc' is here to build the test plugins")
    library = folder / f"lib{source}.so"
    command = ["cc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    command += ["-fvisibility=hidden", str(_PLUGINS / f"{source}.c"), "-o", str(library)]
    subprocess.run(command, check=True)
    return str(library)


@pytest.fixture(scope="session")
def add_delegate(tmp_path_factory):
    """The path of a TFLite delegate that claims ADD, or does what its options tell it to."""
    return _delegate(tmp_path_factory.mktemp("plugin"), "add_delegate")


GPU_DELEGATE = "libtensorflowlite_gpu_delegate.so"


@pytest.fixture(scope="session")
def gpu_delegate(tmp_path_factory):
    """The path of a library that stands for TensorFlow's GPU delegate."""
    folder = tmp_path_factory.mktemp("gpu")
    return str(Path(_delegate(folder, "gpu_delegate")).rename(folder / GPU_DELEGATE))


@pytest.fixture(scope="session")
def edgetpu_stub(tmp_path_factory):
    """The path of a library that stands for the Edge TPU's where no device is."""
    return _delegate(tmp_path_factory.mktemp("stub"), "edgetpu_stub")


_FAKES = Path(__file__).parents[1] / "fakes"
_HEADERS = Path(__file__).parents[2] / "third_party"


@pytest.fixture(scope="session")
def build_fake(tmp_path_factory):
    """A function that compiles a library of tests/fakes and returns its path."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ is here to build the fake libraries")

    @cache
    def build(name):
        library = tmp_path_factory.mktemp("fakes") / f"lib{name}.so"
        subprocess.run(
            [compiler, "-std=c++17", "-O1", "-shared", "-fPIC", f"-I{_HEADERS}",
             str(_FAKES / f"{name}.cpp"), "-o", str(library), "-ldl"],
            check=True,
        )  # fmt: skip
        return str(library)

    return build


class FakeTensorRt:
    """A TensorRT of tests/fakes with its CUDA runtime and package, and the engine built for it."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("g++")
        if compiler is None:
            pytest.skip("no g++ is here to build the engine and the fake libraries")
        self.root = folder / "TensorRT"
        (self.root / "lib").mkdir(parents=True)
        self.nvinfer = self.root / "lib" / "libnvinfer.so.10.3.0"
        self.cudart = folder / "libcudart.so.12"
        shutil.copytree(_FAKES / "tensorrt", self.root / "include")
        for source, library, *options in (
            ("fake_nvinfer", self.nvinfer, f"-I{_FAKES / 'tensorrt'}"),
            ("fake_cudart", self.cudart),
        ):
            subprocess.run(
                [compiler, "-std=c++17", "-O1", "-shared", "-fPIC", f"-I{_HEADERS / 'cuda'}",
                 *options, str(_FAKES / f"{source}.cpp"), "-o", str(library), "-ldl", "-pthread"],
                check=True,
            )  # fmt: skip
        self.environment = {
            "XDG_DATA_HOME": str(folder / "data"),
            "TENSORRT_ROOT": str(self.root),
            "EDGELOOP_CUDART_LIBRARY": str(self.cudart),
            "EDGELOOP_FAKE_CUDART": str(self.cudart),
            "PYTHONPATH": str(_FAKES / "tensorrt_package"),
        }
        self.setup = subprocess.run(
            [sys.executable, "-m", "edgeloop", "setup", "tensorrt"],
            env={**os.environ, **self.environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.model = self.plan(folder / "model.plan")

    def plan(
        self,
        path: Path,
        words: str = "input x float32 -1x4 1x4 8x4\noutput y float32 -1x4\n",
        version: tuple[int, int, int] = (10, 3, 0),
        gpu: str = "Fake Orin",
    ) -> Path:
        """Write a plan of the fake's own kind, see fake_nvinfer.cpp."""
        head = b"ftrt" + bytes(20) + bytes(version) + b"\0"
        path.write_bytes(head + f"gpu {gpu}\n{words}end\n".encode())
        return path


@pytest.fixture(scope="session")
def fake_tensorrt(tmp_path_factory: pytest.TempPathFactory) -> FakeTensorRt:
    """The fake TensorRT, with `environment` for what shall find it."""
    return FakeTensorRt(tmp_path_factory.mktemp("tensorrt"))


class WatchedCommand:
    """Runs the command line and looks for what it leaves behind: processes and temporary files."""

    def __init__(self, folder):
        self.results = folder / "results"
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        self._mark = f"EDGELOOP_TEST_MARK={uuid4()}"
        name, _, value = self._mark.partition("=")
        self._environment = {
            **os.environ,
            name: value,
            "TMPDIR": str(self._temporary),
            "XDG_DATA_HOME": str(folder / "data"),
        }

    def __call__(self, *arguments, environment=(), limits=(), stdout=subprocess.PIPE):
        """Run it; `limits` are pairs for setrlimit. Nothing of it may be left."""

        def set_limits():
            for kind, most in limits:
                resource.setrlimit(kind, (most, most))

        done = subprocess.run(
            [sys.executable, "-m", "edgeloop", *arguments],
            check=False,
            cwd=self._temporary,
            env={**self._environment, **dict(environment)},
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=200,
            preexec_fn=set_limits if limits else None,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert "internal error" not in done.stderr, done.stderr
        self._nothing_is_left()
        return done

    def saved(self):
        """Read the one result that was kept; None where there is none."""
        paths = list(self.results.glob("*.edgeloop.jsonl"))
        assert len(paths) <= 1
        return read_result(str(paths[0])) if paths else None

    def _nothing_is_left(self):
        deadline_s = time.monotonic() + 30
        while left := self._processes():
            assert time.monotonic() < deadline_s, f"these processes are left: {left}"
            time.sleep(0.02)
        assert list(self._temporary.iterdir()) == []

    def _processes(self):
        mark = self._mark.encode()
        return [
            path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if has(path, mark)
        ]


def has(path, content):
    """Look into a file of a process that may end meanwhile."""
    try:
        return content in path.read_bytes()
    except OSError:
        return False


@pytest.fixture
def watched(tmp_path):
    """The command line, watched; its results belong in `watched.results`."""
    return WatchedCommand(tmp_path)
