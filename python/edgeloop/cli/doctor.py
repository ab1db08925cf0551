"""`edgeloop doctor`."""

from typing import Annotated

import typer

from edgeloop.cli import options
from edgeloop.cli.output import TerminalObserver, require_writable, show
from edgeloop.cli.parameters import takes
from edgeloop.errors import UsageError
from edgeloop.spec.run import RunSpec


@takes(RunSpec, "provider", "python", "host", "timeout_s", defaults={"timeout_s": 60.0})
def doctor(
    spec: RunSpec,
    restore: Annotated[
        bool,
        typer.Option(
            "--restore",
            help="Restore the governors that a run with --governor left behind, as after a power "
            "cut, and do nothing else.",
        ),
    ] = False,
    json: options.Json = None,
) -> None:
    """Check this machine: board, clock, runtimes, disturbances.

    Each runtime is looked for and imported in a process of its own; what is missing or broken
    comes with the reason and the command that fixes it. --provider PATH lists the devices of an
    ONNX Runtime provider in a library of its own.

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

    observer = TerminalObserver()
    if spec.host and spec.provider:
        raise UsageError("--provider lists the devices of a library on this machine: leave --host")
    if spec.host:
        observer.phase(f"asking {spec.host}")
        document = examine_board(spec.host, spec.python, spec.timeout_s)
    else:
        document = examine(spec.python, spec.timeout_s, observer, tuple(spec.provider or ()))
    observer.clear()
    show(lambda: doctor_page(document), lambda: document, json)
