"""The ways between formats, and the plan of one on machines of every kind."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest

from edgeloop.conversion.edge import AARCH64, X86_64, Edge
from edgeloop.conversion.graph import EDGES, find_path, reachable
from edgeloop.conversion.plan import make_plan
from edgeloop.envs.interpreter import Interpreter
from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.models.formats import FORMATS, ModelFormat

TORCHSCRIPT = ModelFormat("pytorch", "torchscript")
CHECKPOINT = ModelFormat("pytorch", "checkpoint")
ONNX = ModelFormat("onnx")


def everything_is_here(packages, environment, python, hint):
    return Interpreter("/usr/bin/python3", "this environment")


def nothing_is_here(packages, environment, python, hint):
    return Interpreter(None, "nowhere", f"run 'edgeloop setup {environment}'")


def names(way):
    return [edge.name for edge in way]


def targets(way):
    return [edge.target for edge in way]


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.name)
def test_every_edge_has_its_module_and_known_formats(edge):
    assert find_spec(edge.module) is not None
    module = import_module(edge.module)  # imports no framework
    assert callable(module.convert)
    assert callable(module.import_packages)
    assert {edge.source, edge.target} <= set(FORMATS)
    assert edge.environment is not None or edge.install_hint


def test_the_names_of_edges_are_unique():
    assert len({edge.name for edge in EDGES}) == len(EDGES)


def test_the_direct_way_is_taken_before_the_one_through_onnx():
    assert targets(find_path(CHECKPOINT, "tflite")) == ["tflite"]


def test_via_takes_the_other_way():
    assert targets(find_path(CHECKPOINT, "tflite", via=["onnx"]))[0] == "onnx"
    assert targets(find_path(CHECKPOINT, "tflite", via=["direct"])) == ["tflite"]


def test_torchscript_goes_through_onnx():
    assert targets(find_path(TORCHSCRIPT, "tflite"))[0] == "onnx"
    with pytest.raises(UsageError, match=r"no way from pytorch \(torchscript\) to tflite passes"):
        find_path(TORCHSCRIPT, "tflite", via=["direct"])


def test_an_unknown_format_and_a_way_that_is_none_say_what_there_is():
    with pytest.raises(UsageError, match="did you mean 'tflite'"):
        find_path(ONNX, "tflit")
    with pytest.raises(UsageError, match="unknown format 'onx' for --via"):
        find_path(CHECKPOINT, "tflite", via=["onx"])
    with pytest.raises(UsageError, match="nothing to convert"):
        find_path(ONNX, "onnx")
    with pytest.raises(UsageError, match="no way leads from aotinductor to tflite"):
        find_path(ModelFormat("aotinductor"), "tflite")


def test_underscores_and_capitals_are_accepted():
    assert targets(find_path(ONNX, "SavedModel")) == ["savedmodel"]


def test_cost_decides_before_length():
    edges = (
        Edge("a-to-c", "onnx", "tflite", "", ()),
        Edge("a-to-b", "onnx", "savedmodel", "", ()),
        Edge("b-to-c", "savedmodel", "tflite", "", ()),
    )
    assert names(find_path(ONNX, "tflite", edges=edges)) == ["a-to-c"]
    dear = find_path(ONNX, "tflite", edges=edges, cost=lambda edge: int(edge.name == "a-to-c"))
    assert names(dear) == ["a-to-b", "b-to-c"]


def test_what_a_model_can_become_is_listed_nearest_first():
    known = reachable(ONNX)
    assert known.index("savedmodel") < known.index("tflite")
    assert reachable(ModelFormat("aotinductor")) == []


def test_on_aarch64_the_way_that_runs_there_is_taken():
    plan = make_plan(CHECKPOINT, "tflite", machine=AARCH64, look=everything_is_here)
    assert plan.steps[0].edge.target == "onnx"
    assert plan.runnable
    assert all(step.other_machine is None for step in plan.steps)


def test_on_aarch64_the_direct_way_names_the_step_that_a_pc_must_do():
    plan = make_plan(CHECKPOINT, "tflite", via=["direct"], machine=AARCH64, look=everything_is_here)
    (step,) = plan.steps
    assert step.other_machine == X86_64
    assert "litert-torch has no package for aarch64" in step.missing
    with pytest.raises(NotAvailableError, match="do this step on x86_64"):
        plan.require_runnable()


def test_what_is_missing_comes_with_the_command():
    plan = make_plan(CHECKPOINT, "tflite", machine=X86_64, look=nothing_is_here)
    assert not plan.runnable
    with pytest.raises(NotAvailableError, match="run 'edgeloop setup convert'"):
        plan.require_runnable()
    assert [step["missing"] for step in plan.as_dict()["steps"]]


def test_what_is_installed_is_taken_before_what_is_not():
    def only_onnx2tf(packages, environment, python, hint):
        return (nothing_is_here if "litert_torch" in packages else everything_is_here)(
            packages, environment, python, hint
        )

    plan = make_plan(CHECKPOINT, "tflite", machine=X86_64, look=only_onnx2tf)
    assert plan.runnable
    assert plan.steps[0].edge.target == "onnx"
