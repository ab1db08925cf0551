"""What several commands take that no spec holds: where their output goes."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from edgeloop.spec.option import OUTPUT

ModelFile = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Model file or SavedModel folder; its format is detected from its content.",
        show_default=False,
    ),
]
Json = Annotated[
    Optional[str],
    typer.Option(
        "--json",
        metavar="FILE",
        help="Write the result as JSON; '-': to standard output, alone.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
Out = Annotated[
    Optional[str],
    typer.Option(
        "--out",
        metavar="PATH",
        help="Folder of the result, or its file. Default: the results folder.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
NoSave = Annotated[
    bool,
    typer.Option("--no-save", help="Keep no result file.", rich_help_panel=OUTPUT, hidden=True),
]
