"""One test for every engine that is found: built in, from a package, from a library of its own.

Each engine runs the checks of conformance.py in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeloop.demo import ASSETS
from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import runtime

CHECKS = ("tensors", "loops_agree", "a_block", "threads", "bad_models", "an_unknown_setting",
          "two_at_once")  # fmt: skip
SCRIPT = Path(__file__).with_name("conformance.py")

FACTS = {"starts_threads": True, "one_pool": False, "verifies": True, "own_leak": 0}
DIGITS = {"input_shapes": [[1, 8, 8, 1]], "output_sizes": [10]}
TFLITE = {**DIGITS, "model": str(ASSETS / "digits_float32.tflite")}
CHANNELS_FIRST = {**DIGITS, "input_shapes": [[1, 1, 8, 8]]}
ENGINES: dict[str, dict[str, Any]] = {
    "null": {
        "model": "null", "input_shapes": [[1]], "output_sizes": [1], "starts_threads": False,
    },
    "plugin": {"input_shapes": [[64]], "output_sizes": [64], "starts_threads": False},
    "litert": TFLITE,
    "tflite": TFLITE,
    # Its package follows the offsets of a file that was cut short, wherever they lead; and without
    # edgeloop it loses 740 bytes with every Interpreter.
    "tflite-runtime": {**TFLITE, "verifies": False, "own_leak": 1000},
    "onnxruntime": {**CHANNELS_FIRST, "model": str(ASSETS / "digits_float32.onnx")},
    # The fixture compiles its packages without 'convert', which is what notes them as our own.
    "aotinductor": {**CHANNELS_FIRST, "options": {"trust_pickle": True}, "one_pool": True},
    "tensorrt": {"input_shapes": [[1, 4]], "output_sizes": [4], "starts_threads": False},
    "torch": {
        **CHANNELS_FIRST,
        "model": str(ASSETS / "digits_float32.pt"),
        "options": {"shapes": {"": [1, 1, 8, 8]}},
        "one_pool": True,
    },
}  # fmt: skip

Answers = Callable[[str, tuple[str, ...], int], dict[str, Any]]


@pytest.fixture(scope="module")
def answers(plugins: Any, request: pytest.FixtureRequest) -> Answers:
    """A function that lets an engine run checks, and keeps what they said."""
    kept: dict[Any, dict[str, Any]] = {}

    def ask(name: str, checks: tuple[str, ...], cycles: int) -> dict[str, Any]:
        if (name, checks, cycles) not in kept:
            kept[name, checks, cycles] = run(name, checks, cycles)
        return kept[name, checks, cycles]

    def run(name: str, checks: tuple[str, ...], cycles: int) -> dict[str, Any]:
        engine = {"runtime": name, "options": {}, "cycles": cycles, **FACTS, **ENGINES[name]}
        if name == "plugin":
            engine["model"] = str(plugins.model)
            engine["options"] = {"library": str(plugins.build("scale_engine"))}
        environment = dict(os.environ)
        if name == "aotinductor":
            engine["model"] = str(request.getfixturevalue("packages").digits)
        if name == "tensorrt":  # the logic of the engine, over libraries of our own
            fake = request.getfixturevalue("fake_tensorrt")
            engine["model"] = str(fake.model)
            environment.update(fake.environment)
        done = subprocess.run(
            [interpreter(name), SCRIPT, json.dumps(engine), *checks],
            env=environment, capture_output=True, text=True, timeout=1200, check=False,
        )  # fmt: skip
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        said = {answer["check"]: answer for answer in map(json.loads, lines)}
        ended = f"the process ended with {done.returncode} before: {done.stderr[-2000:]}"
        return {c: said.get(c, {"failure": ended, "skipped": None}) for c in checks}

    return ask


def interpreter(name: str) -> str:
    """Return a Python that has the runtime; skips where there is none."""
    if name == "tensorrt":
        return sys.executable
    try:
        runtime(name).find("/bin/true" if name == "plugin" else None)
    except NotAvailableError as error:
        other = os.environ.get("EDGELOOP_TEST_TFLITE_RUNTIME_PYTHON")
        if name != "tflite-runtime" or not other:
            pytest.skip(f"{name} is not here: {error}")
        return other
    return sys.executable


def require(answer: dict[str, Any]) -> None:
    if answer["skipped"]:
        pytest.skip(answer["skipped"])
    assert not answer["failure"], answer["failure"]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_conforms(name: str, check: str, answers: Answers) -> None:
    require(answers(name, CHECKS, 0)[check])


@pytest.mark.parametrize(
    "cycles", [50, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(1300)])]
)
@pytest.mark.parametrize("name", ENGINES)
def test_load_and_unload_leave_nothing(name: str, cycles: int, answers: Answers) -> None:
    require(answers(name, ("cycles",), cycles)["cycles"])
