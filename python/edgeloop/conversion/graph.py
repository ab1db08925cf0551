"""The graph of conversions: which formats lead to which, and the way from one to another.

How to add an edge:

1. Write `edgeloop/conversion/<source>_to_<target>.py` with the two functions of `edge.EdgeModule`:
   `import_packages()` and `convert(source, target, options) -> Converted`. All imports of
   frameworks stand inside functions. `target` is in a scratch folder and does not exist yet; write
   it and nothing beside it (what else is left there counts as weights in a side file). Raise
   ModelError for an operator that the converter does not know, NotAvailableError for a device or
   tool that is not there, CannotWriteError only where the disk itself is the matter.
2. Add an `Edge` to EDGES below: formats as in models/formats.py, the modules that must be there,
   the managed environment that has them (None and an `install_hint` where pip cannot bring them),
   and the machines on which they can be had. The worker, the plan, the rename to the final name,
   the verification and the report come by themselves.
3. The result is verified in the runtime that says in `verifies` that it runs its format; without
   one the report says that the result was not run.

How to add a job (what a worker does once in another environment, such as a quantisation method):
write a module with `run(arguments) -> result`, both JSON-able mappings, enter it in
`worker/jobs.py`, and call `WorkerClient(python, timeout_s).job(name, arguments, doing)` with the
interpreter of `envs.interpreter.interpreter_for(packages, environment, python)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Optional

from edgeloop.conversion.edge import X86_64, Edge
from edgeloop.conversion.tensorrt_settings import KEYS as BUILDER_KEYS
from edgeloop.conversion.trtexec import PROGRAMS as TRTEXEC
from edgeloop.errors import NotAvailableError, UsageError, canonical, nearest
from edgeloop.models.formats import FORMATS, ModelFormat

# What the converters of other tools call the formats.
_ALIASES = {"torch": "pytorch", "tf": "savedmodel", "tensorflow": "savedmodel", "trt": "tensorrt",
            "coral": "edgetpu", "litert": "tflite", "h5": "keras"}  # fmt: skip

_CONVERT = "convert"

# Of two ways of the same length, the one whose first edge stands first is taken.
EDGES: tuple[Edge, ...] = (
    Edge(
        name="torch-to-onnx",
        source="pytorch",
        target="onnx",
        tool="torch.onnx",
        packages=("torch", "onnx", "onnxscript"),
        environment=_CONVERT,
    ),
    Edge(
        name="torch-to-tflite",
        source="pytorch",
        target="tflite",
        tool="litert-torch",
        packages=("torch", "litert_torch"),
        environment=_CONVERT,
        machines=(X86_64,),
        source_kinds=("export", "checkpoint", "legacy-checkpoint"),
        changes_layout=True,
    ),
    Edge(
        name="torch-to-aotinductor",
        source="pytorch",
        target="aotinductor",
        tool="AOTInductor",
        packages=("torch",),
        environment=_CONVERT,
    ),
    Edge(
        name="onnx-to-savedmodel",
        source="onnx",
        target="savedmodel",
        tool="onnx2tf",
        packages=("onnx2tf", "tensorflow", "tf_keras", "onnxruntime"),
        environment=_CONVERT,
        changes_layout=True,
    ),
    Edge(
        name="onnx-to-tflite",
        source="onnx",
        target="tflite",
        tool="onnx2tf 2",
        packages=("onnx2tf.tflite_builder", "onnxruntime", "ai_edge_litert"),
        environment="onnx2tf",
        machines=(X86_64,),
    ),
    Edge(
        name="savedmodel-to-tflite",
        source="savedmodel",
        target="tflite",
        tool="TensorFlow's TFLiteConverter",
        packages=("tensorflow",),
        environment=_CONVERT,
    ),
    Edge(
        name="tflite-to-edgetpu",
        source="tflite",
        target="edgetpu",
        tool="edgetpu_compiler",
        packages=(),
        machines=(X86_64,),
        programs=("edgetpu_compiler",),
        install_hint="it is the Debian package edgetpu-compiler of Google's Coral repository, for "
        "x86-64; the result runs on any board with the device",
    ),
    Edge(
        name="keras-to-savedmodel",
        source="keras",
        target="savedmodel",
        tool="Keras",
        packages=("tensorflow", "keras"),
        environment=_CONVERT,
    ),
    Edge(
        name="savedmodel-to-onnx",
        source="savedmodel",
        target="onnx",
        tool="tf2onnx",
        packages=("tf2onnx", "tensorflow", "onnx"),
        environment=_CONVERT,
    ),
    Edge(
        name="tflite-to-onnx",
        source="tflite",
        target="onnx",
        tool="tf2onnx",
        packages=("tf2onnx", "tensorflow", "onnx"),
        environment=_CONVERT,
    ),
    Edge(
        name="onnx-to-ncnn",
        source="onnx",
        target="ncnn",
        tool="pnnx",
        packages=("pnnx", "ncnn", "onnx"),
        environment="ncnn",
        builder=("precision",),
    ),
    Edge(
        name="onnx-to-tensorrt",
        source="onnx",
        target="tensorrt",
        tool="TensorRT's builder",
        packages=("tensorrt",),
        programs=TRTEXEC,
        builder=BUILDER_KEYS,
        install_hint="a plan is built on the device that runs it: install TensorRT there with its "
        f"Python package (JetPack: 'apt install python3-libnvinfer'), or trtexec (looked for "
        f"{' and '.join(TRTEXEC)})",
    ),
)


def find_path(
    source: ModelFormat,
    target: str,
    *,
    via: Sequence[str] = (),
    edges: Sequence[Edge] = EDGES,
    cost: Callable[[Edge], int] = lambda edge: 0,
) -> tuple[Edge, ...]:
    """Return the edges from a model to a format: the least `cost`, then the fewest edges.

    `via` names formats that the way must pass, in their order; "direct" asks for a single edge.
    Raises UsageError where there is no such way.
    """
    wanted = canonical(target)
    if wanted not in FORMATS:
        raise UsageError(f"unknown format '{target}'; {nearest(wanted, FORMATS)}")
    stations = [canonical(name) for name in via]
    for name in stations:
        if name not in (*FORMATS, "direct"):
            raise UsageError(
                f"unknown format '{name}' for --via; {nearest(name, ('direct', *FORMATS))}"
            )
    ways = [way for way in _ways(source, wanted, edges) if _passes(way, stations)]
    if not ways:
        raise UsageError(_no_way(source, wanted, stations, edges))
    return min(ways, key=lambda way: (sum(map(cost, way)), len(way)))


def reachable(source: ModelFormat, edges: Sequence[Edge] = EDGES) -> list[str]:
    """Return the formats that a model can be converted to, nearest first."""
    ways = [way for name in FORMATS for way in _ways(source, name, edges)]
    return list(dict.fromkeys(way[-1].target for way in sorted(ways, key=len)))


def _ways(
    source: ModelFormat, target: str, edges: Sequence[Edge], passed: tuple[str, ...] = ()
) -> Iterator[tuple[Edge, ...]]:
    """Yield every way that visits no format twice."""
    for edge in edges:
        if edge.source != source.format or edge.target in (*passed, source.format):
            continue
        if edge.source_kinds is not None and source.kind not in (None, *edge.source_kinds):
            continue
        if edge.target == target:
            yield (edge,)
            continue
        after = ModelFormat(edge.target)
        for rest in _ways(after, target, edges, (*passed, source.format)):
            yield (edge, *rest)


def _passes(way: tuple[Edge, ...], stations: Sequence[str]) -> bool:
    if "direct" in stations:
        return len(way) == 1
    between: Iterator[str] = iter([edge.target for edge in way[:-1]])
    return all(station in between for station in stations)


def _no_way(
    source: ModelFormat, target: str, stations: Sequence[str], edges: Sequence[Edge]
) -> str:
    kind = f" ({source.kind})" if source.kind else ""
    what = f"{source.format}{kind}"
    if source.format == target:
        return f"the model is {what} already; there is nothing to convert"
    if stations and find_any(source, target, edges):
        return f"no way from {what} to {target} passes {' and '.join(stations)}"
    known = ", ".join(reachable(source, edges)) or "nothing"
    return f"no way leads from {what} to {target}; from there it goes to {known}"


def find_any(source: ModelFormat, target: str, edges: Sequence[Edge] = EDGES) -> Optional[Edge]:
    """Return the first edge of any way, None where there is no way."""
    return next((way[0] for way in _ways(source, target, edges)), None)


def environments_of_route(source: str, target: str) -> list[str]:
    """Return the environments that the way from one format to another needs. Raises UsageError."""
    start = _ALIASES.get(canonical(source), canonical(source))
    if start not in FORMATS:
        raise UsageError(f"unknown format '{source}'; {nearest(source, FORMATS)}")
    way = find_path(ModelFormat(start), _ALIASES.get(canonical(target), target))
    missing = [edge for edge in way if edge.environment is None]
    if missing:
        raise NotAvailableError(
            f"{missing[0].source} to {missing[0].target} needs {missing[0].tool}, which no "
            f"environment can bring: {missing[0].install_hint}"
        )
    return list(dict.fromkeys(str(edge.environment) for edge in way))
