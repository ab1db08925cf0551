"""How --help looks: commands and options in sections, the rarer options behind --help-all."""

import inspect
import re
import sys
import textwrap
from collections.abc import Iterable
from typing import Any

import typer
import typer.core

from edgeloop.spec.option import SECTIONS

HELP_ALL = "--help-all"

# click's mark of a paragraph that is not broken anew.
_AS_IT_STANDS = "\b\n"

# An option and its value, or a word.
_TOGETHER = re.compile(r"-\S+ [^\s-]\S*|\S+")

# Command → its section of `edgeloop --help`, in the order of the help.
GROUPS = {
    "Measure": ("bench", "overhead", "compare", "eval", "predict", "profile"),
    "Models": ("inspect", "convert", "quantize"),
    "Many measurements": ("sweep", "suite", "results", "report"),
    "This machine": ("demo", "doctor", "setup", "help"),
}


class Commands(typer.core.TyperGroup):
    """The list of commands, in sections, each with its whole first line."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands."""
        for title, names in GROUPS.items():
            rows = [(name, _first_line(self.commands[name])) for name in names]
            with formatter.section(title):
                formatter.write_dl(rows, col_max=12)


class Command(typer.core.TyperCommand):
    """The options of a command, in sections; what most people never need is behind --help-all."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write the description; an example stays a command that can be copied."""
        with formatter.indentation():
            for paragraph in inspect.cleandoc(self.help or "").split("\n\n"):
                formatter.write_paragraph()
                if paragraph.startswith(_AS_IT_STANDS):
                    lines = paragraph[len(_AS_IT_STANDS) :].strip("\n").split("\n")
                    formatter.write("".join(f"  {line}\n" if line else "\n" for line in lines))
                elif paragraph.startswith("  "):
                    formatter.write(_example(paragraph, formatter.width - 8))
                else:
                    formatter.write(_wrapped(paragraph, formatter.width))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options."""
        everything = HELP_ALL in sys.argv
        left_out = 0
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if parameter.param_type_name == "argument":
                name, words = _record(parameter, ctx)
                row = (name.replace(" <str>", ""), words.replace("  [required]", ""))
                sections.setdefault("Arguments", []).append(row)
            elif parameter.name == "help" and not everything:
                continue
            elif getattr(parameter, "hidden", False) and not everything:
                left_out += 1
            else:
                title = getattr(parameter, "rich_help_panel", None) or "Options"
                sections.setdefault(title, []).append(_record(parameter, ctx))
        for title in _ordered(sections):
            with formatter.section(title):
                formatter.write_dl(sections[title], col_max=26)
        if left_out:
            formatter.write_paragraph()
            more = "option" if left_out == 1 else "options"
            formatter.write_text(f"{left_out} more {more}: edgeloop {ctx.info_name} {HELP_ALL}")


def _wrapped(paragraph: str, width: int) -> str:
    """Return a paragraph in lines; --options keep their hyphens together."""
    text = " ".join(paragraph.split())
    return textwrap.indent(textwrap.fill(text, width - 2, break_on_hyphens=False), "  ") + "\n"


def _example(command: str, width: int) -> str:
    """Return a command, indented; a line that is too long goes on behind a backslash."""
    lines = [""]
    for words in _TOGETHER.findall(command):
        if lines[-1] and len(lines[-1]) + 1 + len(words) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {words}".lstrip()
    return "    " + " \\\n      ".join(lines) + "\n"


def _record(parameter: Any, ctx: Any) -> tuple[str, str]:
    """Return the flags and words of an option, also of one that is hidden."""
    hidden, parameter.hidden = getattr(parameter, "hidden", False), False
    try:
        record = parameter.get_help_record(ctx)
    finally:
        parameter.hidden = hidden
    assert record is not None
    return (str(record[0]), str(record[1]))


def _ordered(sections: Iterable[str]) -> list[str]:
    """Return the titles: arguments, the command's own options, then the declared sections."""
    order = ("Arguments", "Options", *SECTIONS)
    return sorted(sections, key=order.index)


def _first_line(command: Any) -> str:
    return (command.help or "").strip().split("\n")[0].rstrip(".")
