from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edgeloop.errors import ModelError
from edgeloop.results.block_labels import BlockLabel
from edgeloop.results.probe import Probe
from edgeloop.results.schema import Block, Invocation, Result
from edgeloop.results.store import read_result


def as_json(document: Any) -> Any:
    return json.loads(json.dumps(document, allow_nan=False))


def test_an_invocation_survives_as_json(block: Any, invocation: Any) -> None:
    before = invocation(block(1, 2, 3), block(2**40, tail=True, cpu_ns=None, probe=None))
    after = Invocation.from_dict(as_json(before.as_dict()))
    assert after.as_dict() == before.as_dict()
    assert after.blocks[1].tail
    assert after.blocks[1].cpu_ns is None
    assert after.blocks[0].durations_ns.tolist() == [1, 2, 3]


def test_an_invocation_that_failed_survives(invocation: Any) -> None:
    before = invocation(
        threads_started=None,
        context_switches=None,
        migrations=None,
        peak_rss_bytes=None,
        error="the worker crashed",
    )
    after = Invocation.from_dict(as_json(before.as_dict()))
    assert (after.error, after.context_switches) == ("the worker crashed", None)


def test_a_block_at_a_fixed_rate_survives(block: Any) -> None:
    before = block(30, 40, interval_ns=1000, busy_ns=50)
    after = Block.from_dict(as_json(before.as_dict(None)))
    assert (after.interval_ns, after.busy_ns, after.wall_ns) == (1000, 50, 2000)


def test_every_null_has_its_reason(block: Any, invocation: Any) -> None:
    nothing = {"cpu_ns": None, "probe": None, "temperature_c": None}
    unknown = dict.fromkeys(
        ("threads_started", "context_switches", "migrations", "peak_rss_bytes"), None
    )
    document = invocation(block(**nothing), **unknown).as_dict()
    for fields in (document, document["blocks"][0]):
        nulls = {name for name, value in fields.items() if value is None}
        assert len(nulls) >= 4
        assert all(fields[f"{name}_reason"] for name in nulls)


def test_migrations_that_the_kernel_keeps_to_itself(invocation: Any) -> None:
    assert "kernel" in invocation(migrations=None).as_dict()["migrations_reason"]
    gone = invocation(migrations=None, context_switches=None).as_dict()
    assert "ended before" in gone["migrations_reason"]


def test_a_label_is_of_all_processes(block: Any, invocation: Any) -> None:
    fast, slow = block(10, probe=Probe(100, 100)), block(20, probe=Probe(120, 120))
    result = Result(
        header={}, invocations=[invocation(*[fast] * 4), invocation(*[slow] * 4, block(probe=None))]
    )
    first, second = as_json(result.as_dict())["invocations"]
    assert [one["label"] for one in first["blocks"]] == ["clean"] * 4
    assert [one["label"] for one in second["blocks"]] == ["slower"] * 4 + [None]
    assert second["blocks"][0]["slowness"] == pytest.approx(0.2)
    assert second["blocks"][4]["label_reason"]
    assert Result(header={}).block_labels() == []


def test_the_probe_survives_and_that_of_the_first_files_is_read(block: Any) -> None:
    probe = Probe(100, 110, cpu_share=0.99, other_cpus=0.5, stolen_cpus=0.0)
    document = as_json(block(probe=probe).as_dict())
    assert Block.from_dict(document).probe == probe
    old = {**document, "probe_ns": 120}
    del old["probe"]
    assert Block.from_dict(old).probe == Probe(120, 120)
    assert Block.from_dict({**old, "probe_ns": None}).probe is None


def test_durations_by_loop_and_kind(block: Any, invocation: Any) -> None:
    run = invocation(block(1), block(2, tail=True), block(3, loop="binding"), block(4))
    assert [block.ns.tolist() for block in run.run_times("native")] == [[1], [4]]
    assert [block.ns.tolist() for block in run.run_times("native", tail=True)] == [[2]]
    assert run.run_times("framework") == []


def test_the_time_of_a_block_does_not_overflow(block: Any) -> None:
    assert block(2**62, 2**62, 2**62 - 1).wall_ns == 3 * 2**62 - 1


def test_a_result_without_its_summary_says_why() -> None:
    document = Result(header={"schema_version": 1}).as_dict()
    assert document["summary"] is None
    assert "ended before its summary" in document["summary_reason"]
    assert Result(header={}, summary={"summary": {"n": 3}}).as_dict()["summary"] == {"n": 3}


