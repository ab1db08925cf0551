"""How the worker is placed on the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from edgeloop.errors import UsageError
from edgeloop.host.affinity import CpuCluster
from edgeloop.runtimes.choice.control import cluster_cpus, parse_cpus
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.control import Control, parse_priority
from edgeloop.spec.run import RunSpec


def cluster(*cpus: int) -> CpuCluster:
    return CpuCluster(cpus, None, "", None, "", None, "")


@pytest.mark.parametrize(("text", "cpus"), [("2,3", (2, 3)), ("0-2", (0, 1, 2)), ("5", (5,))])
def test_cpus(text: str, cpus: tuple[int, ...]) -> None:
    assert parse_cpus(text) == cpus


@pytest.mark.parametrize("text", ["", "a", "3-1", "-1"])
def test_cpus_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--cpus"):
        parse_cpus(text)


def test_clusters_by_name() -> None:
    both = [cluster(4, 5, 6, 7), cluster(0, 1, 2, 3)]
    assert cluster_cpus("big", both) == (4, 5, 6, 7)
    assert cluster_cpus("little", both) == (0, 1, 2, 3)
    with pytest.raises(UsageError, match="all alike"):
        cluster_cpus("big", both[:1])
    with pytest.raises(UsageError, match="big"):
        cluster_cpus("bigg", both)


@pytest.mark.parametrize("text", ["-20", "19", "0", "fifo:1", "rr:99"])
def test_priorities(text: str) -> None:
    assert parse_priority(text) == text


@pytest.mark.parametrize("text", ["-21", "20", "x", "fifo", "fifo:0", "rr:100", "idle:3", "fifo:"])
def test_priorities_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--priority"):
        parse_priority(text)


def test_the_given_cpus_are_the_threads() -> None:
    (resolved,) = resolve(RunSpec(model="null", cpus="0"), "bench")
    assert resolved.control == Control(cpus=(0,))
    assert resolved.options.threads == 1
    assert "cpus=0" in resolved.title
    with pytest.raises(UsageError, match="--cluster"):
        resolve(RunSpec(model="null", cpus="0", cluster="big"), "bench")


def placed(**control: Any) -> dict[str, Any]:
    """Place a fresh process: the test's own must stay as it is."""
    asked = {"cpus": None, "priority": None, "mlock": False, **control}
    code = (
        "import json, os, sys\n"
        "from edgeloop.measure.placing import place\n"
        "done = place(json.loads(sys.argv[1]))\n"
        "print(json.dumps([done, sorted(os.sched_getaffinity(0)), os.nice(0)]))\n"
    )
    command = [sys.executable, "-c", code, json.dumps(asked)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    done, affinity, nice = json.loads(said)
    return {"done": done, "affinity": affinity, "nice": nice}


def test_a_worker_is_pinned() -> None:
    first = min(os.sched_getaffinity(0))
    found = placed(cpus=[first])
    assert found["done"] == {"cpus": [first]}
    assert found["affinity"] == [first]


@pytest.mark.parametrize("cpus", [[1023], [0, 1023]])
def test_a_cpu_that_is_not_there_leaves_the_worker_where_it_was(cpus: list[int]) -> None:
    found = placed(cpus=cpus)
    assert found["done"]["cpus"] is None
    assert "refused" in found["done"]["cpus_reason"]
    assert found["affinity"] == sorted(os.sched_getaffinity(0))


def test_a_lower_priority_is_always_granted() -> None:
    found = placed(priority="19")
    assert found["done"] == {"priority": "19"}
    assert found["nice"] == 19


def test_nothing_is_touched_that_was_not_asked_for() -> None:
    assert placed()["done"] == {}
