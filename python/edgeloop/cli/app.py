"""The typer app: the commands, `--version`, and one place where errors become exit codes."""

import errno
import os
import traceback
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Annotated, Any, Optional

import typer

import edgeloop
from edgeloop.cli.completion import completed_words, completing, wants_completion
from edgeloop.cli.layout import HELP_ALL, Command, Commands
from edgeloop.cli.output import abandon_stdout, say
from edgeloop.errors import (
    CANNOT_BE_WRITTEN,
    CannotWriteError,
    EdgeloopError,
    InterruptedRunError,
    RuntimeFailedError,
    UsageError,
    plain,
)

INTERRUPTED = 130

# Files, processes and memory: the limits of a process, or the machine's.
_TOO_LITTLE = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)


class _Commands(Commands):
    """The commands; what typer would make a silent exit code is treated before it sees it."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise InterruptedRunError("interrupted") from None
        except BrokenPipeError:
            # The reader of our output has gone (`| head`): there is no one left to write to.
            abandon_stdout()
            return 0


# Command → its module and object, and the line that stands for it in the list of commands.
COMMANDS: dict[str, tuple[str, str]] = {
    "bench": ("bench.bench", "Measure the latency of a model, with an interval per figure."),
    "overhead": ("overhead.overhead", "Measure how much of the time is Python."),
    "compare": ("compare.compare", "Compare two configurations or results: ratio and verdict."),
    "eval": ("evaluate.evaluate", "Measure the accuracy of a model on a data set."),
    "predict": ("predict.predict", "Show what a model sees in pictures: classes or boxes."),
    "profile": ("profile.profile", "Show which operators take the time, and who ran them."),
    "inspect": (
        "inspect.inspect",
        "Describe a model file: tensors, operators, parameters, MACs.",
    ),
    "convert": ("convert.convert", "Convert a model to another format, and verify the result."),
    "quantize": ("quantize.quantize", "Quantise a model: smaller and faster, and what that costs."),
    "sweep": ("sweep.sweep", "Measure a model in every runtime that fits: one table."),
    "suite": ("suite.suite", "Measure a matrix of models, runtimes and options (TOML)."),
    "results": ("results.results", "List, show and remove stored results."),
    "report": ("report.report", "Put results side by side: HTML, Markdown, CSV, charts."),
    "demo": ("demo.demo", "Try edgeloop in a minute, on the bundled model."),
    "doctor": ("doctor.doctor", "Check this machine: board, clock, runtimes, disturbances."),
    "setup": ("setup.setup", "Install converters, old runtimes and engines."),
    "help": ("help.show_help", "Print a help topic, or list the topics."),
}


def app_with(wanted: Collection[str], with_completion: bool = False) -> typer.Typer:
    """Return the app in which these commands have their options, and the others their words.

    Only the commands that are wanted are imported: hundreds of options take longer to set up than
    the help takes to print.
    """
    app = typer.Typer(
        name="edgeloop",
        cls=_Commands,
        help="How fast, how accurate and how costly is this model in this runtime, and how much of "
        "that is Python?",
        no_args_is_help=True,
        add_completion=with_completion,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help", HELP_ALL]},
    )
    app.callback()(_options)
    for name, (place, summary) in COMMANDS.items():
        if name not in wanted:
            app.command(name, help=summary)(_listed)
            continue
        module, _, attribute = place.partition(".")
        command = getattr(import_module(f"edgeloop.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command)
        else:
            app.command(name, cls=Command)(command)
    return app


def _listed() -> None:
    """Stand in the list of commands for one that was not asked for."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edgeloop {edgeloop.__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        Optional[bool],
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; works in any position.")
    ] = False,
) -> None:
    """Take the options of all commands; `run` has read --debug before this is called."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    An error is one sentence on stderr; a traceback only with --debug (or EDGELOOP_DEBUG=1).
    """
    debug = "--debug" in arguments or bool(os.environ.get("EDGELOOP_DEBUG"))
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        words = completed_words() if completing() else arguments
        named = [word for word in words if not word.startswith("-")][:1]
        app = app_with(named, wants_completion(arguments))
        code = app(args=list(arguments), standalone_mode=False)
    except EdgeloopError as error:
        if debug:
            traceback.print_exc()
        say(f"edgeloop: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        typer.echo("edgeloop: interrupted", err=True)
        return INTERRUPTED
    except OSError as error:
        return _system(error, debug)
    except Exception as error:
        return _foreign(error, debug)
    return code if isinstance(code, int) else 0


def _system(error: OSError, debug: bool) -> int:
    """Report what the system refuses to a path, or to our output."""
    if error.errno == errno.ENAMETOOLONG:
        say(f"edgeloop: {plain(str(error.filename))} is too long for the name of a file")
        return UsageError.exit_code
    if error.errno in _TOO_LITTLE:
        say(
            f"edgeloop: this process may have no more of what it needs ({error.strerror}); "
            "see 'ulimit -a', and raise the limit"
        )
        return RuntimeFailedError.exit_code
    if error.errno not in CANNOT_BE_WRITTEN:
        return _foreign(error, debug)
    abandon_stdout()
    typer.echo(f"edgeloop: the output cannot be written: {error.strerror}", err=True)
    return CannotWriteError.exit_code


def _foreign(error: Exception, debug: bool) -> int:
    """Report what the option parser raises, or a fault of our own."""
    show = getattr(error, "show", None)
    if show is not None:
        show()
        return int(getattr(error, "exit_code", 2))
    if type(error).__name__ == "Abort":
        typer.echo("edgeloop: interrupted", err=True)
        return INTERRUPTED
    if isinstance(error, MemoryError):
        say("edgeloop: this machine has too little free memory for that")
        return RuntimeFailedError.exit_code
    if debug:
        traceback.print_exc()
    say(
        f"edgeloop: internal error: {type(error).__name__}: {error}; please report it with the "
        "output of the same command and --debug"
    )
    return EdgeloopError.exit_code
