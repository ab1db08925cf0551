"""What bench and overhead share: the options, the results as text or JSON, the exit code."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.output import TerminalObserver, require_writable, show
from edgeloop.cli.parameters import takes
from edgeloop.errors import CheckFailedError
from edgeloop.spec import option
from edgeloop.spec.preparation import Preparation
from edgeloop.spec.run import RunSpec

if TYPE_CHECKING:
    from edgeloop.results.schema import Result

# Of RunSpec; `instances` would disturb a latency.
_SECTIONS = tuple(name for name in option.SECTIONS if name != option.PREPARE)


def measuring_command(command: str, table: str, help_text: str) -> Callable[..., None]:
    """Return the typer command that measures as `command` and prints with pages.table's `table`.

    All measuring commands take the same options, so that what one says can be said to the other.
    """

    def run(
        spec: RunSpec,
        wanted: Preparation,
        json: options.Json = None,
        out: options.Out = None,
        no_save: options.NoSave = False,
    ) -> None:
        code = _measure_and_print(command, table, spec, wanted, json, out, not no_save)
        if code:
            raise typer.Exit(code)

    run.__name__ = command
    run.__doc__ = help_text
    with_spec = takes(RunSpec, "model", *_SECTIONS, "-instances")(run)
    return takes(Preparation, option.PREPARE, as_parameter="wanted")(with_spec)


def _measure_and_print(
    command: str,
    table: str,
    spec: RunSpec,
    wanted: Preparation,
    json_path: Optional[str],
    out: Optional[str],
    save: bool,
) -> int:
    require_writable(json_path)
    observer = TerminalObserver()
    spec = _prepared(spec, wanted, observer)
    from edgeloop.remote.measuring import measure_all

    results, failures = measure_all(spec, command, save=save, out=out, observer=observer)
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


def _prepared(spec: RunSpec, wanted: Preparation, observer: TerminalObserver) -> RunSpec:
    """Return the spec of what --to and --quantize make of the model."""
    from edgeloop.conversion.prepare import prepare

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
