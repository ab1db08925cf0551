"""TensorFlow Lite to the Edge TPU's form of it, by Google's edgetpu_compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.edgetpu_log import CompilerLog, failure, read_log
from edgeloop.errors import ModelError, NotAvailableError, UsageError

_COMPILER = "edgetpu_compiler"
_WHERE = (
    "it is Google's program for x86-64 Debian (package edgetpu-compiler of the Coral repository): "
    "install it there and convert there; the result runs on any board with the device"
)
# What the compiler writes beside its log, from the name of the model.
_WRITTEN = "{stem}_edgetpu.tflite"


def import_packages() -> None:
    """Look for the compiler. Raises NotAvailableError."""
    _compiler()


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Compile a quantised model; raise ModelError where nothing of it could be mapped."""
    if options.shapes or options.batch_size:
        raise UsageError(
            f"{_COMPILER} takes the model as it is: fix its shapes when it becomes a .tflite"
        )
    command = [_compiler(), "--show_operations", "--out_dir", ".", source]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    text = done.stdout + done.stderr
    print(text)  # the whole of it is the step's log
    written = Path(_WRITTEN.format(stem=Path(source).stem))
    if done.returncode != 0 or not written.is_file():
        raise ModelError(
            f"{_COMPILER} cannot compile {source}: {failure(text)} (the Edge TPU needs a model "
            "that is quantised to int8 throughout, with fixed shapes: edgeloop quantize)"
        )
    log = read_log(text)
    if log.operators and log.on_device == 0:
        raise ModelError(
            f"{_COMPILER} mapped none of the operators of {source} to the Edge TPU, so that the "
            f"result would run on the CPU alone: {_left(log)}"
        )
    shutil.move(str(written), target)
    return Converted(notes=tuple(notes(log)))


def notes(log: CompilerLog) -> list[str]:
    """Return what the report says of a compilation."""
    said = []
    version = "" if log.version is None else f" {log.version}"
    if log.operators:
        total = sum(one.count for one in log.operators)
        subgraphs = "" if log.subgraphs is None else f" in {log.subgraphs} subgraph(s)"
        said.append(
            f"{_COMPILER}{version} mapped {log.on_device} of {total} operators to the Edge TPU"
            f"{subgraphs}"
        )
        if log.left:
            said.append(f"on the CPU stay: {_left(log)}")
    else:
        said.append(f"{_COMPILER}{version} printed no table of operators: see the step's log")
    said += [f"{what[0].lower()}{what[1:]}: {size}" for what, size in log.memory]
    return said


def _left(log: CompilerLog) -> str:
    return "; ".join(f"{one.operator} {one.count} ({one.status})" for one in log.left)


def _compiler() -> str:
    found = shutil.which(_COMPILER)
    if found is None:
        raise NotAvailableError(f"{_COMPILER} is not in the PATH: {_WHERE}")
    return found
