"""A runtime that does what a broken one does, at the step that its settings name."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from edgeloop.runtimes.protocol import Framework, Installation, Runtime
from edgeloop.spec.load import TensorSpec

MEGABYTE = 1 << 20
LIFETIME = "600"  # s; longer than any test, and it ends by itself if all else fails


def print_megabytes() -> None:
    os.write(1, b"the first words\n")
    for stream in (1, 2):
        os.write(stream, b"x" * 2 * MEGABYTE)
    os.write(2, b"\nthe last words\n")


def print_for_ever() -> None:
    while True:
        os.write(1, b"again and again\n" * 100_000)


def raise_error() -> None:
    raise ValueError("the runtime's own words")


def raise_long_error() -> None:
    raise ValueError("begins " + "\n".join(f"frame {n}" for n in range(1000)) + " ends")


def tell_of_the_collector() -> None:
    os.write(1, f"enabled {gc.isenabled()}, frozen {gc.get_freeze_count() > 0}\n".encode())


def run_out_of_memory() -> None:
    raise MemoryError


def start_child() -> None:
    child = subprocess.Popen(["sleep", LIFETIME])
    os.write(1, f"child {child.pid}\n".encode())


def crash_beside_a_fork() -> None:
    """Leave a fork behind that holds every descriptor of its dead parent."""
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(float(LIFETIME),))
    child.start()
    os.write(1, f"child {child.pid}\n".encode())
    os.kill(os.getpid(), signal.SIGSEGV)


def crash_beside_a_program() -> None:
    """Leave a program behind that has every inheritable descriptor."""
    os.system(f"sleep {LIFETIME} & echo child $!")
    os.kill(os.getpid(), signal.SIGSEGV)


ACTS: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "exit": lambda: sys.exit(3),
    "exit at once": lambda: os._exit(7),
    "hang": lambda: time.sleep(float(LIFETIME)),
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "illegal instruction": lambda: os.kill(os.getpid(), signal.SIGILL),
    "print megabytes": print_megabytes,
    "print for ever": print_for_ever,
    "raise": raise_error,
    "raise at length": raise_long_error,
    "tell of the collector": tell_of_the_collector,
    "run out of memory": run_out_of_memory,
    "start a child": start_child,
    "crash beside a fork": crash_beside_a_fork,
    "crash beside a program": crash_beside_a_program,
    "close every descriptor": lambda: os.closerange(0, 100) or time.sleep(float(LIFETIME)),
}


class MisbehavingFramework(Framework):
    inputs = (TensorSpec("x", "float32", (2,)),)

    def __init__(self, settings: dict[str, str]) -> None:
        self.invoke = ACTS[settings.get("run", "nothing")]
        self.rows = int(settings.get("rows", "2"))

    def set_inputs(self, arrays: list[np.ndarray]) -> None:
        self.arrays = arrays

    def outputs(self) -> list[np.ndarray]:
        return [np.zeros((self.rows, 3), np.float32), np.float32(4).reshape(())]

    def invoke_io(self) -> object:
        return self.invoke()


class MisbehavingRuntime(Runtime):
    name = "misbehaving"
    loops = ("callable", "framework", "framework-io")
    missing_loops = {"native": "it has no C API", "binding": "it has no C API"}  # noqa: RUF012

    def find(self, library: str | None = None) -> Installation:
        return Installation(version="13", library=library, origin="the tests")

    def load_framework(self, options: object) -> MisbehavingFramework:
        ACTS[options.settings.get("load", "nothing")]()
        return MisbehavingFramework(options.settings)


RUNTIME = MisbehavingRuntime()
