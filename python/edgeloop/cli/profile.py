"""`edgeloop profile`."""

from typing import Annotated, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.evaluate import CLASS_OF_MODEL
from edgeloop.cli.output import TerminalObserver, require_writable, show, write_json
from edgeloop.cli.parameters import takes
from edgeloop.spec.option import ACCELERATOR, RUNTIME
from edgeloop.spec.run import RunSpec

Top = Annotated[int, typer.Option("--top", min=1, help="Operators of each table that are shown.")]
Trace = Annotated[
    Optional[str],
    typer.Option(
        "--trace",
        metavar="FILE",
        help="Write the last run as a Chrome trace (chrome://tracing, Perfetto).",
        show_default=False,
    ),
]


@takes(
    RunSpec,
    *("model", RUNTIME, "-host", "-loops", "-instances", ACCELERATOR, *CLASS_OF_MODEL),
    *("data", "x_key", "y_key", "data_layout", "effort", "budget_s", "processes", "seed"),
    "timeout_s",
    defaults={"effort": "quick"},
    once=("runtimes",),
)
def profile(
    spec: RunSpec,
    top: Top = 5,
    trace: Trace = None,
    json: options.Json = None,
) -> None:
    """Show which operators take the time, and who ran them.

    The runtime's own profiler gives the times.

    Mean time per run of every operator and of every partition that a delegate took, by type and by
    node, with intervals. The profiler slows the model down: pairs of blocks with and without it
    say by how much, and these times are never mixed into those of bench.

    Examples:

      edgeloop profile model.tflite

      edgeloop profile model.tflite --delegate none --threads 1 --top 20

      edgeloop profile model.onnx --effort standard --json profile.json --trace trace.json
    """
    require_writable(json)
    require_writable(trace, "--trace")
    from edgeloop.api import profile_one
    from edgeloop.cli.pages.profile import profile_page
    from edgeloop.measure.profile.chrome_trace import chrome_trace
    from edgeloop.measure.record import failed_requirement
    from edgeloop.runtimes.choice.resolution import resolve

    observer = TerminalObserver()
    resolved = resolve(spec, "profile")[0]
    for choice in resolved.choices:
        observer.note(choice)
    found = profile_one(resolved, observer)
    observer.clear()
    show(lambda: profile_page(found, top), found.as_dict, json)
    if trace is not None:
        write_json(chrome_trace(found), trace, "--trace")
    error = failed_requirement(resolved, found.document)
    if error is not None:
        raise error
