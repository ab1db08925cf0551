"""`edgeloop results list|show|prune`."""

import time
from pathlib import Path
from typing import Annotated, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.completion import of_words
from edgeloop.cli.completion import results as stored_results
from edgeloop.cli.layout import Command
from edgeloop.cli.output import require_writable, say, show
from edgeloop.errors import UsageError, printable

results = typer.Typer(
    name="results",
    help="List, show and remove stored results.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[
    Optional[str],
    typer.Option(
        "--folder",
        metavar="PATH",
        help="Folder of the results. Default: $XDG_DATA_HOME/edgeloop/results.",
        show_default=False,
    ),
]
ByModel = Annotated[
    Optional[str],
    typer.Option(
        "--model",
        metavar="NAME",
        help="Only of this model: part of the file's name, or 8 or more digits of its SHA-256.",
        show_default=False,
    ),
]
ByRuntime = Annotated[
    Optional[str],
    typer.Option(
        "--runtime", "-r", metavar="NAME", help="Only of this runtime.", show_default=False
    ),
]
ByBoard = Annotated[
    Optional[str],
    typer.Option(
        "--board",
        metavar="NAME",
        help="Only of boards whose name contains this.",
        show_default=False,
    ),
]


@results.command("list", cls=Command)
def list_results(
    folder: Folder = None,
    model: ByModel = None,
    runtime: ByRuntime = None,
    board: ByBoard = None,
    json: options.Json = None,
) -> None:
    """List the results, the newest last.

    Each has its number, when, what and where it was measured, and the median.

    `results show`, `compare` and `report` take these numbers; 1 is the newest. Results of suites
    are among them. Of each file only the first and the last line are read; one that cannot be read
    is named on stderr.

    Examples:

      edgeloop results list

      edgeloop results list --model mobilenet --runtime litert --board "Raspberry Pi 5"
    """
    require_writable(json)
    from edgeloop.cli.pages.history import history_page
    from edgeloop.results.history import HistoryFilter, history

    every, unreadable = history(_folder(folder))
    numbers = {entry.path: len(every) - index for index, entry in enumerate(every)}
    wanted = HistoryFilter(model, runtime, board)
    entries = [entry for entry in every if wanted.passes(entry)]
    show(
        lambda: history_page(entries, numbers), lambda: [entry.as_dict() for entry in entries], json
    )
    for sentence in unreadable:
        say(f"edgeloop: {sentence}")


@results.command("show", cls=Command)
def show_result(
    result: Annotated[
        str,
        typer.Argument(
            metavar="RESULT",
            help="Its number in `results list`, its path, or the beginning of its name.",
            autocompletion=of_words(stored_results),
        ),
    ],
    folder: Folder = None,
    json: options.Json = None,
    verbose: options.Verbose = False,
) -> None:
    """Print a result as when it was measured.

    Example:

      edgeloop results show 1

      edgeloop results show 20261125-0930
    """
    require_writable(json)
    from edgeloop.cli.measuring import brief_page, result_page
    from edgeloop.results.document import odd_fields
    from edgeloop.results.history import find_result
    from edgeloop.results.store import read_result

    stored = read_result(str(find_result(result, _folder(folder))))
    page = result_page if verbose else brief_page
    with odd_fields(stored.path):
        show(lambda: page(stored), stored.as_dict, json)


@results.command("prune", cls=Command)
def prune(
    folder: Folder = None,
    model: ByModel = None,
    runtime: ByRuntime = None,
    board: ByBoard = None,
    older_than: Annotated[
        Optional[float],
        typer.Option("--older-than", metavar="DAYS", help="Only older ones.", show_default=False),
    ] = None,
    keep: Annotated[
        int,
        typer.Option(
            "--keep", metavar="N", help="Keep the newest N of each configuration on each board."
        ),
    ] = 1,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove them; otherwise they are only listed.")
    ] = False,
) -> None:
    """Remove results that a newer one repeats.

    The newest of each configuration on each board stays.

    Results that differ in data set, effort or any option are different configurations. Without
    --yes nothing is removed.

    Examples:

      edgeloop results prune --older-than 90

      edgeloop results prune --keep 10 --model mobilenet --yes
    """
    if keep < 0 or (older_than is not None and older_than < 0):
        raise UsageError("--keep and --older-than must be at least 0")
    from edgeloop.results.history import HistoryFilter, history, remove, to_prune

    entries, _ = history(_folder(folder), HistoryFilter(model, runtime, board))
    old = to_prune(entries, time.time(), older_than, keep)
    removed = 0
    for entry in remove(old) if yes else old:
        typer.echo(printable(f"{'removed' if yes else 'would remove'} {entry.path}"))
        removed += 1
    hint = "" if yes or not old else "; --yes removes them"
    typer.echo(f"{removed} of {len(entries)} results{hint}", err=True)


def _folder(folder: Optional[str]) -> Path:
    from edgeloop.results.store import default_folder

    return default_folder() if folder is None else Path(folder)
