"""What bench and overhead share: the options, the results as text or JSON, the exit code."""

from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, Optional

import typer

from edgeloop.cli import data_options, options
from edgeloop.cli.output import TerminalObserver, require_writable, show
from edgeloop.errors import CheckFailedError

if TYPE_CHECKING:
    from edgeloop.results.schema import Result
    from edgeloop.spec.run import RunSpec


def measuring_command(command: str, table: str, help_text: str) -> Callable[..., None]:
    """Return the typer command that measures as `command` and prints with report.table's `table`.

    All measuring commands take the same options, so that what one says can be said to the other.
    """

    @wraps(_measuring_options)
    def run(**chosen: Any) -> None:
        code = _measure_and_print(command, table, chosen)
        if code:
            raise typer.Exit(code)

    run.__name__ = command
    run.__doc__ = help_text
    return run


def _measuring_options(
    model: options.Model,
    runtime: options.Runtimes = None,
    loops: options.Loops = None,
    threads: options.Threads = None,
    batch_size: options.BatchSize = None,
    shape: options.Shapes = None,
    delegate: options.Delegate = None,
    use_armnn: options.UseArmnn = False,
    armnn_path: options.ArmnnPath = None,
    provider: options.Provider = None,
    require_delegate: options.RequireDelegate = None,
    torch_mode: options.TorchMode = None,
    package: options.Package = None,
    device: options.Device = None,
    settings: options.Settings = None,
    library: options.Library = None,
    python: options.Python = None,
    host: options.Host = None,
    data: options.Data = None,
    x_key: options.XKey = "x_data",
    y_key: options.YKey = "y_data",
    y_file: data_options.YFile = None,
    data_layout: options.DataLayout = None,
    resize: data_options.Resize = None,
    crop: data_options.Crop = None,
    color: data_options.Color = None,
    scale: data_options.Scale = None,
    mean: data_options.Mean = None,
    std: data_options.Std = None,
    labels: data_options.Labels = None,
    label_offset: data_options.LabelOffset = 0,
    task: data_options.Task = None,
    top_k: data_options.TopK = 5,
    softmax: data_options.Softmax = False,
    output: data_options.Output = None,
    to: options.ConvertTo = None,
    via: options.Via = None,
    opset: options.Opset = None,
    quantize: options.Quantize = None,
    representative_data: options.RepresentativeData = None,
    samples: options.Samples = 200,
    layout: options.Layout = "keep",
    model_out: options.ModelOut = None,
    force: options.Force = False,
    effort: options.Effort = "standard",
    budget: options.Budget = None,
    rate: options.Rate = None,
    percentiles: options.Percentiles = "50,90,99",
    runs: options.Runs = None,
    warmup: options.Warmup = None,
    processes: options.Processes = None,
    seed: options.Seed = 0,
    timeout: options.Timeout = 600.0,
    model_class_path: options.ModelClassPath = None,
    model_class_name: options.ModelClassName = None,
    trust_pickle: options.TrustPickle = False,
    cpus: options.Cpus = None,
    cluster: options.Cluster = None,
    priority: options.Priority = None,
    mlock: options.Mlock = False,
    governor: options.Governor = None,
    regime: options.Regime = None,
    cool_down: options.CoolDown = None,
    power_command: options.PowerCommand = None,
    peak_gflops: options.PeakGflops = None,
    strict: options.Strict = False,
    json: options.Json = None,
    out: options.Out = None,
    no_save: options.NoSave = False,
) -> None:
    """Carry the signature that every measuring command shows."""


# Options whose name is that of the spec's field, and whose value is its value.
_SAME = (
    *("model", "threads", "batch_size", "require_delegate", "torch_mode", "package", "device"),
    *("library", "python", "host", "instances"),
    *("data", "x_key", "y_key", "y_file", "data_layout", "resize", "crop", "color", "scale"),
    *("mean", "std", "labels", "label_offset", "strict", "task", "top_k", "softmax", "output"),
    *("effort", "runs", "warmup", "processes", "seed"),
    *("model_class_path", "model_class_name", "trust_pickle", "peak_gflops"),
    *("cpus", "cluster", "priority", "mlock", "governor", "regime", "power_command"),
)


def run_spec(chosen: dict[str, Any]) -> "RunSpec":
    """Return the spec that the options say; a command may lack those of measuring."""
    from edgeloop.spec.run import RunSpec, parse_percentiles, parse_setting, parse_shape

    given = {name: chosen[name] for name in _SAME if name in chosen}
    if "percentiles" in chosen:
        given["percentiles"] = parse_percentiles(chosen["percentiles"])
    return RunSpec(
        runtimes=tuple(chosen["runtime"] or ()),
        loops=tuple(name for name in (chosen["loops"] or "").split(",") if name.strip()),
        shapes=dict(parse_shape(text) for text in chosen["shape"] or ()),
        settings=dict(parse_setting(text) for text in chosen["settings"] or ()),
        timeout_s=chosen["timeout"],
        budget_s=chosen.get("budget"),
        rate_hz=chosen.get("rate"),
        cool_down_c=chosen.get("cool_down"),
        delegate=options.delegates(chosen["delegate"], chosen["use_armnn"], chosen["armnn_path"]),
        provider=tuple(chosen["provider"] or ()),
        **given,
    )


def _measure_and_print(command: str, table: str, chosen: dict[str, Any]) -> int:
    json_path: Optional[str] = chosen["json"]
    require_writable(json_path)
    observer = TerminalObserver()
    spec = _prepared(run_spec(chosen), chosen, observer)
    from edgeloop.remote.measuring import measure_all

    results, failures = measure_all(
        spec, command, save=not chosen["no_save"], out=chosen["out"], observer=observer
    )
    observer.clear()
    errors = [(result.header["title"], result.error) for result in results if result.error]
    errors += failures
    try:
        if results:
            _show(results, table, json_path)
    finally:  # these words go to stderr, whatever became of stdout
        for result in results:
            if result.path is not None:
                typer.echo(f"result: {result.path}", err=True)
        for title, error in errors:
            typer.echo(f"edgeloop: {title}: {error}", err=True)
    return errors[0][1].exit_code if errors else 0


def _prepared(spec: "RunSpec", chosen: dict[str, Any], observer: TerminalObserver) -> "RunSpec":
    """Return the spec of what --to and --quantize make of the model."""
    from edgeloop.conversion.prepare import Preparation, prepare

    wanted = Preparation(
        to=chosen["to"],
        precision=chosen["quantize"],
        representative_data=chosen["representative_data"],
        samples=chosen["samples"],
        layout=chosen["layout"],
        via=tuple(chosen["via"] or ()),
        opset=chosen["opset"],
        out=chosen["model_out"],
        force=chosen["force"],
    )
    measured, verification = prepare(spec, wanted, observer)
    if verification is not None and verification.passed is False:
        sentence = f"the result does NOT agree with {spec.model}: {verification.faults[0]}"
        if spec.strict:
            raise CheckFailedError(sentence)
        typer.echo(f"edgeloop: WARNING: {sentence}", err=True)
    return measured


def _show(results: Sequence["Result"], table: str, json_path: Optional[str]) -> None:
    render = getattr(import_module("edgeloop.cli.pages.table"), table)
    documents = [result.as_dict() for result in results]
    from edgeloop.cli.pages.torch_modes import torch_modes_table

    show(
        lambda: "\n".join(filter(None, [*map(render, results), torch_modes_table(results)])),
        lambda: documents[0] if len(documents) == 1 else documents,
        json_path,
    )
