"""Inspect ONNX models in a process of their own.

Shape inference of the onnx package is C++ without protection against malformed models: a few
flipped bits make it abort the process (an assertion in the inference of Slice, onnx 1.23), and a
ConstantOfShape with a large constant makes it fill the memory. So the whole of the reading happens
in a child, which forks once more for each model, with a limit on memory; a model on which the
inference dies is looked into again without it.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

from edgeloop.errors import EdgeloopError, ModelError, NotAvailableError, plain
from edgeloop.models import onnx_file
from edgeloop.models.onnx_values import onnx_package
from edgeloop.models.summary import ModelSummary, summary_from_dict

_TIMEOUT_S = 300  # for all models of one child; a Pi Zero 2 needs some ten seconds for one
# CPU time for one model: as often as the imports took, so that it suits any machine, and more for
# a large file.
_TIMES_IMPORT, _LEAST_CPU_S, _BYTES_PER_CPU_S = 6, 2, 32 << 20
# Address space that one model may take beyond what the imports did: the file, its records, and the
# copies that shape inference makes of them.
_SPARE_BYTES = 512 << 20
_BYTES_PER_BYTE = 8
_ERRORS = {"ModelError": ModelError, "NotAvailableError": NotAvailableError}

# The child takes over the search path before it imports anything: it finds this very package and
# onnx, and no file onnx.py that lies in the current folder beside a model.
_CHILD = (
    "import sys; sys.path[:] = sys.argv[1].split(chr(10)); "
    "from edgeloop.models.onnx_worker import main; main(sys.argv[2:])"
)


def summarise(path: Path) -> ModelSummary:
    """Summarise an .onnx file in a child process.

    Raises ModelError where the file is damaged, NotAvailableError without the package onnx.
    """
    (answer,) = summarise_each([path])
    if isinstance(answer, EdgeloopError):
        raise answer
    return answer


def summarise_each(paths: Sequence[Path]) -> list[ModelSummary | EdgeloopError]:
    """Summarise several files with one start of Python; errors are returned in their places."""
    search = "\n".join(entry or str(Path.cwd()) for entry in sys.path)
    command = [sys.executable, "-c", _CHILD, search, *map(str, paths)]
    # A library that starts threads would make the forks in the child unsafe.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, env=environment, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, ValueError) as error:
        raise NotAvailableError(
            f"a process to inspect the model cannot be started: {error}; free some memory"
        ) from error
    except subprocess.TimeoutExpired:
        return [ModelError(f"{path}: inspecting it took over {_TIMEOUT_S} s") for path in paths]
    lines = done.stdout.splitlines()
    log = done.stderr.decode("utf-8", "replace")
    return [
        _answer(path, lines[index] if index < len(lines) else b"", log)
        for index, path in enumerate(paths)
    ]


def _answer(path: Path, line: bytes, log: str) -> ModelSummary | EdgeloopError:
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if answer is None:
        last = plain((log.strip().splitlines() or ["no message"])[-1])
        return ModelError(f"{path} cannot be inspected: the onnx package failed on it ({last})")
    if "error" in answer:
        return _ERRORS[answer["error"]](answer["message"])
    return summary_from_dict(answer)


def main(paths: Sequence[str]) -> None:
    """Print one line of JSON for each model: its summary, or the error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not mix with the answers
    with suppress(NotAvailableError):  # each model says so
        onnx_package()  # once, before the forks
    import_s = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    for path in paths:
        line = (
            _forked(path, import_s, infer=True) or _forked(path, import_s, infer=False) or b"null"
        )
        answers.write(line + b"\n")
    answers.close()


def _forked(path: str, import_s: float, *, infer: bool) -> Optional[bytes]:
    """Return the answer of a forked child, None where it died."""
    sys.stderr.flush()
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        _answer_and_exit(path, infer, writable, import_s)
    os.close(writable)
    with os.fdopen(readable, "rb") as stream:
        answer = stream.read()
    _, status = os.waitpid(child, 0)
    return answer if status == 0 else None


def _answer_and_exit(path: str, infer: bool, writable: int, import_s: float) -> None:
    """Write the answer to the pipe and end the process; a status other than 0 says it failed."""
    signal.alarm(_TIMEOUT_S)
    status = 1
    try:
        _limit(Path(path), import_s)
        answer: dict[str, Any]
        try:
            answer = onnx_file.summarise(Path(path), infer=infer).as_dict()
        except (ModelError, NotAvailableError) as error:
            answer = {"error": type(error).__name__, "message": str(error)}
        with os.fdopen(writable, "wb") as stream:
            stream.write(json.dumps(answer).encode())
        status = 0
    finally:
        if status:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        os._exit(status)


def _limit(path: Path, import_s: float) -> None:
    """Bound this process's time and memory, and leave no core file; memory only with /proc."""
    _lower(resource.RLIMIT_CORE, 0)
    size_s = path.stat().st_size / _BYTES_PER_CPU_S
    _lower(resource.RLIMIT_CPU, _LEAST_CPU_S + math.ceil(_TIMES_IMPORT * import_s + size_s))
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        used = pages * resource.getpagesize()
        _lower(resource.RLIMIT_AS, used + _SPARE_BYTES + _BYTES_PER_BYTE * path.stat().st_size)


def _lower(kind: int, limit: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