INVOCATION_DAMAGE: list[tuple[str, Any]] = [
    ("interpreter_start_ns", None),
    ("interpreter_start_ns", -1),
    ("import_ns", "fast"),
    ("import_ns", True),
    ("load_ns", [1]),
    ("load_ns", {"engine": 1.5}),
    ("first_run_ns", {"engine": None}),
    ("framework_first", 1),
    ("measuring_s", None),
    ("measuring_s", "long"),
    ("warmup_ns", {"native": 3}),
    ("warmup_ns", {"native": ["3"]}),
    ("blocks", None),
    ("blocks", {}),
    ("blocks", [3]),
    ("threads_started", 1.5),
    ("context_switches", 3),
    ("context_switches", {"voluntary": "many"}),
    ("migrations", -3),
    ("peak_rss_bytes", "1 GB"),
    ("stop_reason", 3),
    ("log", None),
    ("error", 3),
]
BLOCK_DAMAGE: list[tuple[str, Any]] = [
    ("loop", None),
    ("tail", None),
    ("tail", "no"),
    ("start_ns", 1.0),
    ("runs_per_sample", 0),
    ("runs_per_sample", None),
    ("durations_ns", None),
    ("durations_ns", [1, 2]),
    ("cpu_ns", "1"),
    ("probe", 3),
    ("probe", {"before_ns": 0, "after_ns": 1}),
    ("probe", {"before_ns": 1, "after_ns": 1, "cpu_share": "all"}),
    ("temperature_c", "hot"),
    ("interval_ns", 0.5),
]


@pytest.mark.parametrize(("field", "value"), INVOCATION_DAMAGE, ids=repr)
def test_a_malformed_invocation_is_named(field: str, value: Any, invocation: Any) -> None:
    document = {**as_json(invocation().as_dict()), field: value}
    with pytest.raises(ModelError):
        Invocation.from_dict(document)


@pytest.mark.parametrize(("field", "value"), BLOCK_DAMAGE, ids=repr)
def test_a_malformed_block_is_named(field: str, value: Any, block: Any) -> None:
    document = {**as_json(block().as_dict(None)), field: value}
    with pytest.raises(ModelError):
        Block.from_dict(document)


@pytest.mark.parametrize(
    "field",
    [
        "interpreter_start_ns",
        "import_ns",
        "load_ns",
        "first_run_ns",
        "framework_first",
        "measuring_s",
        "warmup_ns",
        "blocks",
        "stop_reason",
        "log",
    ],
)
def test_a_field_that_is_missing_is_named(field: str, invocation: Any) -> None:
    document = invocation().as_dict()
    del document[field]
    with pytest.raises(ModelError, match=r"missing|was found where an object should be"):
        Invocation.from_dict(document)


def test_the_schema_is_one(validator: jsonschema.Draft202012Validator) -> None:
    jsonschema.Draft202012Validator.check_schema(validator.schema)


def test_a_real_result_is_valid(
    golden: Path, validator: jsonschema.Draft202012Validator, invocation: Any
) -> None:
    document = as_json(read_result(str(golden)).as_dict())
    validator.validate(document)
    # A process that died and a fixed rate are within the schema too.
    failed = invocation(context_switches=None, peak_rss_bytes=None, error="it crashed")
    validator.validate({**document, "invocations": [as_json(failed.as_dict())]})
    validator.validate({**document, "summary": None, "summary_reason": "the run was ended"})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema_version",), 2),
        (("created",), "yesterday"),
        (("spec", "loops"), ["natve"]),
        (("clock", "tick_ns"), 0),
        (("runtime", "build_id"), "not hex"),
        (("model", "inputs"), [{"name": "x"}]),
        (("invocations",), [{}]),
        (("summary", "median_ns"), "12 ms"),
        (("summary", "median_ci95_ns"), [1]),
        (("loops", "native"), {}),
        (("warnings",), [{"text": "no code"}]),
        (("accuracy",), {"accuracy": 1.5}),
    ],
    ids=lambda part: ".".join(part) if isinstance(part, tuple) else None,
)
def test_what_is_no_result_is_not_valid(
    path: tuple[str, ...],
    value: Any,
    golden: Path,
    validator: jsonschema.Draft202012Validator,
) -> None:
    document = as_json(read_result(str(golden)).as_dict())
    *outer, last = path
    place = document
    for key in outer:
        place = place[key]
    place[last] = value
    assert not validator.is_valid(document)


def names(document: dict[str, Any]) -> set[str]:
    """Return the fields without those that only say why another is null."""
    return {name for name in document if name.removesuffix("_reason") not in document} | {
        name for name in document if not name.endswith("_reason")
    }


def test_the_schema_knows_every_field_that_is_written(
    golden: Path, block: Any, invocation: Any, validator: jsonschema.Draft202012Validator
) -> None:
    schema = validator.schema
    definitions = schema["$defs"]
    document = read_result(str(golden)).as_dict()
    written = invocation(block(interval_ns=3, busy_ns=2), error="it crashed").as_dict(
        [BlockLabel("clean", 0.0)]
    )
    assert names(document) <= set(schema["properties"])
    for part in ("runtime", "model", "clock"):
        assert names(document[part]) <= set(definitions[part]["properties"])
    assert names(written) <= set(definitions["invocation"]["properties"])
    assert names(written["blocks"][0]) <= set(definitions["block"]["properties"])


def test_the_cost_of_a_process_is_all_that_passes_before_it_measures(invocation: Any) -> None:
    whole = invocation(ready_s=0.25)
    assert Invocation.from_dict(whole.as_dict()).start_up_s == 0.25
    # Older results have the parts that were timed: interpreter, import, load, first run.
    document = whole.as_dict()
    del document["ready_s"]
    assert Invocation.from_dict(document).start_up_s == pytest.approx(0.0300033)
