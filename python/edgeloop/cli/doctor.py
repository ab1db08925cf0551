"""`edgeloop doctor`."""

from typing import Annotated

import typer

from edgeloop.cli import options
from edgeloop.cli.output import require_writable, show


def doctor(
    python: options.Python = None,
    host: options.Host = None,
    timeout: options.Timeout = 60.0,
    restore: Annotated[
        bool,
        typer.Option(
            "--restore",
            help="Set the governors back that a run with --governor left behind, as after a power "
            "cut, and do nothing else.",
        ),
    ] = False,
    json: options.Json = None,
) -> None:
    """Examine this machine: board, CPU, clock, what disturbs a measurement, every runtime.

    Each runtime is looked for and imported in a process of its own; what is missing or broken
    comes with the reason and the command that mends it.

    Examples:

      edgeloop doctor

      edgeloop doctor --python /path/to/other/bin/python --json -

      edgeloop doctor --host pi@raspberrypi.local
    """
    require_writable(json)
    if restore:
        from edgeloop.host.governor import restore as restore_governors

        restored = restore_governors()
        for policy, governor in restored.items():
            typer.echo(f"{policy}: {governor}")
        typer.echo(f"{len(restored)} governors restored", err=True)
        return
    from edgeloop.cli.pages.doctor import doctor_page
    from edgeloop.measure.doctor import examine
    from edgeloop.remote.measuring import examine_board

    document = examine_board(host, python, timeout) if host else examine(python, timeout)
    show(lambda: doctor_page(document), lambda: document, json)
