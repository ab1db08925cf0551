"""What keeps chance out of one process, or lets it differ between processes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from edgeloop.worker.process import environment


def padding(environ: dict[str, str]) -> int:
    return len(environ["EDGELOOP_PADDING"])


def test_the_environment_is_padded_by_up_to_4_kb_at_random() -> None:
    sizes = []
    for _ in range(100):
        random.seed(0)  # the caller's own generator decides nothing, and is left alone
        sizes.append(padding(environment()))
    # All of 100 fall into one half once in 2^99 times.
    assert min(sizes) < 2048 <= max(sizes) < 4096
    assert random.random() == random.Random(0).random()


def test_every_worker_has_a_padding_of_its_own(start_worker: Any) -> None:
    sizes = set()
    for _ in range(5):  # five alike: once in 10^14
        content = Path(f"/proc/{start_worker().pid}/environ").read_bytes().split(b"\0")
        (entry,) = [one for one in content if one.startswith(b"EDGELOOP_PADDING=")]
        sizes.add(len(entry))
    assert len(sizes) > 1


@pytest.mark.usefixtures("fake_runtime")
def test_the_collector_is_off_and_frozen_while_a_block_runs(start_worker: Any) -> None:
    worker = start_worker()
    worker.misbehave(run="tell of the collector")
    worker.block("framework", runs=2)
    worker.stop()
    worker.close()
    first_run, *block = worker.log.text().splitlines()
    assert first_run == "enabled True, frozen False"  # loading is as it is for everyone
    assert block == ["enabled False, frozen True"] * 2
