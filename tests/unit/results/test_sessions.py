"""What stored results of the same configuration add to a new one."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any, Callable

import jsonschema
import pytest

from edgeloop.results.sessions import put_sessions
from edgeloop.results.store import read_result

GOLDEN = Path(__file__).parents[2] / "golden" / "v1-null-bench.edgeloop.jsonl"
NEW = "20261201-130000-null-null.edgeloop.jsonl"


@pytest.fixture
def header() -> dict[str, Any]:
    found = read_result(str(GOLDEN)).header
    return {**found, "command": "bench", "created": "2026-12-01T13:00:00+0000"}


@pytest.fixture
def store(tmp_path: Path, header: dict[str, Any]) -> Callable[..., None]:
    """Write a result of a given hour of the first of December and a given median."""

    def write(hour: int, median_ns: float, model: str = "null", change: Any = None) -> None:
        changed = deepcopy({**header, "created": f"2026-12-01T{hour:02}:00:00+0000"})
        if change is not None:
            change(changed)
        last = {"summary": {"median_ns": median_ns, "median_ci95_ns": None}}
        path = tmp_path / f"20261201-{hour:02}0000-{model}-null.edgeloop.jsonl"
        path.write_text(f"{json.dumps(changed)}\n{json.dumps(last)}\n", encoding="utf-8")

    return write


def sessions(folder: Path, header: dict[str, Any], median_ns: float = 1e6) -> Any:
    last: dict[str, Any] = {"summary": {"median_ns": median_ns, "median_ci95_ns": None}}
    put_sessions(header, last, folder / NEW)
    return last["summary"].get("sessions")


def test_earlier_results_of_the_same_configuration_give_an_interval(
    tmp_path: Path, header: dict[str, Any], store: Any
) -> None:
    for hour, median_ns in ((9, 0.9e6), (10, 1.1e6), (11, 1.0e6)):
        store(hour, median_ns)
    found = sessions(tmp_path, header)
    assert (found["runs"], found["sessions"], found["span_s"]) == (4, 4, 4 * 3600)
    low, high = found["median_ci95_ns"]
    assert low < 0.95e6 < 1.05e6 < high


def changed(*keys: str) -> Callable[[dict[str, Any]], None]:
    def change(header: dict[str, Any]) -> None:
        for key in keys[:-1]:
            header = header[key]
        header[keys[-1]] = "another"

    return change


@pytest.mark.parametrize(
    "keys",
    [
        ("model", "sha256"),
        ("spec", "effort"),
        ("runtime", "version"),
        ("host", "board", "model"),
        ("command",),
    ],
)
def test_what_differs_is_left_out(
    keys: tuple[str, ...], tmp_path: Path, header: dict[str, Any], store: Any
) -> None:
    for hour in (9, 10, 11):
        store(hour, 1e6, change=changed(*keys))
    found = sessions(tmp_path, header)
    assert (found["runs"], found["median_ci95_ns"]) == (1, None)
    assert "have 1" in found["median_ci95_ns_reason"]


def test_seeds_may_differ_and_unreadable_files_are_left_out(
    tmp_path: Path, header: dict[str, Any], store: Any
) -> None:
    def reseeded(header: dict[str, Any]) -> None:
        header["spec"]["seed"] = header["spec"]["inputs"]["seed"] = 77

    store(9, 1e6, change=reseeded)
    store(10, 1e6, model="other")
    (tmp_path / "20261201-110000-null-null-2.edgeloop.jsonl").write_text("nothing\n")
    assert sessions(tmp_path, header)["runs"] == 2


def test_other_commands_and_results_without_a_median_have_no_sessions(
    tmp_path: Path, header: dict[str, Any]
) -> None:
    assert sessions(tmp_path, {**header, "command": "overhead"}) is None
    last: dict[str, Any] = {"summary": None}
    put_sessions(header, last, tmp_path / NEW)
    assert last == {"summary": None}


def test_the_schema_knows_the_fields(
    tmp_path: Path, header: dict[str, Any], validator: jsonschema.Draft202012Validator
) -> None:
    fields = validator.schema["$defs"]["summary"]["properties"]["sessions"]["properties"]
    assert set(sessions(tmp_path, header)) <= set(fields)
