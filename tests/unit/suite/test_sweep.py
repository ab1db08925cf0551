"""Sweeps: which rows a model gets, the suite that is written for it, and its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest

from edgeloop.cli.pages.sweep import sweep_page, sweep_plan_page
from edgeloop.demo import ASSETS
from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.measure.observer import Silence
from edgeloop.runtimes import protocol, runtime
from edgeloop.spec.run import RunSpec
from edgeloop.suite import sweep as planning
from edgeloop.suite.journal import FINISHED, Ended
from edgeloop.suite.run import Row as SuiteRow
from edgeloop.suite.run import SuiteReport, plan_suite, run_suite
from edgeloop.suite.sweep import SweepSpec, plan_sweep

TFLITE = str(ASSETS / "digits_float32.tflite")
INT8 = str(ASSETS / "digits_int8.tflite")
ONNX = str(ASSETS / "digits_float32.onnx")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have litert, tflite and onnxruntime be all that is installed."""

    def look(name: str, library: object, notes: object) -> str:
        if name in ("litert", "tflite", "onnxruntime"):
            return "/usr/bin/python3"
        raise NotAvailableError(f"{name} is not installed")

    monkeypatch.setattr(planning, "interpreter_of", look)


def _rows(spec: SweepSpec) -> list[tuple[str, object, object]]:
    return [(row.runtime, row.to, row.precision) for row in plan_sweep(spec).rows]


def test_every_installed_runtime_gets_the_nearest_format_and_each_precision() -> None:
    assert _rows(SweepSpec(RunSpec(TFLITE))) == [
        ("litert", None, None), ("litert", None, "dynamic"), ("litert", None, "fp16"),
        ("tflite", None, None), ("tflite", None, "dynamic"), ("tflite", None, "fp16"),
        ("onnxruntime", "onnx", None), ("onnxruntime", "onnx", "dynamic"),
        ("onnxruntime", "onnx", "fp16"),
    ]  # fmt: skip


def test_what_is_not_installed_is_left_out_with_its_reason() -> None:
    planned = plan_sweep(SweepSpec(RunSpec(ONNX)))
    left_out = {one.name: one.reason for one in planned.left_out}
    missing = {one.name: one.reason for one in planned.missing}
    assert missing["tflite-runtime"] == "tflite-runtime is not installed"
    assert "needs --representative-data" in left_out["onnxruntime int8"]
    assert not {"null", "plugin"} & {*left_out, *missing}
    page = sweep_plan_page(planned)
    assert "\nnot installed: " in page
    assert max(map(len, page.splitlines())) <= 80


def test_a_runtime_that_was_named_is_a_row_even_where_it_is_not_installed() -> None:
    spec = SweepSpec(RunSpec(ONNX, runtimes=("tflite_runtime",)), precisions=("fp32",))
    assert _rows(spec) == [("tflite-runtime", "tflite", None)]


def test_a_model_that_is_quantised_stays_as_it_is() -> None:
    spec = SweepSpec(RunSpec(INT8, runtimes=("litert", "onnxruntime")))
    assert _rows(spec) == [("litert", None, None), ("onnxruntime", "onnx", None)]


def test_samples_bring_the_precisions_that_are_calibrated(tmp_path: Path) -> None:
    spec = SweepSpec(
        RunSpec(TFLITE, runtimes=("litert",)),
        precisions=("int8",),
        representative_data=str(ASSETS / "digits_test.npz"),
    )
    assert _rows(spec) == [("litert", None, "int8")]
    (entry,) = plan_suite(plan_sweep(spec).suite()).entries
    assert entry.conversion is not None
    assert entry.conversion.representative_data == str(ASSETS / "digits_test.npz")


