"""From what the user said to what will be done: every default, and every wrong word."""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from edgeloop.demo import ASSETS
from edgeloop.errors import ModelError, NotAvailableError, UsageError
from edgeloop.host.affinity import fastest_cluster
from edgeloop.runtimes import runtime
from edgeloop.runtimes.choice import runtimes as choice
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.runtimes.protocol import Installation
from edgeloop.spec.delegates import DelegateSpec
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import LOOPS, LoadOptions
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.spec.run import EFFORTS, RunSpec

TFLITE = str(ASSETS / "digits_int8.tflite")
ONNX = str(ASSETS / "digits_float32.onnx")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Say which runtimes are installed on this machine."""

    def say(*names: str) -> None:
        for name in ("litert", "tflite", "tflite-runtime", "onnxruntime", "torch"):

            def find(library: str | None = None, name: str = name) -> Installation:
                if name not in names:
                    raise NotAvailableError(f"{name} is not installed")
                return Installation(version="1.2.3", library=library)

            monkeypatch.setattr(runtime(name), "find", find)

    return say


def one(command: str = "bench", **said: Any) -> ResolvedSpec:
    (resolved,) = resolve(RunSpec(**{"model": "null", **said}), command)
    return resolved


def why_not(command: str = "bench", **said: Any) -> str:
    with pytest.raises(UsageError) as caught:
        one(command, **said)
    return str(caught.value)


def test_every_default() -> None:
    spec = one()
    cpus = len(fastest_cluster().cpus)
    assert spec.command == "bench"
    assert (spec.model.path, spec.model.format) == ("null", "null")
    assert spec.runtime == "null"
    assert spec.loops == ("native",)
    assert spec.python == sys.executable
    assert spec.inputs == InputSource(0, None, "x_data", "y_data", None)
    assert spec.effort == "standard"
    assert spec.fixed is None
    assert spec.processes is None
    assert spec.percentiles == (50.0, 90.0, 99.0)
    assert (spec.seed, spec.timeout_s) == (0, 600.0)
    assert spec.options == LoadOptions(model="null", threads=cpus, delegates=())
    assert len(spec.choices) == 2
    assert spec.choices[0] == "runtime null: the first found for null"
    assert spec.choices[1].startswith(f"threads {cpus}: the CPUs of the fastest cluster in reach")


def test_every_word_of_the_user_is_kept(tmp_path: Path) -> None:
    data = tmp_path / "data.npz"
    data.write_bytes(b"x")
    spec = one(
        runtimes=["null"],
        loops=["binding", "native"],
        threads=3,
        batch_size=1,
        settings={"multiplications": "7"},
        data=str(data),
        x_key="a",
        y_key="b",
        data_layout="NCHW",
        effort="rigorous",
        runs=25,
        warmup=10,
        processes=2,
        percentiles=[95],
        seed=4,
        timeout_s=0.5,
    )
    assert spec.loops == ("binding", "native")
    assert (spec.options.threads, spec.options.batch_size) == (3, 1)
    assert spec.options.settings == {"multiplications": "7"}
    assert spec.inputs == InputSource(4, str(data), "a", "b", "nchw")
    assert spec.fixed is not None
    assert (spec.fixed.runs, spec.fixed.warmup) == (25, 10)
    assert (spec.effort, spec.processes, spec.percentiles) == ("rigorous", 2, (95,))
    assert (spec.seed, spec.timeout_s) == (4, 0.5)
    assert spec.choices == ()


def test_a_resolved_spec_leaves_nothing_open_by_accident() -> None:
    open_fields = {name for name, value in vars(one(runs=3)).items() if value is None}
    assert open_fields <= {
        "budget_s", "rate_hz", "processes", "require_delegate", "peak_gflops", "regime",
        "cool_down_c", "power_command",
    }  # fmt: skip
    assert {field.name for field in fields(ResolvedSpec)} == set(vars(one()))


def test_overhead_takes_every_loop_and_one_thread() -> None:
    spec = one("overhead")
    assert spec.loops == LOOPS
    assert spec.options.threads == 1
    assert any(choice.startswith("threads 1: ") for choice in spec.choices)


def test_overhead_says_which_loops_a_runtime_lacks(here: Any) -> None:
    here("tflite")
    spec = one("overhead", model=TFLITE)
    assert spec.loops == runtime("tflite").loops
    for loop, reason in runtime("tflite").missing_loops.items():
        assert f"no {loop} loop: {reason}" in spec.choices


def test_bench_without_a_native_loop_takes_the_frameworks_and_says_so(
    here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here("onnxruntime")
    monkeypatch.setattr(runtime("onnxruntime"), "loops", ("callable", "framework"))
    monkeypatch.setattr(runtime("onnxruntime"), "missing_loops", {"native": "it is shy"})
    spec = one(model=ONNX)
    assert spec.loops == ("framework",)
    assert "loop framework: onnxruntime has no native loop (it is shy)" in spec.choices


def test_the_classic_count_discards_one_run_unless_told_otherwise() -> None:
    fixed = one(runs=10_000).fixed
    assert fixed is not None
    assert fixed.warmup == 1
    fixed = one(runs=10_000, warmup=0).fixed
    assert fixed is not None
    assert fixed.warmup == 0


def test_loops_are_named_once_in_the_users_order() -> None:
    spec = one(loops=["framework_io", "NATIVE", "framework-io"])
    assert spec.loops == ("framework-io", "native")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"loops": ["natve"]}, "unknown loop 'natve'; did you mean 'native'? known: native,"),
        (
            {"effort": "quik"},
            "unknown value 'quik' for --effort; did you mean 'quick'?",
        ),
        ({"settings": {"multiplication": "1"}}, "did you mean 'multiplications'? known:"),
        ({"delegate": "xnnpack"}, "null has no delegate 'xnnpack'; known: none"),
        ({"data_layout": "nhcw"}, "unknown data layout 'nhcw'; did you mean"),
        ({"runtimes": ["nul"]}, "unknown runtime 'nul'; did you mean 'null'? known:"),
        ({"runtimes": ["onnxruntime"]}, "onnxruntime reads onnx, but null is null; runtimes for"),
        ({"threads": 0}, "--threads must be a whole number of at least 1, not 0"),
        ({"threads": "4"}, "--threads must be a whole number of at least 1, not '4'"),
        ({"threads": True}, "--threads must be a whole number"),
        ({"batch_size": -1}, "--batch-size must be a whole number of at least 1, not -1"),
        ({"instances": 2}, "--instances is for eval"),
        ({"runs": 1.5}, "--runs must be a whole number of at least 1, not 1.5"),
        ({"processes": 0}, "--processes must be a whole number of at least 1, not 0"),
        ({"runs": 1, "warmup": -1}, "--warmup must be a whole number of at least 0, not -1"),
        ({"warmup": 5}, "--warmup is the fixed count's: give --runs too, or neither"),
        ({"seed": -1}, "--seed must be a whole number of at least 0, not -1"),
        ({"timeout_s": 0}, "--timeout must be more than 0 s, not 0"),
        ({"timeout_s": float("nan")}, "--timeout must be more than 0 s, not nan"),
        ({"percentiles": [50, 100]}, "a percentile lies between 0 and 100, not 100"),
        ({"percentiles": [float("nan")]}, "a percentile lies between 0 and 100, not nan"),
        ({"shapes": {"x": [1, 0]}}, "the shape of input 'x' must be whole numbers of at least 1"),
        ({"shapes": {"x": []}}, "the shape of input 'x' must be whole numbers of at least 1"),
        ({"shapes": {"x": [1, 2.5]}}, "the shape of input 'x' must be whole numbers of at least"),
    ],
    ids=lambda value: None if isinstance(value, str) else json.dumps(value),
)
def test_a_wrong_word_is_a_usage_error(said: dict[str, Any], words: str) -> None:
    assert words in why_not(**said)


def test_a_loop_that_the_runtime_lacks_says_why(here: Any) -> None:
    here("tflite")
    loop, reason = next(iter(runtime("tflite").missing_loops.items()))
    assert why_not(model=TFLITE, loops=[loop]) == f"tflite has no {loop} loop: {reason}"


def test_a_missing_data_file_fails_before_anything_runs() -> None:
    with pytest.raises(ModelError, match=r"the data nowhere\.npz does not exist"):
        one(data="nowhere.npz")


def test_a_missing_model_fails_before_anything_runs() -> None:
    with pytest.raises(ModelError, match=r"nowhere\.tflite"):
        one(model="nowhere.tflite")


def test_the_first_runtime_that_is_here(here: Any) -> None:
    here("tflite", "tflite-runtime")
    spec = one(model=TFLITE)
    assert spec.runtime == "tflite"
    assert spec.choices[0] == (
        "runtime tflite: the first found for tflite (found too: tflite-runtime)"
    )


def test_all_runtimes_that_are_here(here: Any) -> None:
    here("litert", "tflite-runtime")
    resolved = resolve(RunSpec(model=TFLITE, runtimes=["all"]), "bench")
    assert [spec.runtime for spec in resolved] == ["litert", "tflite-runtime"]
    assert resolved[0].choices[0] == "runtimes found: litert, tflite-runtime"
    assert "tflite: tflite is not installed" in resolved[0].choices
    again = resolve(RunSpec(model=TFLITE, runtimes=["litert", "ALL"]), "bench")
    assert [spec.runtime for spec in again] == ["litert", "tflite-runtime"]


@pytest.mark.parametrize("runtimes", [[], ["all"]])
def test_no_runtime_is_here(runtimes: list[str], here: Any) -> None:
    here()
    with pytest.raises(NotAvailableError) as caught:
        one(model=ONNX, runtimes=runtimes)
    assert str(caught.value) == (
        "no runtime for onnx was found: onnxruntime: onnxruntime is not installed"
    )


def test_a_named_runtime_that_is_not_here_fails_at_once(here: Any) -> None:
    here("litert")
    with pytest.raises(NotAvailableError, match="tflite is not installed"):
        one(model=TFLITE, runtimes=["tflite"])


def test_runtimes_that_are_named_are_taken_once_and_in_order(here: Any) -> None:
    here("litert", "tflite", "tflite-runtime")
    named = ["tflite_runtime", "litert", "tflite-runtime"]
    resolved = resolve(RunSpec(model=TFLITE, runtimes=named), "bench")
    assert [spec.runtime for spec in resolved] == ["tflite-runtime", "litert"]
    assert not any("runtime" in said for said in resolved[0].choices)


def test_a_runtime_that_cannot_read_the_format(here: Any) -> None:
    here("litert", "onnxruntime")
    words = why_not(model=ONNX, runtimes=["litert"])
    assert (
        words == f"litert reads tflite, edgetpu, but {ONNX} is onnx; runtimes for it: onnxruntime"
    )


def test_a_format_that_no_runtime_reads(monkeypatch: pytest.MonkeyPatch, here: Any) -> None:
    here()
    monkeypatch.setattr(runtime("onnxruntime"), "formats", {})
    words = why_not(model=ONNX)
    assert f"{ONNX} is onnx, which no runtime of this version reads; runtimes: null, " in words
    assert "runtimes for it: none yet" in why_not(model=ONNX, runtimes=["litert"])


def test_another_interpreter_is_asked_and_not_this_one(here: Any) -> None:
    here()
    spec = one(python=sys.executable)
    assert spec.python == sys.executable
    assert spec.choices[0] == "runtime null: the first found for null"


def test_an_interpreter_that_does_not_exist_is_said_once(here: Any) -> None:
    here()
    with pytest.raises(NotAvailableError) as caught:
        one(model=TFLITE, python="/nowhere/python")
    assert str(caught.value).startswith("the interpreter '/nowhere/python' cannot be started")


def test_what_another_interpreter_lacks_is_told(monkeypatch: pytest.MonkeyPatch, here: Any) -> None:
    here()
    asked: list[str] = []

    class Client:
        def __init__(self, python: str, timeout_s: float) -> None:
            asked.append(python)

        def __enter__(self) -> Client:
            return self

        def __exit__(self, *error: object) -> None: ...

        def request(self, request: Any, doing: str) -> None:
            asked.append(request.runtime)
            if request.runtime != "tflite":
                raise NotAvailableError("it is not installed there")

    monkeypatch.setattr("edgeloop.worker.client.WorkerClient", Client)
    assert one(model=TFLITE, python="other").runtime == "tflite"
    assert asked == ["other", "litert", "other", "tflite", "other", "tflite-runtime"]


def test_delegates(here: Any) -> None:
    here("tflite")
    known = runtime("tflite").delegates
    assert known == ("xnnpack", "armnn", "edgetpu", "gpu")
    assert one(model=TFLITE).options.delegates == (DelegateSpec("xnnpack", implied=True),)
    assert one(model=TFLITE, delegate="XNNPACK").options.delegates == (DelegateSpec("xnnpack"),)
    assert one(model=TFLITE, delegate="none").options.delegates == ()
    assert one(delegate="none").options.delegates == ()
    words = why_not(model=TFLITE, delegate="xnnpak")
    assert words.startswith("unknown delegate 'xnnpak'; did you mean 'xnnpack'? known: ")


def test_the_delegates_of_another_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(runtime("null")), "delegates", ("npu", "dsp"))
    assert one().options.delegates == (DelegateSpec("npu", implied=True),)
    assert one(delegate="DSP").options.delegates == (DelegateSpec("dsp"),)
    assert one(delegate="none").options.delegates == ()
    assert one(delegate="dsp", threads=1).title == "null@null,threads=1,delegate=dsp"
    assert one(delegate="none", threads=1).title == "null@null,threads=1,delegate=none"
    assert "did you mean 'npu'? known: npu, dsp, none" in why_not(delegate="npo")


def test_settings_of_a_notebook_are_text_for_the_engine() -> None:
    assert one(settings={"fail_at": 900}).options.settings == {"fail-at": "900"}


def test_paths_are_absolute_because_the_worker_may_be_elsewhere(
    here: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here("litert", "torch")
    for name in ("digits_int8.tflite", "digits_test.npz"):
        (tmp_path / name).write_bytes((ASSETS / name).read_bytes())
    (tmp_path / "net.py").write_text("class Net: ...", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    spec = one(
        model="digits_int8.tflite",
        runtimes=["litert"],
        data="digits_test.npz",
        library="lib.so",
        model_class_path="net.py",
    )
    assert spec.model.path == str(tmp_path / "digits_int8.tflite")
    assert spec.inputs.data == str(tmp_path / "digits_test.npz")
    assert spec.options.library == str(tmp_path / "lib.so")
    assert spec.options.model_class_path == str(tmp_path / "net.py")
    assert spec.model.bytes == Path(TFLITE).stat().st_size


def test_a_path_object_is_a_path(here: Any) -> None:
    here("litert")
    assert one(model=Path(TFLITE)).model.path == TFLITE


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ({}, "null@null,threads=1"),
        ({"batch_size": 1}, "null@null,threads=1,batch-size=1"),
        ({"settings": {"multiplications": "7"}}, "null@null,threads=1,multiplications=7"),
        ({"shapes": {"": [1, 2]}}, "null@null,threads=1,shape=1x2"),
        ({"shapes": {"x": [1, 2]}}, "null@null,threads=1,shape=x:1x2"),
    ],
    ids=str,
)
def test_titles(said: dict[str, Any], title: str) -> None:
    assert one(threads=1, **said).title == title


def test_the_title_of_a_runtime_with_delegates_names_them(here: Any) -> None:
    here("litert")
    spec = one(model=TFLITE, threads=2)
    assert spec.title == "digits_int8.tflite@litert,threads=2,delegate=xnnpack"
    spec = one(model=TFLITE, threads=2, delegate="none")
    assert spec.title == "digits_int8.tflite@litert,threads=2,delegate=none"


def test_instances_have_a_thread_each_unless_told_otherwise() -> None:
    spec = one("eval", instances=3)
    assert (spec.instances, spec.options.threads) == (3, 1)
    assert any(choice.startswith("threads 1 for each instance") for choice in spec.choices)
    assert one("eval", instances=3, threads=2).options.threads == 2
    assert one("eval").instances == one("eval", instances=1).instances == 1


def test_instances_need_the_native_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    words = why_not("eval", instances=2, loops=["framework"])
    assert words == "--instances needs the native loop, and this is the framework loop"
    monkeypatch.setattr(type(runtime("null")), "loops", ("framework",))
    monkeypatch.setattr(type(runtime("null")), "missing_loops", {"native": "it is slow"})
    words = why_not("eval", instances=2)
    assert words.endswith("this is the framework loop: null has no native one (it is slow)")


def test_a_title_is_a_configuration() -> None:
    from edgeloop.spec.configuration import parse_configuration

    said = {"threads": 3, "settings": {"multiplications": "7"}, "shapes": {"x": (1, 2)}}
    title = one("eval", instances=2, **said).title
    parsed = parse_configuration(title, RunSpec(model=""))
    assert (parsed.model, parsed.threads, parsed.shapes) == ("null", 3, {"x": (1, 2)})
    assert parsed.instances == 2
    assert one(settings=dict(parsed.settings)).options.settings == {"multiplications": "7"}


@pytest.mark.parametrize("effort", EFFORTS)
def test_a_resolved_spec_is_json(effort: str) -> None:
    spec = one(effort=effort, runs=3, shapes={"x": (1, 2)}, settings={"fail-at": "9"})
    document = json.loads(json.dumps(spec.as_dict(), allow_nan=False))
    assert document["title"] == spec.title
    assert document["options"]["shapes"] == {"x": [1, 2]}
    assert document["fixed"] == {"runs": 3, "warmup": 1}
    assert document["effort"] == effort


def test_the_library_of_the_user_is_where_a_runtime_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[str | None] = []
    monkeypatch.setattr(
        choice.runtime("tflite"), "find", lambda library=None: looked.append(library)
    )
    one(model=TFLITE, runtimes=["tflite"], library="/opt/lib.so")
    assert looked == ["/opt/lib.so"]
