"""Which output is judged, and which outputs of two models belong together."""

from __future__ import annotations

import pytest

from edgeloop.errors import UsageError
from edgeloop.metrics.outputs import Label, judged_output, pair_outputs
from edgeloop.spec.load import TensorSpec

CLASS = Label("i", ())


def outputs(**shapes: tuple[int, ...]) -> list[TensorSpec]:
    return [TensorSpec(name, "float32", shape) for name, shape in shapes.items()]


def test_the_row_of_scores_is_judged_wherever_it_stands() -> None:
    label = TensorSpec("label", "int64", (1,))
    for specs in ([label, *outputs(scores=(1, 3))], [*outputs(scores=(1, 3)), label]):
        judged = judged_output(specs, 1, CLASS, None)
        assert judged.name == "scores"
        assert "only one of 2" in judged.words


def test_several_rows_of_scores_are_for_the_user_to_tell_apart() -> None:
    heads = outputs(main=(1, 10), auxiliary=(1, 10))
    judged = judged_output(heads, 1, CLASS, None)
    assert judged.index is None
    assert "'main', 'auxiliary' all fit the labels: choose one with --output NAME" in str(
        judged.reason
    )
    assert judged_output(heads, 1, CLASS, "auxiliary").index == 1
    with pytest.raises(UsageError, match="did you mean 'main'"):
        judged_output(heads, 1, CLASS, "mian")


def test_values_fit_the_output_of_their_shape() -> None:
    specs = outputs(code=(8, 16), picture=(8, 640))
    assert judged_output(specs, 8, Label("f", (640,)), None).name == "picture"
    assert judged_output(specs, 8, Label("f", (5,)), None).index is None
    maps = outputs(scores=(1, 4, 16, 16), auxiliary=(1, 7))
    assert judged_output(maps, 1, Label("u", (16, 16)), None).name == "scores"
    assert judged_output(outputs(only=(1, 2, 3)), 1, CLASS, None).index == 0


def test_a_detector_has_no_output_to_be_judged() -> None:
    specs = outputs(a=(1, 10, 4), b=(1, 10), c=(1, 10), d=(1,))
    assert "detector" in str(judged_output(specs, 1, CLASS, None).reason)


def test_outputs_are_paired_by_name_in_any_order() -> None:
    pairing = pair_outputs(outputs(a=(1, 4), b=(1, 4)), outputs(b=(1, 4), a=(1, 4)))
    assert pairing.pairs == ((0, 1), (1, 0))
    assert not pairing.notes


def test_outputs_of_other_names_are_paired_by_shape_and_said() -> None:
    ours = outputs(boxes=(1, 4420, 4), scores=(1, 4420, 2))
    pairing = pair_outputs(ours, outputs(Identity=(1, 4420, 2), Identity_1=(1, 4420, 4)))
    assert pairing.pairs == ((0, 1), (1, 0))
    assert "by their shapes: 'boxes' with 'Identity_1'" in pairing.notes[0]
    assert not pairing.doubtful


def test_a_name_that_stands_on_another_shape_means_nothing() -> None:
    ours = outputs(Identity=(1, 10, 4), Identity_1=(1, 10))
    pairing = pair_outputs(ours, outputs(Identity=(1, 10), Identity_1=(1, 10, 4)))
    assert pairing.pairs == ((0, 1), (1, 0))


def test_what_only_the_order_tells_is_doubtful() -> None:
    pairing = pair_outputs(outputs(a=(1, 4), b=(1, 4)), outputs(x=(1, 4), y=(1, 4)))
    assert pairing.pairs == ((0, 0), (1, 1))
    assert pairing.doubtful
    assert "by their order" in pairing.notes[0]


def test_a_change_of_layout_keeps_the_pair_and_a_lone_output_is_said() -> None:
    ours = outputs(features=(1, 32, 7, 9), extra=(1, 3))
    pairing = pair_outputs(ours, outputs(y=(1, 7, 9, 32)))
    assert pairing.pairs == ((0, 0),)
    assert "not compared: 'extra'" in pairing.notes[-1]
    assert not pair_outputs(outputs(a=(1, 3)), outputs(a=(1, 4))).pairs
