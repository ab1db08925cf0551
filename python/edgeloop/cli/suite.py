"""`edgeloop suite`."""

from typing import Annotated, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.output import TerminalObserver, require_writable, show
from edgeloop.cli.parameters import takes
from edgeloop.spec.run import RunSpec


@takes(RunSpec, "host", as_parameter="placed")
def suite(
    placed: RunSpec,
    file: Annotated[
        str, typer.Argument(metavar="FILE.toml", help="The suite.", show_default=False)
    ],
    plan: Annotated[
        bool, typer.Option("--plan", help="Only print the matrix, the conversions and the time.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume a run that was killed or interrupted.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --resume: run failed entries again.")
    ] = False,
    order_seed: Annotated[
        Optional[int],
        typer.Option(
            "--order-seed",
            metavar="N",
            help="Seed of the order of the entries.",
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
    """Measure a matrix of models, runtimes and options (TOML).

    Every word of bench is a key: at the top for all entries, in [[model]] and [[runtime]] for
    those, in [[override]] for the entries that match. Paths start where the file lies.

    \b
      effort = "standard"

    \b
      [matrix]
      models = ["a.tflite", "b.tflite"]
      runtimes = ["litert", "tflite-runtime"]
      threads = [1, 4]
      delegates = ["xnnpack", "none"]

    \b
      [[runtime]]
      name = "tflite-runtime"
      environment = "tflite-runtime"

    \b
      [[exclude]]
      runtime = "tflite-runtime"
      threads = 4

    \b
      [[override]]
      when = { model = "b.tflite" }
      data = "test.npz"

    Axes: models, runtimes, loops, threads, delegates, providers, torch-modes, to, precision,
    batch-size. [[include]] adds an entry. The entries run in a random order, with a pause until
    the CPU is as cool as at the start (rest-until, rest-at-most); each result is on the disk when
    it ends. A failed entry is a row, and the exit code is that of the first.

    Examples:

      edgeloop suite boards.toml --plan

      edgeloop suite boards.toml --out results/pi4

      edgeloop suite boards.toml --out results/pi4 --resume

      edgeloop suite boards.toml --host pi@raspberrypi.local
    """  # noqa: D301  # \b keeps the lines of the example apart in --help
    require_writable(json)
    from edgeloop.cli.pages.suite import plan_page, suite_page
    from edgeloop.suite.run import SuiteSpec, plan_suite, run_suite

    spec = SuiteSpec(
        file=file,
        out=out,
        resume=resume,
        retry_failed=retry_failed,
        order_seed=order_seed,
        host=placed.host,
    )
    if plan:
        planned = plan_suite(spec)
        show(lambda: plan_page(planned), planned.as_dict, json)
        return
    observer = TerminalObserver()
    report = run_suite(spec, observer)
    observer.clear()
    try:
        show(lambda: suite_page(report), report.as_dict, json)
    finally:
        typer.echo(f"results: {report.folder}", err=True)
    if report.exit_code:
        raise typer.Exit(report.exit_code)
