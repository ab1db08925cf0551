"""PyTorch: every file kind, the three loops over it, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from edgeloop import _core
from edgeloop.errors import ModelError, NotAvailableError, UsageError
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LoadOptions

torch = pytest.importorskip("torch", reason="pip install torch")
from torch import nn  # noqa: E402

# The tests write TorchScript files with functions that PyTorch 2.13 calls deprecated.
pytestmark = pytest.mark.filterwarnings(r"ignore:`torch\.jit:DeprecationWarning")

RUNTIME = runtime("torch")
DATA = Path(__file__).parents[3] / "shared" / "data" / "cifar10_resnet"
DEMO = Path(__file__).parents[2] / "python" / "edgeloop" / "demo" / "assets"
CLASSES = str(Path(__file__).parent / "models" / "resnet20.py")
RESNET = {
    "model_class_path": CLASSES,
    "model_class_name": "ResNet20",
    "shapes": {"": (1, 3, 32, 32)},
}
NETWORK = str(Path(__file__).parent / "models" / "small_network.py")
NETWORK_CLASS = {"model_class_path": NETWORK, "model_class_name": "Small"}
CLOCK = 4  # CLOCK_MONOTONIC_RAW

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")


class Several(nn.Module):
    def forward(self, a, b):
        return a + b, {"product": a * b, "pair": [a, b.to(torch.int64)]}


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 4)

    def forward(self, tokens):
        return self.table(tokens)


class Halved(nn.Module):
    def forward(self, x):
        return x.to(torch.float16)


X = (1, 3, 8, 8)


@pytest.fixture
def files(torch_files):
    return torch_files


@pytest.fixture
def module(files):
    """The network of the files."""
    return torch.load(files / "whole.pt", weights_only=False)


def load(path, **options):
    return RUNTIME.load_framework(LoadOptions(model=str(path), **options))


KINDS = ["traced.pt", "scripted.pt", "exported.pt2", "dynamic.pt2", "weights.pth", "legacy.pth",
         "checkpoint.tar"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_computes_what_the_module_computes(files, module, kind):
    given = NETWORK_CLASS if kind.endswith((".pth", ".tar")) else {}
    framework = load(files / kind, shapes={"": X}, **given)
    x = np.random.default_rng(1).standard_normal(X).astype("float32")
    with torch.inference_mode():
        expected = module(torch.from_numpy(x)).numpy()

    framework.set_inputs([x])
    framework.invoke()
    (output,) = framework.outputs()

    # TorchScript and exported graphs may call other kernels for the same operator.
    assert np.allclose(output, expected, rtol=1e-5, atol=1e-6)
    assert np.array_equal(framework.invoke_io()[0], output)
    assert [(spec.name, spec.dtype, spec.shape) for spec in framework.inputs] == [
        ("x", "float32", X)
    ]


@needs_data
@pytest.mark.parametrize(
    ("model", "given"),
    [("resnet20_torchscript.pt", {}), ("resnet20_state_dict.pth", RESNET),
     ("resnet20-12fca82f.th", RESNET)],
)  # fmt: skip
def test_accuracy_is_the_known_one(model, given):
    framework = load(DATA / model, **given)
    archive = np.load(DATA / "cifar10_test500_float32_nchw_norm.npz")
    hits = 0
    for sample, label in zip(archive["x_data"], archive["y_data"]):
        framework.set_inputs([sample[None]])
        framework.invoke()
        hits += int(np.argmax(framework.outputs()[0]) == label)
    assert hits == 399


@needs_data
def test_what_was_decided_is_said(capsys):
    framework = load(DATA / "resnet20-12fca82f.th", **RESNET)
    said = capsys.readouterr().err
    assert "entry 'state_dict'" in said
    assert "'module.' of DataParallel was stripped" in said
    assert len(framework.notes) == 2


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod."])
def test_one_common_prefix_is_stripped_and_said(files, module, tmp_path, prefix):
    weights = {prefix + name: value for name, value in module.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": weights}, tmp_path / "weights.ckpt")
    framework = load(tmp_path / "weights.ckpt", shapes={"": X}, **NETWORK_CLASS)
    assert f"the prefix '{prefix}'" in framework.notes[-1]
    torch.save({**weights, "loss.weight": torch.zeros(1)}, tmp_path / "more.ckpt")
    with pytest.raises(ModelError, match="do not fit"):
        load(tmp_path / "more.ckpt", shapes={"": X}, **NETWORK_CLASS)


def test_all_loops_give_the_same(files):
    framework = load(files / "scripted.pt", shapes={"x": X})
    framework.set_inputs([np.random.default_rng(2).standard_normal(X).astype("float32")])
    framework.invoke()
    expected = framework.outputs()[0]
    samples = _core.Samples(1000)
    engine = _core.create_engine("callable", callable=framework.invoke)
    _core.run_block(engine, samples, 1000, 1, CLOCK)
    assert np.allclose(framework.outputs()[0], expected, rtol=1e-5, atol=1e-6)
    assert np.allclose(framework.invoke_io()[0], expected, rtol=1e-5, atol=1e-6)


def test_inference_mode_holds_in_whatever_thread_calls(files):
    framework = load(files / "traced.pt")
    results = []
    thread = threading.Thread(target=lambda: results.append(framework.invoke()))
    thread.start()
    thread.join()
    results.append(framework.invoke())
    assert all(result.is_inference() for result in results)
    assert not torch.is_inference_mode_enabled()


def test_inputs_are_copied_and_stay_in_place(files):
    framework = load(files / "traced.pt")
    x = np.ones(X, "float32")
    x.flags.writeable = False
    framework.set_inputs([x])
    framework.invoke()
    first = framework.outputs()[0]
    framework.set_inputs([np.zeros(X, "float32")])
    framework.invoke()
    assert not np.array_equal(first, framework.outputs()[0])


@pytest.mark.parametrize("threads", [2, 1])
def test_threads(files, threads):
    load(files / "traced.pt", threads=threads)
    assert torch.get_num_threads() == threads


def test_several_inputs_and_nested_outputs(tmp_path):
    path = tmp_path / "several.pt2"
    example = (torch.zeros(2, 3), torch.zeros(2, 3))
    torch.export.save(torch.export.export(Several(), example), path)
    framework = load(path)
    a, b = (np.full((2, 3), value, "float32") for value in (2, 3))
    framework.set_inputs([a, b])
    framework.invoke()
    total, product, first, second = framework.outputs()
    assert [spec.name for spec in framework.inputs] == ["a", "b"]
    assert np.array_equal(total, a + b)
    assert np.array_equal(product, a * b)
    assert np.array_equal(first, a)
    assert second.dtype == np.int64
    assert all(np.array_equal(*pair) for pair in zip(framework.invoke_io(), framework.outputs()))


def test_keyword_inputs_of_an_export(tmp_path):
    path = tmp_path / "keywords.pt2"
    program = torch.export.export(Several(), (torch.zeros(2),), {"b": torch.zeros(2)})
    torch.export.save(program, path)
    framework = load(path)
    framework.set_inputs([np.ones(2, "float32"), np.full(2, 5, "float32")])
    assert framework.invoke_io()[0].tolist() == [6, 6]


def test_nested_inputs_of_an_export_are_refused(tmp_path):
    class Nested(nn.Module):
        def forward(self, pair):
            return pair[0] + pair[1]

    path = tmp_path / "nested.pt2"
    torch.export.save(torch.export.export(Nested(), ([torch.zeros(2), torch.zeros(2)],)), path)
    with pytest.raises(ModelError, match="lists or dictionaries"):
        load(path)


@pytest.mark.parametrize(
    ("options", "shape"),
    [({}, X), ({"batch_size": 3}, (3, 3, 8, 8)), ({"shapes": {"x": (4, 3, 8, 8)}}, (4, 3, 8, 8))],
)
def test_an_open_batch_is_fixed(files, options, shape):
    framework = load(files / "dynamic.pt2", **options)
    framework.invoke()
    assert framework.inputs[0].shape == shape
    assert framework.outputs()[0].shape == (shape[0], 5)


def test_a_traced_shape_is_the_default_only(files):
    assert load(files / "traced.pt").inputs[0].shape == X
    assert load(files / "traced.pt", batch_size=2).inputs[0].shape == (2, 3, 8, 8)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("scripted.pt", {}, "--shape x=1x3x224x224"),
        ("scripted.pt", {"batch_size": 4}, "--shape x=1x3x224x224"),
        ("scripted.pt", {"shapes": {"y": X}}, "no such input"),
        ("exported.pt2", {"batch_size": 4}, "fixes its input 'x' to 1x3x8x8"),
        ("dynamic.pt2", {"shapes": {"": (2, 3, 9, 8)}}, "fixes its input 'x' to \\?x3x8x8"),
        ("traced.pt", {"settings": {"nosuch": "1"}}, "no setting 'nosuch=1'"),
        ("traced.pt", {"settings": {"input-dtype": "bfloat16"}}, "input-dtype=bfloat16"),
        ("traced.pt", {"model_class_path": CLASSES}, "leave --model-class-path out"),
        ("weights.pth", {}, "--model-class-path FILE --model-class-name NAME"),
    ],
)
def test_what_is_asked_wrongly(files, kind, options, words):
    with pytest.raises(UsageError, match=words):
        load(files / kind, **options)


@pytest.mark.parametrize(
    ("path", "name", "words"),
    [
        (CLASSES, None, "it has|has Block, ResNet20"),
        (CLASSES, "Nosuch", "no class 'Nosuch'; it has Block, ResNet20, broken, wrong_width"),
        (CLASSES, "broken", "raised RuntimeError: no weights in this factory"),
        ("/nosuch/file.py", "A", "no such file"),
        (__file__.replace("test_runtime_torch.py", "nosuch.txt"), "A", "no such file"),
    ],
)
def test_a_class_that_cannot_be_had(files, path, name, words):
    with pytest.raises(UsageError, match=words):
        load(files / "weights.pth", model_class_path=path, model_class_name=name)


@pytest.mark.parametrize(
    ("text", "words"),
    [("raise SystemExit('no')\n", "raised SystemExit: no"),
     ("import nosuchmodule\n", "raised ModuleNotFoundError"), ("def f(:\n", "raised SyntaxError"),
     ("def Small():\n    return 3\n", "returned a int, not an nn.Module"),
     ("class Small:\n    def __init__(self, width): ...\n", "without arguments")],
)  # fmt: skip
def test_a_class_file_with_a_mistake(files, tmp_path, text, words):
    path = tmp_path / "mistaken_network.py"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        load(files / "weights.pth", model_class_path=str(path), model_class_name="Small")


@pytest.mark.parametrize("name", ["ResNet20", "wrong_width"])
def test_weights_of_another_network(files, name):
    with pytest.raises(ModelError, match=r"missing \('.+', .*unexpected \('conv\.weight'"):
        load(files / "weights.pth", model_class_path=CLASSES, model_class_name=name)


def test_weights_of_another_width(files, tmp_path):
    weights = torch.load(files / "weights.pth", weights_only=True)
    weights["conv.weight"] = torch.zeros(4, 5, 3, 3)
    torch.save(weights, tmp_path / "wide.pth")
    with pytest.raises(ModelError, match=r"size mismatch for conv\.weight"):
        load(tmp_path / "wide.pth", **NETWORK_CLASS)


def test_the_dtype_of_an_input_is_a_setting(tmp_path):
    path = tmp_path / "embedded.pt"
    torch.jit.save(torch.jit.script(Embedded()), str(path))
    framework = load(path, shapes={"": (1, 6)}, settings={"input-dtype": "int64"})
    framework.invoke()
    assert framework.inputs[0].dtype == "int64"
    assert framework.outputs()[0].shape == (1, 6, 4)


def test_half_precision_goes_in_and_out(tmp_path):
    path = tmp_path / "halved.pt"
    torch.jit.save(torch.jit.script(Halved()), str(path))
    framework = load(path, shapes={"": (2,)})
    framework.invoke()
    assert framework.outputs()[0].dtype == np.float16
    path = tmp_path / "half.pt2"
    torch.export.save(torch.export.export(Halved(), (torch.zeros(2, dtype=torch.float16),)), path)
    assert load(path).inputs[0].dtype == "float16"
    linear = nn.Linear(4, 3).half().eval()
    traced = torch.jit.trace(linear, torch.zeros(1, 4, dtype=torch.float16))
    torch.jit.save(traced, str(tmp_path / "linear.pt"))
    framework = load(tmp_path / "linear.pt", shapes={"": (1, 4)})  # its weights tell the dtype
    framework.invoke()
    assert framework.inputs[0].dtype == "float16"


def test_what_no_array_of_numpy_holds_is_refused(tmp_path):
    linear = nn.Linear(4, 3).bfloat16().eval()
    traced = torch.jit.trace(linear, torch.zeros(1, 4, dtype=torch.bfloat16))
    torch.jit.save(traced, str(tmp_path / "linear.pt"))
    with pytest.raises(ModelError, match="is bfloat16, which edgeloop cannot fill"):
        load(tmp_path / "linear.pt", shapes={"": (1, 4)})


BAD_FILES = {"empty": b"", "text": b"no model\n" * 20, "zip": b"PK\x03\x04 but no more"}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_a_model_error(tmp_path, name):
    path = tmp_path / "model.pt"
    path.write_bytes(BAD_FILES[name])
    with pytest.raises(ModelError):
        load(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_short(files, tmp_path, kind):
    content = (files / kind).read_bytes()
    path = tmp_path / kind
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError):
        load(path, **(NETWORK_CLASS if kind.endswith((".pth", ".tar")) else {}))


def test_a_missing_file(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        load(tmp_path / "nosuch.pt")


@pytest.mark.skipif(
    not (DEMO / "digits_float32.pt").is_file(), reason="the demo model is not there"
)
def test_the_demo_model_is_right():
    archive = np.load(DEMO / "digits_test.npz")
    assert {"x_data", "y_data"} <= set(archive.files)
    x = archive["x_data"].reshape(-1, 1, 8, 8).astype("float32")
    framework = load(DEMO / "digits_float32.pt", shapes={"": (1, *x.shape[1:])})
    hits = 0
    for sample, label in zip(x, archive["y_data"]):
        framework.set_inputs([sample[None]])
        framework.invoke()
        hits += int(np.argmax(framework.outputs()[0]) == label)
    assert hits == json.loads((DEMO / "MANIFEST.json").read_text())["models"][-1]["correct"]


def test_there_is_no_native_loop_without_a_package():
    with pytest.raises(UsageError, match=r"no native loop.*convert MODEL --to aotinductor"):
        RUNTIME.load_engine(LoadOptions(model="x"), None)


def test_another_library_is_refused():
    with pytest.raises(NotAvailableError, match="own libraries"):
        RUNTIME.find("/some/libtorch.so")


def test_finding_imports_nothing():
    code = (
        "import sys; from edgeloop.runtimes import runtime; runtime('torch').find(); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert RUNTIME.find().version.split("+")[0] == torch.__version__.split("+")[0]
