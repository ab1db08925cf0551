"""What bench and overhead share: the options, the results as text or JSON, the exit code."""

from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.output import TerminalObserver, require_writable, show
from edgeloop.spec import RunSpec, parse_percentiles, parse_setting, parse_shape

if TYPE_CHECKING:
    from edgeloop.results.schema import Result


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
    data: options.Data = None,
    x_key: options.XKey = "x_data",
    y_key: options.YKey = "y_data",
    data_layout: options.DataLayout = None,
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
    peak_gflops: options.PeakGflops = None,
    strict: options.Strict = False,
    json: options.Json = None,
    out: options.Out = None,
    no_save: options.NoSave = False,
) -> None:
    """Carry the signature that every measuring command shows."""


def run_spec(chosen: dict[str, Any]) -> RunSpec:
    """Return the spec that the options say."""
    same = (
        "model", "threads", "batch_size", "require_delegate", "torch_mode", "package", "device",
        "library", "python", "data", "x_key", "y_key", "data_layout", "effort", "runs",
        "warmup", "processes", "seed", "model_class_path", "model_class_name", "trust_pickle",
        "peak_gflops", "strict",
    )  # fmt: skip
    return RunSpec(
        runtimes=tuple(chosen["runtime"] or ()),
        loops=tuple(name for name in (chosen["loops"] or "").split(",") if name.strip()),
        shapes=dict(parse_shape(text) for text in chosen["shape"] or ()),
        settings=dict(parse_setting(text) for text in chosen["settings"] or ()),
        percentiles=parse_percentiles(chosen["percentiles"]),
        timeout_s=chosen["timeout"],
        budget_s=chosen["budget"],
        rate_hz=chosen["rate"],
        delegate=options.delegates(chosen["delegate"], chosen["use_armnn"], chosen["armnn_path"]),
        provider=tuple(chosen["provider"] or ()),
        **{name: chosen[name] for name in same},
    )


def _measure_and_print(command: str, table: str, chosen: dict[str, Any]) -> int:
    json_path: Optional[str] = chosen["json"]
    require_writable(json_path)
    spec = run_spec(chosen)
    from edgeloop.api import measure_all

    observer = TerminalObserver()
    results, failures = measure_all(
        spec, command, save=not chosen["no_save"], out=chosen["out"], observer=observer
    )
    observer.clear()
    errors = [(result.header["title"], result.error) for result in results if result.error]
    errors += [(resolved.title, error) for resolved, error in failures]
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


def _show(results: Sequence["Result"], table: str, json_path: Optional[str]) -> None:
    render = getattr(import_module("edgeloop.report.table"), table)
    documents = [result.as_dict() for result in results]
    show(
        lambda: "\n".join(render(result) for result in results),
        lambda: documents[0] if len(documents) == 1 else documents,
        json_path,
    )
