from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from edgeloop.results import schema
from edgeloop.results.probe import Probe
from edgeloop.results.schema import Block, Invocation

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(params=sorted(GOLDEN.glob("*.edgeloop.jsonl")), ids=lambda path: path.name)
def golden(request: Any) -> Path:
    """Each result file of a published version."""
    return request.param


@pytest.fixture(scope="session")
def validator() -> jsonschema.Draft202012Validator:
    """The published schema."""
    path = Path(schema.__file__).parent / "result.schema.json"
    return jsonschema.Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def make_block(*durations_ns: int, **changes: Any) -> Block:
    fields = {
        "loop": "native",
        "start_ns": 10**15,
        "runs_per_sample": 1,
        "durations_ns": np.array(durations_ns or (5, 7), np.uint64),
        "cpu_ns": 12,
        "probe": Probe(100, 100),
        "temperature_c": 51.5,
    }
    return Block(**{**fields, **changes})


def make_invocation(*blocks: Block, **changes: Any) -> Invocation:
    fields = {
        "interpreter_start_ns": 30_000_000,
        "import_ns": 1000,
        "load_ns": {"engine": 2000},
        "first_run_ns": {"engine": 300},
        "warmup_ns": {"native": [9, 5]},
        "blocks": list(blocks or (make_block(),)),
        "stop_reason": "converged",
        "log": "said µ\n",
        "ready_s": 0.25,
        "measuring_s": 3.5,
        "threads_started": 2,
        "context_switches": {"voluntary": 4, "involuntary": 1},
        "migrations": 1,
        "peak_rss_bytes": 1 << 25,
    }
    return Invocation(**{**fields, **changes})


@pytest.fixture
def block() -> Any:
    """Make a block with the durations given."""
    return make_block


@pytest.fixture
def invocation() -> Any:
    """Make an invocation of the blocks given."""
    return make_invocation
