"""What a result says of who ran which node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeloop.cli.pages.placement import placement_lines
from edgeloop.measure.placement import placement_document
from edgeloop.results.placement import why_too_little
from edgeloop.results.warnings import delegate_warnings
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.spec.run import RunSpec

MODEL = (
    Path(__file__).parents[3] / "python" / "edgeloop" / "demo" / "assets" / "digits_float32.tflite"
)


def part(owner: str, indexes: list[int], delegate: str = "", subgraph: int = 0) -> dict[str, Any]:
    return {
        "owner": owner,
        "delegate": delegate,
        "nodes": len(indexes),
        "subgraph": subgraph,
        "indexes": indexes,
        "operators": [],
    }


@pytest.fixture
def operators() -> list[str]:
    from edgeloop.models.tflite_reader import read_model

    return [operator.name for operator in read_model(MODEL).subgraphs[0].operators]


@pytest.fixture
def spec(monkeypatch: pytest.MonkeyPatch) -> Any:
    from edgeloop.runtimes.protocol import Installation
    from edgeloop.runtimes.tflite import RUNTIME

    monkeypatch.setattr(type(RUNTIME), "find", lambda *_: Installation("1", "/lib.so"))

    def make(*delegates: str) -> ResolvedSpec:
        asked = RunSpec(model=str(MODEL), runtimes=("tflite",), delegate=delegates, threads=1)
        return resolve(asked, "bench")[0]

    return make


def header(spec: ResolvedSpec, document: dict[str, Any]) -> dict[str, Any]:
    names = [str(delegate) for delegate in spec.options.delegates]
    return {**document, "runtime": {"delegates": names}, "spec": spec.as_dict()}


def test_nodes_and_work(spec: Any, operators: list[str]) -> None:
    chosen = spec("/x.so")
    convolutions = [i for i, name in enumerate(operators) if name == "CONV_2D"]
    others = [i for i in range(len(operators)) if i not in convolutions]
    parts = [part("Own", convolutions, "x.so"), part("builtin", others)]
    document = placement_document(chosen, parts)
    placement = document["placement"]
    own, xnnpack = placement["delegates"]
    assert (own["name"], own["nodes"], own["partitions"]) == ("x.so", len(convolutions), 1)
    assert own["share_nodes"] == len(convolutions) / len(operators)
    assert 0 < own["share_macs"] <= 1
    assert own["macs"] + placement["rest"]["macs"] == placement["macs"] > 0
    assert (xnnpack["name"], xnnpack["nodes"], xnnpack["implied"]) == ("xnnpack", 0, True)
    assert sum(placement["rest"]["operators"].values()) == len(others)
    assert delegate_warnings(header(chosen, document)) == []  # nobody asked for XNNPACK
    assert any("x.so (Own)" in line for line in placement_lines(header(chosen, document)))
    assert why_too_little(None, placement, "") is None
    assert why_too_little(0.0, placement, "") is None
    assert why_too_little(own["share_macs"], placement, "") is None
    if own["share_macs"] < 1:
        assert "of the multiply-accumulates" in str(why_too_little(1.0, placement, ""))


def test_a_delegate_that_took_nothing_is_loud(spec: Any, operators: list[str]) -> None:
    chosen = spec("/x.so", "none")
    document = placement_document(chosen, [part("builtin", list(range(len(operators))))])
    (found,) = delegate_warnings(header(chosen, document))
    assert found["code"] == "delegate-unused"
    assert "NONE" in placement_lines(header(chosen, document))[0]
    assert "took none" in str(why_too_little(0.0, document["placement"], ""))


def test_a_delegate_without_the_work_is_loud(spec: Any, operators: list[str]) -> None:
    chosen = spec("/x.so", "none")
    idle = [i for i, name in enumerate(operators) if name in ("PAD", "RESHAPE", "SOFTMAX")]
    work = [i for i in range(len(operators)) if i not in idle]
    document = placement_document(chosen, [part("Own", idle, "x.so"), part("builtin", work)])
    (found,) = delegate_warnings(header(chosen, document))
    assert found["code"] == "delegate-useless"
    assert why_too_little(0.0, document["placement"], "") is None
    assert why_too_little(0.01, document["placement"], "") is not None


def test_a_plan_that_is_not_the_file_has_no_work(spec: Any) -> None:
    document = placement_document(spec(), [part("TfLiteXNNPackDelegate", [0, 1])])
    placement = document["placement"]
    assert placement["macs"] is None
    assert "not those of the file" in placement["macs_reason"]
    assert placement["delegates"][0]["nodes"] == 2
    assert why_too_little(1.0, placement, "") is None


def test_nodes_that_are_only_counted_have_no_work(spec: Any, operators: list[str]) -> None:
    counted = {**part("NPU", []), "nodes": len(operators)}  # as a plugin tells it
    placement = placement_document(spec(), [counted])["placement"]
    assert placement["nodes"] == placement["rest"]["nodes"] == len(operators)
    assert placement["macs"] is None
    assert placement["rest"]["operators"] is None
    assert "which of the file's nodes" in placement["rest"]["operators_reason"]


def test_an_unknown_plan_fails_a_requirement(spec: Any) -> None:
    reason = "this runtime offers no way to tell which node ran where"
    document = placement_document(spec("/x.so"), None)
    assert document == {"placement": None, "placement_reason": reason}
    assert reason in str(why_too_little(0.0, None, reason))
    assert "no way to tell" in placement_lines(header(spec("/x.so"), document))[0]


def test_why_a_delegate_left_something_is_in_its_own_words(spec: Any, operators: list[str]) -> None:
    said = (
        "INFO: Created the delegate\n"
        "  CONV2D: not supported by armnn: the bias is not constant\n"
        "CONV2D: not supported by armnn: the bias is not constant\n"
        "loaded in 3 ms\n"
    )
    every = list(range(len(operators)))
    parts = [part("Other", every[:1], "x.so"), part("builtin", every[1:])]
    document = placement_document(spec("/x.so"), parts, said)
    words = "CONV2D: not supported by armnn: the bias is not constant"
    assert document["placement"]["rest"]["reasons"] == [words]
    assert f"    it said: {words}" in placement_lines(header(spec("/x.so"), document))

    # Nothing was left, or nothing was asked for: then the words are of something else.
    whole = placement_document(spec("/x.so"), [part("Other", every, "x.so")], said)
    assert whole["placement"]["rest"]["reasons"] == []
    implied = placement_document(spec(), [part("builtin", every)], said)
    assert implied["placement"]["rest"]["reasons"] == []
