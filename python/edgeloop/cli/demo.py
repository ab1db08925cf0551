"""`edgeloop demo`."""

import typer

from edgeloop.cli import options
from edgeloop.cli.output import TerminalObserver, require_writable, show
from edgeloop.cli.parameters import takes
from edgeloop.spec.run import RunSpec


@takes(RunSpec, "seed")
def demo(spec: RunSpec, json: options.Json = None) -> None:
    """Try edgeloop in a minute, on the bundled model.

    A small network that reads handwritten digits, as float and int8, is timed in a native and in a
    Python loop, and its accuracy is measured on 540 held-out images, on the engine that was timed.

    Example:

      edgeloop demo
    """
    require_writable(json)
    from edgeloop.cli.pages.demo import demo_page
    from edgeloop.demo.run import run_demo

    observer = TerminalObserver()
    outcome = run_demo(observer, spec.seed)
    observer.clear()
    show(lambda: demo_page(outcome), lambda: [row.as_dict() for row in outcome.rows], json)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)
