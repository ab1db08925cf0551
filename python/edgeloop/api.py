"""What a notebook calls: the same powers as the command line, with objects instead of text.

Every function measures in worker processes, so the calling interpreter needs no runtime.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

from edgeloop.data.arrays import is_path, on_disk
from edgeloop.errors import UsageError, nearest
from edgeloop.measure.bench import measure_one
from edgeloop.measure.observer import Observer, Silence
from edgeloop.measure.record import failed_requirement
from edgeloop.results.schema import Result
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.inputs import X_KEY, Y_KEY
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.spec.run import RunSpec
from edgeloop.spec.run_options import EvaluateOptions, RunOptions
from edgeloop.stats.verdict import DELTA

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from edgeloop.conversion.edge import ConversionOptions
    from edgeloop.conversion.quantization.report import QuantizationReport
    from edgeloop.conversion.report import ConversionReport
    from edgeloop.measure.profile.summary import Profile
    from edgeloop.models.summary import ModelSummary
    from edgeloop.results.compare import Compared, FolderComparison
    from edgeloop.spec.run_options import Data


def bench(
    model: Union[str, Path],
    runtime: Optional[str] = None,
    *,
    save: bool = False,
    out: Optional[str] = None,
    observer: Optional[Observer] = None,
    **options: Unpack[RunOptions],
) -> Result:
    """Measure the latency of one model in one runtime.

    `options` are the fields of `RunSpec`: threads, loops, batch_size, shapes, delegate, provider,
    require_delegate, settings, library, python, data, effort ("quick", "standard", "rigorous"),
    runs, warmup, processes, percentiles, seed, timeout_s. `data` is a path, or arrays as
    `evaluate` takes them. All times of the result are in ns.

    Raises UsageError, NotAvailableError, ModelError or RuntimeFailedError, each one sentence; the
    result of a run that broke half way is in its `result` attribute.
    """
    return _one("bench", model, runtime, save, out, observer, options)


def overhead(
    model: Union[str, Path],
    runtime: Optional[str] = None,
    *,
    save: bool = False,
    out: Optional[str] = None,
    observer: Optional[Observer] = None,
    **options: Unpack[RunOptions],
) -> Result:
    """Measure how much of the time is Python: every loop of the runtime, interleaved.

    The differences per call, in ns and as a share of the native latency with 95 % intervals, are
    in `result.summary["overhead"]`. Options, units and errors are those of `bench`.
    """
    return _one("overhead", model, runtime, save, out, observer, options)


def profile(
    model: Union[str, Path],
    runtime: Optional[str] = None,
    *,
    observer: Optional[Observer] = None,
    **options: Unpack[RunOptions],
) -> Profile:
    """Return the time of every operator of a model in one runtime, and who ran it.

    `options` are those of `bench`; the effort is "quick" where none is given. Times are means per
    run in ns, with the runtime's profiler on; what that costs is in `document["profile"]`. Raises
    what `bench` raises, NotAvailableError where the runtime has no profiler, and CheckFailedError
    where `require_delegate` is not met.
    """
    with _asked(model, runtime, {"effort": "quick", **options}) as asked:
        spec = resolve(asked, "profile")[0]
        found = profile_one(spec, observer or Silence())
    error = failed_requirement(spec, found.document)
    if error is not None:
        raise error
    return found


def profile_one(spec: ResolvedSpec, observer: Observer) -> Profile:
    """Profile one resolved spec; whether its delegates took enough is for the caller to ask."""
    from edgeloop.measure.profile.experiment import measure_profile, profiled_loop
    from edgeloop.measure.profile.summary import summarise

    spec = replace(spec, loops=(profiled_loop(spec),))
    return summarise(spec, measure_profile(spec, observer))


def compare(
    a: str,
    b: str,
    *,
    delta: float = DELTA,
    allow: Sequence[str] = (),
    save: bool = False,
    out: Optional[str] = None,
    observer: Optional[Observer] = None,
    **options: Unpack[RunOptions],
) -> Compared:
    """Compare B with A: the ratio of their times, its interval, the verdict.

    Both are configurations (MODEL@runtime,threads=4,loop=binding), which are measured now, block by
    block in random order, or both are the paths of stored results. `delta` is the difference that
    matters, as a share; `allow` names conditions in which stored results may differ; `options` are
    those of `bench`, for what the configurations leave open. Raises what `bench` raises.
    """
    from edgeloop.remote.measuring import compare_anywhere
    from edgeloop.results.compare import compare_stored, is_result

    if is_result(a) != is_result(b):
        raise UsageError("one side is a stored result, the other is not: give two of one kind")
    if is_result(a):
        return compare_stored(a, b, delta, allow)
    with _asked("", None, options) as defaults:
        compared = compare_anywhere(
            a,
            b,
            defaults,
            delta,
            observer or Silence(),
            save=save or out is not None,
            out=out,
        )
    if compared.error is not None:
        raise compared.error
    return compared


def evaluate(
    model: Union[str, Path],
    data: Data,
    runtime: Optional[str] = None,
    *,
    reference: Optional[str] = None,
    include_preprocess: bool = False,
    save: bool = False,
    out: Optional[str] = None,
    observer: Optional[Observer] = None,
    **options: Unpack[EvaluateOptions],
) -> Result:
    """Run a data set through a model; return accuracy, and agreement with `reference`.

    `data`: an .npz, an .npy, a folder of pictures, a CSV that lists some, or one picture; or
    arrays: the samples (n, *shape), (x, y) with a label for each, or a dict with the keys of an
    .npz (the names of the inputs where there are several). They lie in a temporary .npz meanwhile.
    `reference`: MODEL or MODEL@runtime,key=value. `options` are the fields of `RunSpec`; those of
    the data are x_key, y_key, y_file, data_layout, resize, crop, color, scale, mean, std, labels,
    label_offset, strict, and those of the metrics task, top_k, softmax. The metrics, each with its
    95 % interval, are in `result.summary["accuracy"]`, under scikit-learn's names.

    Raises as `bench` does, ModelError where no metric comes of the data, and NotAvailableError
    where scikit-learn is missing.
    """
    from edgeloop.measure.evaluate import evaluate_first

    with _asked(model, runtime, {**options, "data": data}) as spec:
        result = evaluate_first(
            spec,
            reference=reference,
            include_preprocess=include_preprocess,
            save=save or out is not None,
            out=out,
            observer=observer or Silence(),
        )
    return _raised(result)


def compare_folders(
    base: Union[str, Path],
    new: Union[str, Path],
    *,
    delta: float = DELTA,
    allow: Sequence[str] = (),
) -> FolderComparison:
    """Compare the stored results of two folders, or suites, row by row.

    `delta` and `allow` are those of `compare`; p values are corrected for the number of rows.
    Raises UsageError, ModelError.
    """
    from edgeloop.results.compare import compare_folders as run

    return run(str(base), str(new), delta, allow)


def inspect(model: Union[str, Path]) -> ModelSummary:
    """Describe a model file: tensors, quantisation, operators, parameters, MACs.

    Nothing of the file is executed. Raises ModelError where it is not a model, NotAvailableError
    where the package that reads the format is missing.
    """
    from edgeloop.models.inspect import inspect_model

    return inspect_model(model)


def coverage(
    model: Union[str, Path],
    runtime: Optional[str] = None,
    **options: Unpack[RunOptions],
) -> dict[str, Any]:
    """Say who would run which node of a model: load it in a worker, and measure nothing.

    `options` are those of `bench`; the one of interest is `delegate`, or `provider`. The document
    is a result's header: `placement` has nodes, partitions and share of the multiply-accumulates
    of each delegate, and what it left; `log` has what the runtime printed. Raises what `bench`
    raises, CheckFailedError where `require_delegate` is not met among it.
    """
    with _asked(model, runtime, options) as asked:
        spec = resolve(asked, "inspect")[0]
        found = coverage_one(spec)
    error = failed_requirement(spec, found)
    if error is not None:
        raise error
    return found


def coverage_one(spec: ResolvedSpec) -> dict[str, Any]:
    """Load one resolved spec; whether its delegates took enough is for the caller to ask."""
    from edgeloop.measure.coverage import measure_coverage

    return measure_coverage(spec)


def convert(
    model: Union[str, Path],
    to: str,
    *,
    out: Union[str, Path, None] = None,
    force: bool = False,
    via: Sequence[str] = (),
    options: Optional[ConversionOptions] = None,
    data: Optional[str] = None,
    seed: int = 0,
    python: Optional[str] = None,
    observer: Optional[Observer] = None,
) -> ConversionReport:
    """Convert a model to the format `to` and hold the result against it, on the same samples.

    The samples are of `data`, else random ones of `seed`; `options` say opset, layout, shapes and
    the class of a state dict. Where `verification.passed` is False the file is NAME.unverified.
    Raises UsageError, NotAvailableError (with the command that installs what is missing),
    ModelError or CannotWriteError; then nothing is left.
    """
    from edgeloop.conversion.edge import ConversionOptions
    from edgeloop.conversion.run import ConversionSpec
    from edgeloop.conversion.run import convert as run
    from edgeloop.runtimes.choice.inputs import input_source

    spec = ConversionSpec(
        model=str(model),
        target=to,
        out=None if out is None else str(out),
        force=force,
        via=tuple(via),
        python=python,
        options=options or ConversionOptions(),
        inputs=input_source(seed, data),
    )
    return run(spec, observer or Silence())


def quantize(
    model: Union[str, Path],
    precision: str,
    runtime: Optional[str] = None,
    *,
    representative_data: Optional[str] = None,
    samples: int = 200,
    to: Optional[str] = None,
    out: Optional[str] = None,
    force: bool = False,
    io: Optional[str] = None,
    purpose: str = "onnxruntime",
    reduce_range: str = "auto",
    debug_layers: bool = False,
    measure: bool = True,
    conversion: Optional[ConversionOptions] = None,
    observer: Optional[Observer] = None,
    **options: Unpack[RunOptions],
) -> QuantizationReport:
    """Quantise a model to int8, int16x8, dynamic or fp16, and report its gain and its cost.

    `representative_data` shows the ranges of the activations, which int8 and int16x8 need: the
    least and greatest values over `samples` of it. `to` converts first ("tflite", "onnx"), with
    `conversion`; `io` is the dtype of a TFLite file's inputs and outputs, `purpose` "onnxruntime"
    or "tensorrt". `options` are those of `bench`: `data` gives the accuracy before and after,
    `effort` (here "quick") is that of the comparison of the latencies, which `measure` switches
    off. The result is at `report.result.path`; where it does not agree with the float model
    (`report.verification`), under the name NAME.unverified.

    Raises UsageError, NotAvailableError, ModelError, RuntimeFailedError or CannotWriteError, each
    one sentence.
    """
    from edgeloop.conversion.edge import ConversionOptions
    from edgeloop.conversion.quantization.run import quantize as run
    from edgeloop.conversion.quantization.spec import QuantizeSpec

    with _asked("", runtime, {"effort": "quick", "timeout_s": 3600.0, **options}) as measured:
        spec = QuantizeSpec(
            model=str(model),
            precision=precision,
            to=to,
            out=out,
            force=force,
            io=io,
            purpose=purpose,
            reduce_range=reduce_range,
            representative_data=representative_data,
            samples=samples,
            debug_layers=debug_layers,
            measure=measure,
            measured=measured,
            options=conversion or ConversionOptions(),
        )
        return run(spec, observer or Silence())


def _one(
    command: str,
    model: Union[str, Path],
    runtime: Optional[str],
    save: bool,
    out: Optional[str],
    observer: Optional[Observer],
    options: Mapping[str, Any],
) -> Result:
    watcher = observer or Silence()
    save = save or out is not None
    with _asked(model, runtime, options) as spec:
        if spec.host is None:
            resolved = resolve(spec, command)[0]
            return _raised(measure_one(resolved, save=save, out=out, observer=watcher))
        from edgeloop.remote.measuring import measure_all

        results, failures = measure_all(spec, command, save=save, out=out, observer=watcher)
    if failures:
        raise failures[0][1]
    return _raised(results[0])


@contextmanager
def _asked(
    model: Union[str, Path], runtime: Optional[str], options: Mapping[str, Any]
) -> Iterator[RunSpec]:
    """Yield the spec that keyword arguments say; arrays of data are on disk until the block ends.

    Raises UsageError for an unknown argument, and for what is neither path nor array.
    """
    runtimes: Sequence[str] = () if runtime is None else (runtime,)
    known = [field.name for field in fields(RunSpec) if field.name not in ("model", "runtimes")]
    for name in options:
        if name not in known:
            raise UsageError(f"unknown option '{name}'; {nearest(name, known)}")
    data = options.get("data")
    spec = replace(RunSpec(model=_path("model", model), runtimes=runtimes), **options)
    if data is None:
        yield spec
    elif is_path(data):
        yield replace(spec, data=_path("data", data))
    else:
        with on_disk(data, options.get("x_key", X_KEY), options.get("y_key", Y_KEY)) as path:
            yield replace(spec, data=path)


def _path(what: str, value: object) -> str:
    """Return a path as text. Raises UsageError for an object, and for a text that names no file."""
    if not isinstance(value, (str, os.PathLike)):
        raise UsageError(f"{what} is a {type(value).__name__}, not a path; save it to a file")
    path = os.fspath(value)
    try:
        Path(path).stat()
    except OSError as error:  # a missing one is reported where it is used
        if error.errno == errno.ENAMETOOLONG:
            raise UsageError(f"{what} is a text of {len(path)} characters, not a path") from error
    return path


def _raised(result: Result) -> Result:
    """Raise what ended a measurement early, with what was measured; else return the result."""
    if result.error is not None:
        result.error.result = result
        raise result.error
    return result
