"""`edgeloop report`."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from edgeloop.cli.completion import of_words, results
from edgeloop.cli.output import say

Places = Annotated[
    Optional[list[str]],
    typer.Argument(
        metavar="[RESULT]...",
        help="Result files, folders of them, or numbers of `results list`. Default: the newest.",
        autocompletion=of_words(results),
        show_default=False,
    ),
]


def report(
    places: Places = None,
    html: Annotated[
        Optional[str],
        typer.Option(
            "--html", metavar="FILE", help="One HTML file with all charts.", show_default=False
        ),
    ] = None,
    markdown: Annotated[
        Optional[str],
        typer.Option(
            "--markdown", metavar="FILE", help="Tables; '-' is stdout.", show_default=False
        ),
    ] = None,
    csv: Annotated[
        Optional[str],
        typer.Option(
            "--csv",
            metavar="FILE",
            help="One line for each result, units in the names; '-' is stdout.",
            show_default=False,
        ),
    ] = None,
    plots: Annotated[
        Optional[str],
        typer.Option(
            "--plots",
            metavar="FOLDER",
            help="Write each chart to a file in this folder.",
            show_default=False,
        ),
    ] = None,
    plot_format: Annotated[
        str, typer.Option("--plot-format", metavar="svg|png", help="File format of --plots.")
    ] = "svg",
    detail: Annotated[
        bool,
        typer.Option("--detail", help="Charts of each run even where there are more than 20."),
    ] = False,
    with_published: Annotated[
        bool,
        typer.Option(
            "--with-published",
            help="Show what others published for the same networks, marked as theirs.",
        ),
    ] = False,
    title: Annotated[
        str, typer.Option("--title", metavar="TEXT", help="Heading of the HTML page.")
    ] = "edgeloop",
) -> None:
    """Put results side by side: HTML, Markdown, CSV, charts.

    Without an option the tables are printed as Markdown. The HTML file needs no network and holds
    no script; charts need matplotlib (pip install 'edgeloop[report]').

    Examples:

      edgeloop report

      edgeloop report results/ --html report.html --with-published

      edgeloop report a.edgeloop.jsonl b.edgeloop.jsonl --csv -

      edgeloop report results/ --plots charts --plot-format png
    """
    from edgeloop.report.write import ReportTargets, write_report

    targets = ReportTargets(html, markdown, csv, plots, plot_format)
    written = write_report(_named(places), targets, title, detail, with_published, typer.echo)
    for line in written:
        say(line)


def _named(places: Optional[list[str]]) -> list[str]:
    """Return files and folders; what is neither is a number or a name in the results folder."""
    from edgeloop.results.history import find_kept

    return [
        place if "/" in place or Path(place).exists() else find_kept(place)
        for place in places or ("1",)
    ]
