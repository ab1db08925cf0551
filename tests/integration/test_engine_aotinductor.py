"""AOTInductor packages: compiled from the demo's model and from small ones, run in every loop."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgeloop.demo import ASSETS
from edgeloop.errors import ModelError, UsageError
from edgeloop.measure.loaded import kernel_threads, load
from edgeloop.models.aotinductor_file import read_package
from edgeloop.models.inspect import inspect_model
from edgeloop.runtimes import runtime
from edgeloop.runtimes.torch import RUNTIME as TORCH
from edgeloop.spec.load import LOOPS, LoadOptions

torch = pytest.importorskip("torch", reason="pip install torch")

CLOCK = 4  # CLOCK_MONOTONIC_RAW
AOTINDUCTOR = runtime("aotinductor")
HEADER = Path(__file__).parents[2] / "third_party" / "aotinductor_c.h"

# Both are fp32; sums in another order differ by some units in the last place of values up to 10.
TOLERANCE = 1e-5


def loaded(path, *loops, **options):
    trusted = LoadOptions(str(path), trust_pickle=True, **options)
    return load(AOTINDUCTOR, trusted, loops or ("native",), CLOCK, False)


def output(model, inputs, loop="native"):
    model.set_inputs(inputs)
    model.run_block(loop, 1, 1)
    return model.outputs(loop)


def eager(path, inputs, **options):
    framework = TORCH.load_framework(LoadOptions(str(path), **options))
    framework.set_inputs(inputs)
    framework.invoke()
    return framework.outputs()


def sample(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_every_declared_symbol_is_in_the_real_libraries(packages):
    """A symbol that is misspelt or gone would show only on a user's machine."""
    declared = set(re.findall(r"F\((aoti\w+|AOTI\w+),", HEADER.read_text()))
    found = AOTINDUCTOR.find().library
    ctypes.CDLL(found)  # the package's library binds against it
    with zipfile.ZipFile(packages.digits) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".wrapper.so"))
        member = archive.extract(name, packages.folder)
    libraries = [ctypes.CDLL(found), ctypes.CDLL(member)]
    assert len(declared) == 29
    assert {name for name in declared if not any(hasattr(lib, name) for lib in libraries)} == set()


def test_the_native_loop_agrees_with_eager_on_other_inputs_than_the_example(packages):
    model = loaded(packages.digits)
    for seed in range(5):
        inputs = [sample(1, 1, 8, 8, seed=seed)]
        (ours,) = output(model, inputs)
        (theirs,) = eager(ASSETS / "digits_float32.pt", inputs, shapes={"": (1, 1, 8, 8)})
        assert np.abs(ours - theirs).max() < TOLERANCE


def test_native_accuracy_is_that_of_the_file(packages):
    archive = np.load(ASSETS / "digits_test.npz")
    x = archive["x_data"].reshape(-1, 1, 8, 8).astype("float32")
    model = loaded(packages.digits)
    hits = sum(
        int(np.argmax(output(model, [image[None]])[0]) == label)
        for image, label in zip(x, archive["y_data"])
    )
    expected = sum(
        int(np.argmax(scores) == label)
        for scores, label in zip(
            eager(ASSETS / "digits_float32.pt", [x], shapes={"": x.shape})[0], archive["y_data"]
        )
    )
    assert hits == expected


def test_all_loops_give_the_same_bits(packages):
    model = loaded(packages.digits, *LOOPS)
    inputs = [sample(1, 1, 8, 8)]
    results = {loop: output(model, inputs, loop)[0] for loop in LOOPS}
    assert all(np.array_equal(result, results["native"]) for result in results.values())


