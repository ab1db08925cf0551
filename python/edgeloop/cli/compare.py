"""`edgeloop compare`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.output import (
    STDOUT,
    TerminalObserver,
    require_writable,
    show,
    write_json,
    write_text,
)
from edgeloop.cli.parameters import takes
from edgeloop.errors import CheckFailedError, UsageError
from edgeloop.spec.option import DATA, METRICS, PICTURES
from edgeloop.spec.run import RunSpec

if TYPE_CHECKING:
    from edgeloop.results.compare import Compared

Side = Annotated[
    str,
    typer.Argument(
        help="MODEL@runtime,threads=4,delegate=none,loop=binding, or a stored result (its path, or "
        "its number in `results list`), or a folder of results.",
        show_default=False,
    ),
]

_VERDICTS = ("slower", "faster", "inconclusive", "not-comparable", "missing")


@takes(
    RunSpec,
    *("threads", "python", "host", DATA, METRICS, PICTURES),
    *("effort", "budget_s", "seed", "timeout_s"),
)
def compare(
    spec: RunSpec,
    a: Side,
    b: Side,
    delta: Annotated[
        str,
        typer.Option(
            "--delta", metavar="SHARE", help="The difference that matters: within it is equivalent."
        ),
    ] = "1%",
    fail_on: Annotated[
        Optional[list[str]],
        typer.Option(
            "--fail-on",
            metavar="VERDICT[:SHARE]",
            help="Exit 1 on slower:2%, faster:5%, inconclusive, not-comparable, or, of folders, "
            "missing. Repeatable.",
            show_default=False,
        ),
    ] = None,
    allow: Annotated[
        Optional[list[str]],
        typer.Option(
            "--allow",
            help="Stored results: let this differ: model, host, clock, threads, governor, "
            "precision.",
            show_default=False,
        ),
    ] = None,
    markdown: Annotated[
        Optional[str],
        typer.Option(
            "--markdown",
            metavar="FILE",
            help="Folders: the table for a pull request; '-' is stdout.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = None,
    out: options.Out = None,
    no_save: options.NoSave = False,
    verbose: options.Verbose = False,
) -> None:
    """Compare two configurations or results: ratio and verdict.

    Two configurations are measured now: two live workers (one, where only the loop differs), block
    by block in random order. Two stored results are compared by the medians of their processes,
    with the warning that they were not interleaved; unlike conditions are refused unless allowed.

    With labelled --data, or results that have an accuracy, the accuracy of both is compared on the
    same samples, too.

    Two folders (of suites, too) are compared row by row, matched by title and model, with p values
    corrected for the number of rows.

    Examples:

      edgeloop compare model.tflite@litert model.tflite@tflite

      edgeloop compare model.tflite@litert,loop=native model.tflite@litert,loop=binding

      edgeloop compare base.edgeloop.jsonl new.edgeloop.jsonl --fail-on slower:2%

      edgeloop compare results/main results/branch --fail-on slower:2% --markdown -
    """
    require_writable(json)
    require_writable(markdown, "--markdown")
    checks = [_check(text) for text in fail_on or ()]
    from edgeloop.cli.pages.comparison import comparison_page
    from edgeloop.remote.measuring import compare_anywhere
    from edgeloop.results.compare import compare_stored, holds_results, is_result, parse_delta

    share = parse_delta(delta)
    a, b = _stored(a), _stored(b)
    if holds_results(a) or holds_results(b):
        _compare_folders(a, b, share, allow or (), checks, markdown, json)
        return
    if markdown is not None or any(verdict == "missing" for verdict, _ in checks):
        raise UsageError("--markdown and --fail-on missing are for folders of results")
    if is_result(a) != is_result(b):
        raise UsageError("one side is a stored result, the other is not: give two of one kind")
    observer = TerminalObserver()
    if is_result(a):
        compared = compare_stored(a, b, share, allow or ())
    else:
        compared = compare_anywhere(a, b, spec, share, observer, save=not no_save, out=out)
    observer.clear()
    try:
        show(lambda: comparison_page(compared, verbose=verbose), compared.as_dict, json)
    finally:
        for path in () if is_result(a) else compared.results:
            if path is not None:
                typer.echo(f"result: {path}", err=True)
    if compared.error is not None:
        raise compared.error
    _require(compared, checks)


def _stored(side: str) -> str:
    """Return the path of a result that is named by its number, and anything else as it is."""
    if not side.isdigit() or Path(side).exists():
        return side
    from edgeloop.results.history import find_kept

    return find_kept(side)


def _compare_folders(
    base: str,
    new: str,
    share: float,
    allow: Sequence[str],
    checks: Sequence[tuple[str, float]],
    markdown: Optional[str],
    json: Optional[str],
) -> None:
    from edgeloop.cli.pages.comparison import folder_markdown, folder_page
    from edgeloop.results.compare import compare_folders, require

    compared = compare_folders(base, new, share, allow)
    if markdown is not None:
        write_text(folder_markdown(compared), markdown, "--markdown")
    if markdown != STDOUT or json == STDOUT:
        show(lambda: folder_page(compared), compared.as_dict, json)
    elif json is not None:
        write_json(compared.as_dict(), json)
    require(compared, checks)


def _check(text: str) -> tuple[str, float]:
    """Read slower:2%; without a share any difference that the verdict rests on counts."""
    from edgeloop.results.compare import parse_delta

    verdict, colon, share = text.partition(":")
    if verdict not in _VERDICTS:
        raise UsageError(f"unknown value '{verdict}' for --fail-on; known: {', '.join(_VERDICTS)}")
    return verdict.replace("-", " "), parse_delta(share) if colon else 0.0


def _require(compared: "Compared", checks: Sequence[tuple[str, float]]) -> None:
    """Raise CheckFailedError where the verdict is one that the user will not have."""
    for verdict, share in checks:
        if compared.is_worse(verdict, share):
            reason = compared.comparison.reason
            raise CheckFailedError(f"--fail-on {verdict}: {compared.b}: {reason}")
