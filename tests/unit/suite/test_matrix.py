"""From axes and rules to entries."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import numpy as np
import pytest

from edgeloop.measure.observer import Silence
from edgeloop.suite.conversions import Conversions, conversions_of
from edgeloop.suite.definition import read_definition
from edgeloop.suite.entry import Entry
from edgeloop.suite.matrix import expand
from edgeloop.suite.plan import make_plan

Write = Callable[[str], str]


def _entries(path: str) -> tuple[Entry, ...]:
    return expand(read_definition(path)).entries


def test_the_product_with_rules_and_options(toml: Write, models: Path) -> None:
    matrix = expand(
        read_definition(
            toml(
                """
                effort = "quick"
                threads = 1

                [matrix]
                models = ["small", "b.tflite", "c.onnx"]
                runtimes = ["litert", "onnxruntime"]
                threads = [1, 2]
                delegates = ["xnnpack", "none"]

                [[model]]
                name = "small"
                path = "a.tflite"
                data = "a.npz"
                set = { x = 1 }

                [[runtime]]
                name = "onnxruntime"
                python = "envs/bin/python"

                [[exclude]]
                model = "b.tflite"
                delegate = "none"

                [[override]]
                when = { model = "small", threads = 2 }
                effort = "rigorous"
                """
            )
        )
    )
    names = [entry.name for entry in matrix.entries]
    assert names == [
        "small@litert,threads=1,delegate=xnnpack,x=1",
        "small@litert,threads=1,delegate=none,x=1",
        "small@litert,threads=2,delegate=xnnpack,x=1",
        "small@litert,threads=2,delegate=none,x=1",
        "b.tflite@litert,threads=1,delegate=xnnpack",
        "b.tflite@litert,threads=2,delegate=xnnpack",
        "c.onnx@onnxruntime,threads=1",
        "c.onnx@onnxruntime,threads=2",
    ]
    by_name = {entry.name: entry.spec for entry in matrix.entries}
    assert by_name[names[0]].effort == "quick"
    assert by_name[names[2]].effort == "rigorous"
    assert by_name[names[0]].data == str(models / "a.npz")
    assert by_name[names[4]].data is None
    assert by_name[names[6]].python == str(models / "envs/bin/python")
    reasons = {one.reason for one in matrix.left_out}
    assert reasons == {
        "litert reads tflite, edgetpu, and this is onnx",
        "onnxruntime reads onnx, and this is tflite",
        "onnxruntime has no such choice: measured once",
    }


def test_conversions_are_made_once_for_all_entries(toml: Write, models: Path) -> None:
    entries = _entries(
        toml(
            """
            representative-data = "train.npz"
            [matrix]
            models = ["a.tflite"]
            runtimes = ["litert", "tflite"]
            precision = ["fp32", "int8", "dynamic"]
            threads = [1, 4]
            """
        )
    )
    assert len(entries) == 12
    made = conversions_of(entries)
    assert [(one.conversion.precision, len(one.entries)) for one in made] == [
        ("int8", 4),
        ("dynamic", 4),
    ]
    assert made[0].conversion.representative_data == str(models / "train.npz")
    assert made[1].conversion.representative_data is None


def test_the_order_is_random_by_its_seed_and_keeps_what_was_before(toml: Write) -> None:
    text = '[matrix]\nmodels = ["null"]\nruntimes = ["null"]\nthreads = [1, 2, 3, 4, 5, 6, 7, 8]\n'
    definition = read_definition(toml(text))
    matrix = expand(definition)
    orders = [[e.id for e in make_plan(definition, matrix, seed).entries] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])
    kept = orders[0][:3]
    assert [e.id for e in make_plan(definition, matrix, 2, kept).entries[:3]] == kept


def test_an_entry_is_another_where_its_model_is(toml: Write, models: Path) -> None:
    path = toml('[matrix]\nmodels = ["a.tflite"]\nruntimes = ["litert"]\n')
    before = _entries(path)[0]
    assert _entries(path)[0].id == before.id
    (models / "a.tflite").write_bytes((models / "b.tflite").read_bytes())
    after = _entries(path)[0]
    assert after.name == before.name
    assert after.id != before.id


def test_a_conversion_is_anothers_where_the_weights_beside_the_model_are(
    toml: Write, tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx", reason="pip install onnx")
    helper, value = onnx.helper, onnx.helper.make_tensor_value_info
    for name, weight in (("good", 1.0), ("bad", 2.0)):
        (tmp_path / name).mkdir()
        graph = helper.make_graph(
            [helper.make_node("Mul", ["x", "w"], ["y"])],
            "g",
            [value("x", 1, [1, 1])],
            [value("y", 1, [1, 1])],
            [helper.make_tensor("w", 1, [1], np.float32([weight]).tobytes(), raw=True)],
        )
        onnx.save_model(
            helper.make_model(graph), str(tmp_path / name / "m.onnx"), save_as_external_data=True,
            location="m.data", size_threshold=0,
        )  # fmt: skip
    same = {(tmp_path / name / "m.onnx").read_bytes() for name in ("good", "bad")}
    assert len(same) == 1
    path = toml(
        """
        [matrix]
        runtimes = ["tflite"]
        to = ["tflite"]
        [[model]]
        name = "good"
        path = "good/m.onnx"
        [[model]]
        name = "bad"
        path = "bad/m.onnx"
        """
    )
    entries = _entries(path)
    made = Conversions(tmp_path, Silence())
    assert len(conversions_of(entries)) == 2
    assert len({made.target_of(entry) for entry in entries}) == 2
    assert len({entry.id for entry in entries}) == 2


def test_a_conversion_is_anothers_where_the_source_is_read_otherwise(
    toml: Write, models: Path
) -> None:
    path = toml(
        """
        [matrix]
        models = ["c.onnx"]
        runtimes = ["tflite"]
        to = ["tflite"]
        batch-size = [1, 2]
        threads = [1, 2]
        """
    )
    entries = _entries(path)
    made = Conversions(models, Silence())
    assert [len(one.entries) for one in conversions_of(entries)] == [2, 2]
    assert len({made.target_of(entry) for entry in entries}) == 2


def test_a_conversion_is_anothers_where_the_representative_data_is(
    toml: Write, models: Path
) -> None:
    path = toml(
        """
        representative-data = "a.npz"
        [matrix]
        models = ["a.tflite"]
        runtimes = ["tflite"]
        precision = ["int8"]
        """
    )
    (models / "a.npz").write_bytes(b"first")
    (entry,) = _entries(path)
    first = Conversions(models, Silence()).target_of(entry)
    (models / "a.npz").write_bytes(b"other")
    assert Conversions(models, Silence()).target_of(entry) != first
