"""What bench and overhead share: the options, the results as text or JSON, the exit code."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.output import TerminalObserver, require_writable, say, show
from edgeloop.cli.parameters import takes
from edgeloop.errors import CheckFailedError, UsageError
from edgeloop.spec import option
from edgeloop.spec.preparation import Preparation
from edgeloop.spec.repetition import Repetition
from edgeloop.spec.run import RunSpec

if TYPE_CHECKING:
    from edgeloop.results.schema import Result

# Of RunSpec; `instances` would disturb a latency.
_SECTIONS = tuple(name for name in option.SECTIONS if name != option.PREPARE)


def measuring_command(
    command: str, help_text: str, *, repeats: bool = False
) -> Callable[..., None]:
    """Return the typer command that measures as `command` and prints the result.

    `repeats`: it takes --sessions.

    All measuring commands take the same options, so that a command line works for all of them.
    """

    def run(
        spec: RunSpec,
        wanted: Preparation,
        repetition: Repetition,
        json: options.Json = None,
        out: options.Out = None,
        no_save: options.NoSave = False,
        verbose: options.Verbose = False,
    ) -> None:
        from edgeloop.results.compare import is_result

        if repetition.sessions > 1 and (no_save or (out is not None and is_result(out))):
            raise UsageError(
                "--sessions keeps a result of each: give --out a folder, and leave out --no-save"
            )
        page = result_page if verbose else brief_page
        code = _measure_and_print(command, page, spec, wanted, repetition, json, out, not no_save)
        if code:
            raise typer.Exit(code)

    run.__name__ = command
    run.__doc__ = help_text
    sections = (option.PRECISION,) if repeats else ()
    repeating = takes(Repetition, *sections, as_parameter="repetition")(run)
    with_spec = takes(RunSpec, "model", *_SECTIONS, "-instances")(repeating)
    return takes(Preparation, option.PREPARE, as_parameter="wanted")(with_spec)


def _measure_and_print(
    command: str,
    page: "Callable[[Result], str]",
    spec: RunSpec,
    wanted: Preparation,
    repetition: Repetition,
    json_path: Optional[str],
    out: Optional[str],
    save: bool,
) -> int:
    require_writable(json_path)
    observer = TerminalObserver()
    spec = _prepared(spec, wanted, observer)
    from edgeloop.measure.sessions import repeated
    from edgeloop.remote.measuring import measure_all

    results, failures = repeated(
        lambda: measure_all(spec, command, save=save, out=out, observer=observer),
        repetition,
        observer,
    )
    observer.clear()
    errors = [(result.header["title"], result.error) for result in results if result.error]
    errors += failures
    try:
        if results:
            _show(results, page, json_path)
    finally:  # these words go to stderr, whatever became of stdout
        for result in results:
            if result.path is not None:
                typer.echo(f"result: {result.path}", err=True)
        for title, error in errors:
            say(f"edgeloop: {title}: {error}")
    return errors[0][1].exit_code if errors else 0


def _prepared(spec: RunSpec, wanted: Preparation, observer: TerminalObserver) -> RunSpec:
    """Return the spec of what --to and --quantize make of the model."""
    from edgeloop.conversion.prepare import prepare

    measured, verification = prepare(spec, wanted, observer)
    if verification is not None and verification.passed is False:
        sentence = f"the result does NOT agree with {spec.model}: {verification.faults[0]}"
        if spec.strict:
            raise CheckFailedError(sentence)
        say(f"edgeloop: WARNING: {sentence}")
    return measured


def brief_page(result: "Result") -> str:
    """Return the answer on one screen."""
    from edgeloop.cli.pages import brief

    return brief.brief_page(result)


def result_page(result: "Result") -> str:
    """Return all figures."""
    from edgeloop.cli.pages import table

    return table.result_page(result)


def _show(
    results: "Sequence[Result]", page: "Callable[[Result], str]", json_path: Optional[str]
) -> None:
    documents = [result.as_dict() for result in results]
    from edgeloop.cli.pages.torch_modes import torch_modes_table

    show(
        lambda: "\n\n".join(filter(None, [*map(page, results), torch_modes_table(results)])),
        lambda: documents[0] if len(documents) == 1 else documents,
        json_path,
    )
