"""Run the null engine with numpy and edgeloop alone: what the core itself needs of a board."""

from __future__ import annotations

import platform

import edgeloop
from edgeloop import _core
from edgeloop.measure import native

CLOCK = 4  # CLOCK_MONOTONIC_RAW

engine = _core.create_engine("null")
start_ns, durations = native.run_block(engine, 10_000, 10, CLOCK)
assert len(durations) == 1_000
assert start_ns > 0
elapsed_ns = _core.probe_ns(CLOCK)
assert elapsed_ns > 0
assert int(durations.sum()) > 0
print(
    f"edgeloop {edgeloop.__version__} on Python {platform.python_version()}, {platform.machine()}: "
    f"{len(durations)} samples of the null engine; engines: {', '.join(_core.engine_names())}"
)
