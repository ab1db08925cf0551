"""Suites of real models in real runtimes, killed at random moments and resumed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeloop.demo import ASSETS
from edgeloop.results.store import read_result
from edgeloop.suite.journal import NAME

FIVE = (
    "cifar10_resnet/pretrainedResnet.tflite",
    "cifar10_resnet/pretrainedResnet_quant.tflite",
    "imagenet_mobilenet/mobilenet_v2_1.0_224_quant.tflite",
    "coco_ssd/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite",
    "toycar_autoencoder/ad01_fp32.tflite",
)
PYTHON = os.environ.get("EDGELOOP_TEST_TFLITE_RUNTIME_PYTHON")


def _suite(folder: Path, models: list[Path], runtimes: list[str], budget_s: float) -> Path:
    path = folder / "suite.toml"
    tables = [
        f'[[runtime]]\nname = "tflite-runtime"\npython = "{PYTHON}"\n'
        if "tflite-runtime" in runtimes
        else ""
    ]
    path.write_text(
        f'effort = "quick"\nbudget = {budget_s}\nrest-at-most = 0\n'
        f"[matrix]\nmodels = {json.dumps([str(one) for one in models])}\n"
        f"runtimes = {json.dumps(runtimes)}\nthreads = [1, 2]\n"
        f'delegates = ["xnnpack", "none"]\n' + "".join(tables)
    )
    return path


def _lines(folder: Path) -> list[dict]:
    path = folder / NAME
    raw = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in raw[: raw.rfind(b"\n") + 1].splitlines()]


def _killed_and_resumed(suite: Path, entries: int, seed: int) -> list[dict]:
    """Kill a suite three times at random moments, then resume it to its end; return its rows."""
    generator = random.Random(seed)
    out = suite.parent / "out"
    command = [sys.executable, "-m", "edgeloop", "suite", str(suite), "--out", str(out)]
    finished: dict[str, int] = {}
    for upto in sorted(generator.sample(range(1, entries), 3)):
        resume = ["--resume"] if (out / NAME).exists() else []
        process = subprocess.Popen(
            [*command, *resume],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while process.poll() is None and len(_lines(out)) <= upto:
            time.sleep(0.01)
        time.sleep(generator.uniform(0.0, 2.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for line in _lines(out)[1:]:
            changed_ns = (out / line["result"]).stat().st_mtime_ns
            assert finished.setdefault(line["result"], changed_ns) == changed_ns
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plan, *rows = _lines(out)
    assert len(plan["plan"]["entries"]) == len(rows) == entries
    assert len({row["entry"] for row in rows}) == entries
    for name, changed_ns in finished.items():
        assert (out / name).stat().st_mtime_ns == changed_ns
    results = [read_result(str(out / row["result"])) for row in rows]
    assert all(result.summary["summary"]["median_ns"] > 0 for result in results)
    assert len(list(out.glob("*.edgeloop.jsonl"))) == entries
    return rows


@pytest.mark.timeout(600)
def test_a_suite_of_real_models_survives_kills(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")
    models = [ASSETS / "digits_float32.tflite", ASSETS / "digits_int8.tflite"]
    _killed_and_resumed(_suite(tmp_path, models, ["litert"], 0.3), 8, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_models_in_three_runtimes_survive_kills(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")
    if PYTHON is None:
        pytest.skip("EDGELOOP_TEST_TFLITE_RUNTIME_PYTHON names no Python with tflite-runtime")
    models = [shared_data / name for name in FIVE]
    runtimes = ["litert", "tflite", "tflite-runtime"]
    _killed_and_resumed(_suite(tmp_path, models, runtimes, 0.5), 60, seed=2)


def test_a_model_is_quantised_once_for_all_its_entries(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    pytest.importorskip("onnx", reason="pip install onnx")
    suite = tmp_path / "suite.toml"
    suite.write_text(
        f'effort = "quick"\nbudget = 0.3\nrest-at-most = 0\ndata = "{ASSETS}/digits_test.npz"\n'
        f'data-layout = "nhwc"\n[matrix]\nmodels = ["{ASSETS}/digits_float32.onnx"]\n'
        'runtimes = ["onnxruntime"]\nprecision = ["fp32", "dynamic"]\nthreads = [1, 2]\n'
    )
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-m", "edgeloop", "suite", str(suite), "--out", str(out), "--json", "-"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["entries"]
    assert [row["state"] for row in rows] == ["finished"] * 4
    assert all(row["accuracy"]["accuracy"] > 0.9 for row in rows)
    made = [path.name for path in (out / "models").iterdir() if path.suffix == ".onnx"]
    assert len(made) == 1
    assert "dynamic" in made[0]
    shas = {read_result(str(out / row["result"])).header["model"]["sha256"] for row in rows}
    assert len(shas) == 2


@pytest.mark.timeout(600)
def test_a_killed_sweep_is_resumed_to_a_table_sorted_by_latency(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")
    out = tmp_path / "out"
    command = [
        *(sys.executable, "-m", "edgeloop", "sweep", str(ASSETS / "digits_int8.tflite")),
        *("--runtime", "litert", "--runtime", "tflite", "--threads", "1", "--budget", "0.3"),
        *("--data", str(ASSETS / "digits_test.npz"), "--out", str(out)),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None and len(_lines(out)) < 2:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    first = _lines(out)[1]
    done = subprocess.run(
        [*command, "--resume", "--json", str(tmp_path / "sweep.json")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    document = json.loads((tmp_path / "sweep.json").read_text())
    rows = {row["id"]: row for row in document["entries"]}
    assert len(rows) == 2
    assert rows[first["entry"]]["elapsed_s"] == first["elapsed_s"]
    medians = [
        (row["summary"]["median_ns"], row["options"]["runtimes"][0])
        for row in rows.values()
        if row["summary"] is not None
    ]
    table = done.stdout.split("\n\n")[1].splitlines()[1:]
    assert [line.split()[0] for line in table] == [name for _, name in sorted(medians)]
    assert rows[first["entry"]]["accuracy"]["accuracy"] > 0.9