@pytest.mark.parametrize(
    ("changes", "precisions", "words"),
    [({}, ("fp23",), "unknown precision 'fp23'; did you mean 'fp32'"),
     ({"runtimes": ("litter",)}, (), "unknown runtime 'litter'; did you mean 'litert'"),
     ({"runtimes": ("torch",)}, (), "torch reads pytorch, and a model in the format tflite"),
     ({"runtimes": ("litert",)}, ("int8",), "litert int8: needs --representative-data")],
)  # fmt: skip
def test_what_cannot_be_is_said(changes: dict, precisions: tuple, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan_sweep(SweepSpec(RunSpec(TFLITE, **changes), precisions))


def test_the_suite_says_every_option_that_was_given(tmp_path: Path) -> None:
    run = RunSpec(
        ONNX, runtimes=("onnxruntime",), effort="quick", threads=2, percentiles=(50.0, 95.0),
        data=str(ASSETS / "digits_test.npz"), data_layout="nhwc", softmax=True, budget_s=1.5,
        shapes={"input": (1, 1, 8, 8)}, settings={"session.x": 'a "quoted" one'},
    )  # fmt: skip
    entries = plan_suite(plan_sweep(SweepSpec(run)).suite()).entries
    assert len(entries) == 3
    assert all(entry.spec == run for entry in entries)


def test_a_way_that_nothing_here_can_go_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGELOOP_ENVS", "/nowhere")
    page = sweep_plan_page(plan_sweep(SweepSpec(RunSpec(ONNX, runtimes=("litert",)))))
    assert page.startswith("sweep-digits_float32: 3 rows in 1 runtime, from onnx")
    assert "cannot be made here: " in page
    assert "edgeloop setup " in page


def test_an_added_runtime_is_in_the_sweep_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    class Added(protocol.Runtime):
        name = "added"
        formats: Mapping[str, Optional[int]] = {"savedmodel": 1}

    known = {"added": Added()}
    monkeypatch.setattr(planning, "known_names", lambda: ("added",))
    monkeypatch.setattr(planning, "runtime", lambda name: known.get(name) or runtime(name))
    monkeypatch.setattr(planning, "interpreter_of", lambda *_: "/usr/bin/python3")
    monkeypatch.setattr(planning, "_toml", lambda *_: "")
    assert _rows(SweepSpec(RunSpec(ONNX))) == [("added", "savedmodel", None)]


@pytest.fixture
def measured(tmp_path: Path) -> SuiteReport:
    """A report of one finished entry, of the null engine in place of a model."""
    text = 'threads = 1\nruns = 20\n[[include]]\nmodel = "null"\nruntime = "null"\n'
    planned = plan_sweep(SweepSpec(RunSpec(TFLITE, runtimes=("litert",)), precisions=("fp32",)))
    return run_suite(replace(planned.suite(out=str(tmp_path / "out")), text=text), Silence())


def test_the_fastest_row_is_first_and_failures_are_rows(measured: SuiteReport) -> None:
    sweep = plan_sweep(SweepSpec(RunSpec(TFLITE, runtimes=("litert", "tflite"))))
    slow = measured.rows[0]
    assert slow.result is not None
    reason = "it broke: " + "a word " * 60
    failed = SuiteRow(
        replace(slow.entry, model_sha256="0"), Ended("x", "failed", 1.0, None, reason, 5)
    )
    pending = SuiteRow(replace(slow.entry, model_sha256="1"), None)
    report = replace(measured, rows=[failed, pending, slow], interrupted=True)
    page = sweep_page(sweep, report)
    first, about, _, header, row, *_ = page.splitlines()
    assert first.startswith("fastest: null fp32, ")
    assert "1 of 3 rows measured" in about
    assert header.split()[:3] == ["runtime", "MB", "load"]
    assert row.startswith("null fp32")
    assert "null fp32: failed: it broke:" in page
    assert "null fp32: not measured yet" in page
    assert "--resume continues" in page
    assert max(map(len, page.splitlines())) <= 80
    assert slow.ended is not None
    assert slow.ended.state == FINISHED