def test_the_native_loop_imports_no_torch(packages):
    code = (
        "import sys; from edgeloop.runtimes import runtime; from edgeloop.runtimes.protocol import "
        "LoadOptions; r = runtime('aotinductor'); r.import_packages(('native',)); "
        f"r.load_engine(LoadOptions({str(packages.digits)!r}), None).run(); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_are_honoured(packages, threads):
    """Counted by the kernel, in a process of its own: the pools of PyTorch only grow.

    The setting itself starts a pool that stays idle; OpenMP's starts with the first run.
    """
    code = f"""
import os
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LoadOptions
r = runtime('aotinductor')
engine = r.load_engine(LoadOptions({str(packages.wide)!r}, threads={threads}), None)
before = set(os.listdir('/proc/self/task'))
for _ in range(3):
    engine.run()
print(len(set(os.listdir('/proc/self/task')) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) == threads - 1


def test_several_outputs_of_other_dtypes_and_strides(packages):
    """A transposed output lies in memory as no C array does: it is copied to be one."""
    inputs = [sample(2, 3), np.arange(6, dtype=np.int64).reshape(2, 3)]
    outputs = output(loaded(packages.outputs), inputs)
    expected = [inputs[0].T + 1, inputs[1] * 2, inputs[0] > 0]
    assert [a.dtype for a in outputs] == [np.float32, np.int64, np.bool_]
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(outputs, expected))


def test_a_package_of_ours_tells_its_tensors(packages):
    package = read_package(packages.digits)
    assert [(t.dtype, t.shape, t.strides) for t in package.inputs] == [
        ("float32", (1, 1, 8, 8), (64, 64, 8, 1))
    ]
    assert package.torch_version == torch.__version__
    summary = inspect_model(packages.digits)
    assert (summary.format, summary.inputs[0].shape) == ("aotinductor", (1, 1, 8, 8))
    assert summary.outputs[0].shape == (1, 10)


def test_a_package_of_others_needs_its_shape(packages):
    with pytest.raises(UsageError, match="does not say the shape of input"):
        loaded(packages.foreign)
    inputs = [sample(1, 1, 8, 8)]
    shapes = {"": (1, 1, 8, 8)}
    (ours,) = output(loaded(packages.foreign, shapes=shapes), inputs)
    assert np.array_equal(ours, output(loaded(packages.digits), inputs)[0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shapes": {"": (2, 1, 8, 8)}}, "unmatched dim value at 0, expected: 1"),
        ({"shapes": {"": (1, 1, 8, 8)}, "settings": {"input-dtype": "int64"}}, "unmatched dtype"),
    ],
)
def test_a_package_of_others_checks_shape_and_dtype(packages, options, words):
    with pytest.raises(ModelError, match=words):
        loaded(packages.foreign, **options)


@pytest.mark.parametrize("loop", ["native", "framework"])
def test_the_stride_trap_is_closed(packages, loop):
    """Exported from an example of such strides, it reads dense inputs wrongly, without a word."""
    inputs = [sample(4, 1, 8, 8)]
    plain = torch._inductor.aoti_load_package(str(packages.strided))
    with torch.inference_mode():
        silent = plain(torch.from_numpy(inputs[0])).numpy()
    (right,) = eager(ASSETS / "digits_float32.pt", inputs, shapes={"": (4, 1, 8, 8)})
    if np.abs(silent - right).max() < TOLERANCE:
        pytest.skip("this PyTorch no longer trusts the strides of the example")
    with pytest.raises(ModelError, match="unmatched stride value at 1"):
        loaded(packages.strided, loop, shapes={"": (4, 1, 8, 8)})


def test_numpy_strides_do_not_reach_the_compiled_code(packages):
    """Along a dimension of one element numpy may keep any stride; the compiled code trusts it."""
    model = loaded(packages.digits, "native", "framework-io")
    image = sample(1, 8, 8)[:, None]
    assert image.strides != sample(1, 1, 8, 8).strides
    assert np.array_equal(output(model, [image]), output(model, [image.copy()]))
    assert np.array_equal(output(model, [image], "framework-io"), output(model, [image]))


def test_another_shape_is_refused(packages):
    for options in ({"shapes": {"": (2, 1, 8, 8)}}, {"batch_size": 2}):
        for loop in ("native", "framework"):
            with pytest.raises(UsageError, match="fixes its input"):
                loaded(packages.digits, loop, **options)


def test_nothing_is_left_in_the_temporary_folder(packages, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = (
        "import os, signal; from edgeloop.runtimes import runtime; from edgeloop.runtimes.protocol "
        f"import LoadOptions; e = runtime('aotinductor').load_engine(LoadOptions("
        f"{str(packages.digits)!r}), None); e.run(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_was_replaced_is_loaded_anew(packages, tmp_path):
    path = tmp_path / "model.pt2"
    path.write_bytes(packages.digits.read_bytes())
    inputs = [sample(1, 1, 8, 8)]
    before = output(loaded(path), inputs)
    path.unlink()
    path.write_bytes(packages.outputs.read_bytes())
    assert len(loaded(path).inputs) == 2
    assert len(before) == 1


def test_ten_models_share_one_pool(packages):
    model = loaded(packages.wide, threads=2)
    output(model, [sample(64, 512)])
    before = kernel_threads()
    models = [loaded(packages.wide, threads=2) for _ in range(10)]
    for other in models:
        output(other, [sample(64, 512)])
    assert kernel_threads() == before


@pytest.mark.parametrize("mode", ["eager", "script", "compile", "aotinductor"])
def test_every_mode_computes_the_same(packages, mode):
    inputs = [sample(1, 1, 8, 8, seed=3)]
    options = {"shapes": {"": (1, 1, 8, 8)}, "package": str(packages.digits)}
    path = ASSETS / "digits_float32.pt"
    (ours,) = eager(path, inputs, torch_mode=mode, **options)
    (theirs,) = eager(path, inputs, shapes=options["shapes"])
    assert np.abs(ours - theirs).max() < TOLERANCE


def test_a_mode_says_in_the_timed_region_what_it_ran(packages):
    said = {}
    for mode in ("eager", "script", "compile", "aotinductor"):
        options = LoadOptions(
            str(ASSETS / "digits_float32.pt"),
            torch_mode=mode,
            package=str(packages.digits),
            shapes={"": (1, 1, 8, 8)},
        )
        said[mode] = TORCH.load_framework(options).timed_region["framework"]
    assert len(set(said.values())) == 4
    assert "torch.compile(" in said["compile"]
    assert "aoti_load_package" in said["aotinductor"]


def test_a_package_of_another_model_is_refused(packages):
    options = LoadOptions(
        str(ASSETS / "digits_float32.pt"),
        torch_mode="aotinductor",
        package=str(packages.wide),
        shapes={"": (1, 1, 8, 8)},
    )
    with pytest.raises(ModelError, match="takes other inputs"):
        TORCH.load_framework(options)
