"""`edgeloop sweep`."""

from typing import Annotated, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.output import TerminalObserver, require_writable, show, write_text
from edgeloop.cli.parameters import takes
from edgeloop.spec.option import DATA, METRICS, PICTURES, PRECISION
from edgeloop.spec.preparation import Preparation
from edgeloop.spec.run import RunSpec

_OF_THE_MODEL = (
    *("runtimes", "threads", "batch_size", "shapes", "settings"),
    *("model_class_path", "model_class_name", "trust_pickle"),
)


@takes(
    RunSpec,
    "model",
    *_OF_THE_MODEL,
    *(DATA, METRICS, PICTURES, PRECISION, "-feedback", "-rate_hz"),
    defaults={"effort": "quick"},
)
@takes(Preparation, "representative_data", "samples", as_parameter="wanted")
def sweep(
    spec: RunSpec,
    wanted: Preparation,
    precision: Annotated[
        Optional[list[str]],
        typer.Option(
            "--precision",
            metavar="NAME",
            help="fp32 (the model as it is), fp16, dynamic, int8 or int16x8. Repeatable. Default: "
            "all that can be made; int8 needs --representative-data.",
            show_default=False,
        ),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only print the rows, their ways and what is missing.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume a sweep that was killed or interrupted.")
    ] = False,
    save_suite: Annotated[
        Optional[str],
        typer.Option(
            "--save-suite",
            metavar="FILE",
            help="Write the sweep as a suite (TOML) and end.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Optional[str],
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Folder of the results. Default: a fresh one in $XDG_DATA_HOME/edgeloop/results.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = None,
) -> None:
    """Measure a model in every runtime that fits: one table.

    Each installed runtime gets the model in a format that it reads, converted and verified where
    that is needed, and in the precisions to which it can be quantised. The table is sorted by
    latency. Failed rows are in it with their reason. It is a suite (edgeloop help suites) that is
    written for you.

    Examples:

      edgeloop sweep model.onnx --plan

      edgeloop sweep model.onnx --data test.npz --out results/pi5

      edgeloop sweep model.onnx --runtime onnxruntime --runtime litert --precision fp32

      edgeloop sweep model.onnx --save-suite sweep.toml
    """
    require_writable(json)
    from edgeloop.cli.pages.sweep import sweep_page, sweep_plan_page
    from edgeloop.suite.run import run_suite
    from edgeloop.suite.sweep import SweepSpec, plan_sweep

    planned = plan_sweep(
        SweepSpec(
            run=spec,
            precisions=tuple(one for text in precision or () for one in text.split(",")),
            representative_data=wanted.representative_data,
            samples=wanted.samples,
        )
    )
    if save_suite is not None:
        write_text(planned.toml.rstrip("\n"), save_suite, "--save-suite")
    if plan or save_suite is not None:
        show(lambda: sweep_plan_page(planned), planned.as_dict, json)
        return
    observer = TerminalObserver()
    report = run_suite(planned.suite(out=out, resume=resume), observer)
    observer.clear()
    try:
        show(lambda: sweep_page(planned, report), report.as_dict, json)
    finally:
        typer.echo(f"results: {report.folder}", err=True)
    if report.exit_code:
        raise typer.Exit(report.exit_code)
