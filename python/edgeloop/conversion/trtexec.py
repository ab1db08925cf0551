"""trtexec: the program of TensorRT that builds plans, on PATH or where JetPack puts it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.tensorrt_settings import BuilderSettings
from edgeloop.errors import ModelError, NotAvailableError, UsageError
from edgeloop.runtimes.shape import shape_text

JETPACK = "/usr/src/tensorrt/bin/trtexec"
PROGRAMS = ("trtexec", JETPACK)

_HELP_TIMEOUT_S = 60
_MOST_WORDS = 600

# A converter's Q/DQ nodes, by the name that every ONNX file of them holds.
_QUANTIZED = b"QuantizeLinear"


def find() -> Optional[str]:
    """Return the path of trtexec, None where there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def build(
    source: str, target: str, settings: BuilderSettings, options: ConversionOptions
) -> Converted:
    """Write a plan; the flags are those that this version of trtexec has.

    Raises NotAvailableError for what it cannot do, ModelError with its words where it fails.
    """
    program = find()
    assert program is not None, "import_packages found it"
    known = _flags(program)
    if settings.calibration is not None:
        raise NotAvailableError(
            "trtexec takes no calibration data; use the tensorrt package, or quantise the ONNX "
            "model to symmetric Q/DQ first"
        )
    if settings.precision == "int8" and _QUANTIZED not in Path(source).read_bytes():
        raise ModelError(
            f"{source} has no Q/DQ nodes, so int8 would run with ranges that trtexec invents; "
            "quantise the ONNX model to symmetric Q/DQ first"
        )
    command = [
        program, f"--onnx={source}", f"--saveEngine={target}",
        *_precision(settings.precision, known), *_memory(settings, known),
        *_shapes(options), *_device(settings),
    ]  # fmt: skip
    only_build = next((flag for flag in ("--skipInference", "--buildOnly") if flag in known), None)
    if only_build is not None:
        command.append(only_build)
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    print(done.stdout + done.stderr)
    if done.returncode != 0 or not Path(target).is_file():
        raise ModelError(f"trtexec cannot build a plan of {source}: {_why(done)}")
    notes = [f"built by {program} {' '.join(command[3:])}".rstrip()]
    notes += _fallbacks(done.stdout, settings)
    return Converted(notes=tuple(notes), precision=settings.precision)


def _flags(program: str) -> frozenset[str]:
    try:
        done = subprocess.run(
            [program, "--help"], capture_output=True, text=True, errors="replace", check=False,
            timeout=_HELP_TIMEOUT_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotAvailableError(f"{program} cannot be run: {error}") from error
    flags = frozenset(re.findall(r"--[A-Za-z0-9]+", done.stdout + done.stderr))
    if "--saveEngine" not in flags:
        said = " ".join((done.stdout + done.stderr).split())[-_MOST_WORDS:]
        raise NotAvailableError(
            f"{program} does not run on this machine: {said or 'it printed nothing'}"
        )
    return flags


def _precision(precision: str, known: frozenset[str]) -> list[str]:
    if precision == "fp32":
        return []
    flag = f"--{precision}"
    if flag in known:
        return [flag]
    if precision == "int8":
        return []  # from TensorRT 11 on the Q/DQ nodes alone decide
    raise NotAvailableError(
        "this trtexec has no --fp16 (TensorRT 11 takes the types of the model): convert the ONNX "
        "model to float16 first, and build it with precision=fp32"
    )


def _memory(settings: BuilderSettings, known: frozenset[str]) -> Iterator[str]:
    if settings.workspace_mib is not None:
        pool = "--memPoolSize" in known
        size = settings.workspace_mib
        yield f"--memPoolSize=workspace:{size}" if pool else f"--workspace={size}"
    if settings.timing_cache is not None:
        yield f"--timingCacheFile={settings.timing_cache}"


def _shapes(options: ConversionOptions) -> Sequence[str]:
    if options.batch_size:
        raise UsageError("trtexec takes no --batch-size; give the shapes: --shape NAME=1x3x224x224")
    if not options.shapes:
        return []
    if "" in options.shapes:
        raise UsageError("trtexec needs the name of the input: --shape NAME=1x3x224x224")
    words = ",".join(f"{name}:{shape_text(shape)}" for name, shape in options.shapes.items())
    return [f"--{which}Shapes={words}" for which in ("min", "opt", "max")]


def _device(settings: BuilderSettings) -> list[str]:
    if settings.dla_core is None:
        return []
    return [f"--useDLACore={settings.dla_core}", "--allowGPUFallback"]


def _fallbacks(said: str, settings: BuilderSettings) -> list[str]:
    """Return which layers went to which device, as the builder's log lists them."""
    if settings.dla_core is None:
        return []
    device = ""
    count = {"DLA": 0, "GPU": 0}
    for line in said.splitlines():
        heading = re.search(r"Layers [Rr]unning on (DLA|GPU)", line)
        if heading:
            device = heading[1]
        elif device and re.search(rf"\[{device}\] ?(Layer )?", line):
            count[device] += 1
    if not any(count.values()):
        return [f"DLA core {settings.dla_core} with GPU fallback: trtexec does not name the layers"]
    return [
        f"DLA core {settings.dla_core} runs {count['DLA']} groups of layers, the GPU {count['GPU']}"
    ]


def _why(done: subprocess.CompletedProcess[str]) -> str:
    said = (done.stdout + done.stderr).splitlines()
    errors = [line.split("[E]", 1)[1].strip() for line in said if "[E]" in line]
    words = " ".join("; ".join(errors or said[-3:]).split())
    if done.returncode < 0:
        words = f"it was ended by signal {-done.returncode}; {words}"
    return words[:_MOST_WORDS] or f"exit code {done.returncode}{os.linesep}".strip()
