"""Conversions that break: a plain sentence, the right exit code, nothing under the final name."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeloop.demo import ASSETS

ONNX = str(ASSETS / "digits_float32.onnx")
SCRIPTED = str(ASSETS / "digits_float32.pt")

pytestmark = [pytest.mark.usefixtures("convert_python"), pytest.mark.timeout(600)]


def left(folder):
    return sorted(path.name for path in Path(folder).iterdir() if path.name != "data")


@pytest.fixture
def converting(tmp_path, command_line):
    """A conversion of two steps under way, in its first step."""
    out = tmp_path / "out"
    out.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeloop", "convert", ONNX, "--to", "tflite", "--via", "savedmodel",
         "--out", str(out / "model.tflite")],
        env=command_line.environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert "onnx to savedmodel" in process.stderr.readline()
    yield process, out
    process.kill()
    process.wait()
    process.stderr.close()


def test_an_interrupted_conversion_leaves_nothing(converting):
    process, out = converting
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert "interrupted" in process.stderr.read()
    assert left(out) == []


def test_a_worker_that_is_killed_leaves_nothing(converting):
    process, out = converting
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline_s = time.monotonic() + 30
    while not (found := children.read_text().split()):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    os.kill(int(found[0]), signal.SIGKILL)
    assert process.wait(timeout=60) == 5
    said = process.stderr.read()
    assert "was killed by SIGKILL" in said
    assert "Traceback" not in said
    assert left(out) == []


def test_a_full_disk_is_said_and_leaves_nothing(command_line, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24k", "none", str(disk)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        done = command_line(
            "convert", SCRIPTED, "--shape", "1x1x8x8", "--to", "onnx",
            "--out", str(disk / "model.onnx"), timeout_s=300,
        )  # fmt: skip
        assert done.returncode == 6, done.stderr
        assert "disk" in done.stderr or "No space left" in done.stderr
        assert left(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_limit_on_the_size_of_files_is_no_fault_of_the_model(command_line, tmp_path):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limit[1]))
    try:
        done = command_line(
            "convert", SCRIPTED, "--shape", "1x1x8x8", "--to", "onnx", timeout_s=300
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert done.returncode == 6, done.stderr
    assert "File too large" in done.stderr
    assert left(tmp_path) == []


@pytest.mark.parametrize("opset", ["17", "18"])  # the tracing exporter, and torch.export's
def test_an_operator_that_the_exporter_does_not_know(command_line, tmp_path, opset):
    torch = pytest.importorskip("torch", reason="pip install torch")

    class Bessel(torch.nn.Module):
        def forward(self, x):
            return torch.special.bessel_j0(x)

    program = torch.export.export(Bessel(), (torch.randn(1, 4),))
    torch.export.save(program, tmp_path / "bessel.pt2")
    done = command_line("convert", "bessel.pt2", "--to", "onnx", "--opset", opset, timeout_s=300)
    assert done.returncode == 4, done.stderr
    assert "bessel_j0" in done.stderr
    assert "Traceback" not in done.stderr
    assert left(tmp_path) == ["bessel.pt2"]


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        ("raise RuntimeError('no weights here')", "Net", "no weights here"),
        ("class Other: pass", "Net", "has no class 'Net'; it has Other"),
    ],
)
def test_a_class_file_that_raises_or_lacks_the_class(command_line, tmp_path, source, name, words):
    torch = pytest.importorskip("torch", reason="pip install torch")
    torch.save(torch.nn.Linear(3, 2).state_dict(), tmp_path / "weights.pth")
    (tmp_path / "net.py").write_text(source + "\n", encoding="utf-8")
    done = command_line(
        "convert", "weights.pth", "--model-class-path", "net.py", "--model-class-name", name,
        "--shape", "1x3", "--to", "onnx", timeout_s=300,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert not (tmp_path / "weights.onnx").exists()


def test_what_is_there_is_not_replaced_unasked(command_line, tmp_path):
    (tmp_path / "digits_float32.tflite").write_text("mine", encoding="utf-8")
    done = command_line("convert", ONNX, "--to", "tflite")
    assert done.returncode == 6
    assert "--force replaces it" in done.stderr
    assert (tmp_path / "digits_float32.tflite").read_text(encoding="utf-8") == "mine"


def test_a_layout_that_no_step_moves_is_refused(command_line):
    done = command_line("convert", SCRIPTED, "--to", "onnx", "--layout", "nhwc")
    assert done.returncode == 2
    assert "moves channels" in done.stderr


def test_a_damaged_model_is_named(command_line, tmp_path):
    content = Path(ONNX).read_bytes()
    (tmp_path / "cut.onnx").write_bytes(content[: len(content) // 2])
    done = command_line("convert", "cut.onnx", "--to", "tflite", timeout_s=300)
    assert done.returncode == 4
    assert "cut.onnx" in done.stderr


def test_a_plan_needs_no_environment_and_says_what_is_missing(command_line, tmp_path):
    command_line.environment["EDGELOOP_ENVS"] = str(tmp_path / "none")
    done = command_line("convert", ONNX, "--to", "savedmodel", "--plan")
    assert done.returncode == 0
    assert "run 'edgeloop setup convert'" in done.stdout
    done = command_line("convert", ONNX, "--to", "savedmodel")
    assert done.returncode == 3
    assert "run 'edgeloop setup convert'" in done.stderr
