"""Odd models × commands × runtimes: each ends in a result or in one clean sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop.envs.managed import folder_of
from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import runtime

_MAKER = Path(__file__).parent / "models" / "odd_models.py"
RUNTIMES = ("litert", "tflite", "onnxruntime", "torch", "openvino", "ncnn")
SHORT = ("--budget", "0.2", "--effort", "quick")

# Command → its arguments behind the model; {data} is a set of samples of four numbers.
COMMANDS: dict[str, tuple[str, ...]] = {
    "bench": SHORT,
    "eval": ("{data}",),
    "overhead": SHORT,
    "profile": SHORT,
}
WITHOUT_RUNTIME: dict[str, tuple[str, ...]] = {
    "inspect": (),
    "predict": ("{picture}",),
    "compare": ("{model}", *SHORT),
    "quantize": ("--method", "dynamic", "--no-measure", "--out", "{target}"),
    "convert": ("--to", "onnx", "--out", "{target}"),
    "convert-tflite": ("--to", "tflite", "--out", "{target}"),
    "sweep": ("--plan",),
}

# How a command may end on one model: a result; a sentence on the request, on what is missing here
# or on the model; or one that the runtime itself failed on it or crashed.
CLEAN = {0: "result", 1: "sentence", 2: "sentence", 3: "sentence", 4: "sentence", 5: "failure"}
_LONGEST = 1500  # characters of the sentence
_TIMEOUT_S = 60.0


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, tiny: Any) -> list[Path]:
    pytest.importorskip("onnx", reason="pip install onnx")
    spec = spec_from_file_location("odd_models", _MAKER)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    paths: list[Path] = module.write_odd_models(tmp_path_factory.mktemp("odd"), tiny)
    return paths


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    image = pytest.importorskip("PIL.Image", reason="pip install pillow: a picture to predict")
    folder = tmp_path_factory.mktemp("data")
    x = np.random.default_rng(0).random((4, 4), np.float32)
    np.savez(folder / "d.npz", x_data=x, y_data=np.arange(4) % 3)
    image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "p.png")
    return {"data": str(folder / "d.npz"), "picture": str(folder / "p.png")}


def outcome(arguments: list[str], folder: Path) -> str:
    """Run a command; return a word of CLEAN, or what is wrong with its end."""
    environment = {**os.environ, "XDG_DATA_HOME": str(folder / "data")}
    environment.setdefault("EDGELOOP_ENVS", str(folder_of("convert").parent))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "edgeloop", *arguments],
            capture_output=True, env=environment, cwd=folder, timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"no end within {_TIMEOUT_S:.0f} s"
    printed = (done.stdout + done.stderr).decode("utf-8", "replace")
    if "Traceback (most recent" in printed or "please report it" in printed:
        return f"not clean: {printed[-300:]}"
    if any(ord(c) < 32 and c not in "\n\t\r" for c in printed):
        return f"a control character: {printed[-300:]!r}"
    if done.returncode not in CLEAN:
        return f"exit {done.returncode}: {printed[-300:]}"
    last = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line][-1:]
    if done.returncode and not ("".join(last).startswith(("edgeloop: ", "Error: "))):
        return f"no sentence at the end: {printed[-300:]}"
    if len("".join(last)) > _LONGEST:
        return f"a sentence of {len(last[0])} characters: {last[0][:200]}"
    return CLEAN[done.returncode]


def run_all(
    command: str, more: tuple[str, ...], options: tuple[str, ...], corpus: list[Path],
    given: dict[str, str], folder: Path,
) -> tuple[Counter[str], list[str]]:  # fmt: skip
    def one(path: Path) -> str:
        own = folder / path.name
        own.mkdir()
        words = {**given, "model": str(path), "target": str(own / "target")}
        arguments = [word.format_map(words) for word in more]
        return outcome([command, str(path), *arguments, *options], own)

    # A command waits for its worker most of the time.
    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(one, corpus))
    counts = Counter(end if end in CLEAN.values() else "wrong" for end in ends)
    faults = [
        f"{command} {path.name}: {end}"
        for path, end in zip(corpus, ends)
        if end not in CLEAN.values()
    ]
    return counts, faults


def check(title: str, counts: Counter[str], faults: list[str], capsys: Any) -> None:
    with capsys.disabled():
        cells = [f"{name} {counts[name]}" for name in (*dict.fromkeys(CLEAN.values()), "wrong")]
        print(f"\n{title}: {sum(counts.values())} odd models, {', '.join(cells)}")
    assert not faults, "\n\n".join(faults)
    assert counts["sentence"] > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", RUNTIMES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_in_a_runtime(
    command: str, name: str, corpus: list[Path], given: dict[str, str], tmp_path: Path, capsys: Any
) -> None:
    try:
        runtime(name).find(None)
    except NotAvailableError as error:
        pytest.skip(f"{name} is not here: {error}")
    options = ("--runtime", name)
    counts, faults = run_all(command, COMMANDS[command], options, corpus, given, tmp_path)
    check(f"{command} in {name}", counts, faults, capsys)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("command", WITHOUT_RUNTIME)
def test_a_command(
    command: str, corpus: list[Path], given: dict[str, str], tmp_path: Path, capsys: Any
) -> None:
    more = WITHOUT_RUNTIME[command]
    counts, faults = run_all(command.split("-", maxsplit=1)[0], more, (), corpus, given, tmp_path)
    check(command, counts, faults, capsys)
