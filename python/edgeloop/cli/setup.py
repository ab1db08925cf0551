"""`edgeloop setup`."""

import os
from typing import Annotated, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.output import TerminalObserver, require_writable, say, show
from edgeloop.errors import EdgeloopError, InterruptedRunError, UsageError, canonical, nearest

_LIBRARY = "tflite-c"
_ENGINE = "tensorrt"


def setup(
    names: Annotated[
        Optional[list[str]],
        typer.Argument(
            metavar="[NAME]...",
            help="tflite-c, tensorrt, or an environment: edgeloop setup --list.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        Optional[str],
        typer.Option(
            "--from", metavar="FORMAT", help="With --to: what this route needs.", show_default=False
        ),
    ] = None,
    target: Annotated[
        Optional[str], typer.Option("--to", metavar="FORMAT", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Delete instead of install.")] = False,
    listing: Annotated[
        bool, typer.Option("--list", help="Only list what is installed, and where.")
    ] = False,
    python: Annotated[
        Optional[str],
        typer.Option(
            "--python",
            metavar="PATH",
            help="Python that makes the environment.",
            show_default=False,
        ),
    ] = None,
    wheel_dir: Annotated[
        Optional[str],
        typer.Option(
            "--wheel-dir",
            metavar="FOLDER",
            help="Folder with edgeloop's own wheel (also EDGELOOP_WHEELS), where no index has it.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = None,
) -> None:
    """Install converters, old runtimes and engines.

    Environments are made from lock files with hashes, under $XDG_DATA_HOME/edgeloop/envs (or
    EDGELOOP_ENVS), and are used by convert, quantize and eval without being named. An
    interrupted installation is resumed. tflite-c is the classic TensorFlow Lite C library, taken
    from a wheel.

    tensorrt is the engine for the TensorRT of this machine, compiled with the installed g++ and
    headers; nothing is downloaded. Run it again after an update of TensorRT.

    Examples:

      edgeloop setup --list

      edgeloop setup tflite-c

      edgeloop setup convert

      TENSORRT_ROOT=~/TensorRT-10.3.0 edgeloop setup tensorrt

      edgeloop setup --from pytorch --to tflite

      edgeloop setup --remove onnx2tf
    """
    require_writable(json)
    from edgeloop.cli.pages.environments import environments_page
    from edgeloop.conversion.graph import environments_of_route
    from edgeloop.envs import tflite_c
    from edgeloop.envs.managed import environments
    from edgeloop.runtimes import tensorrt_engine

    if listing:
        states = [tflite_c.state(), tensorrt_engine.state(), *environments()]
        show(lambda: environments_page(states), lambda: [s.as_dict() for s in states], json)
        return
    known = (_LIBRARY, _ENGINE, *(state.name for state in environments()))
    chosen = [canonical(name) for name in names or ()]
    for name in chosen:
        if name not in known:
            raise UsageError(f"unknown environment '{name}'; {nearest(name, known)}")
    if (source is None) != (target is None):
        raise UsageError("--from and --to go together: setup --from pytorch --to tflite")
    if source is not None and target is not None:
        chosen += environments_of_route(source, target)
    if everything:
        chosen = [s.name for s in environments() if s.state != "not for this machine"]
        chosen = [_LIBRARY, *chosen]
    if not chosen:
        raise UsageError("name what to install, or use --list, --all, or --from and --to")
    failed: dict[str, EdgeloopError] = {}
    for name in dict.fromkeys(chosen):
        try:
            _remove(name) if remove else _install(name, python, wheel_dir)
        except EdgeloopError as error:  # of --all the others are still of use
            if not everything or isinstance(error, InterruptedRunError):
                raise
            failed[name] = error
            _say(f"{name}: {error}")
    if failed:
        first = next(iter(failed.values()))
        raise type(first)(f"not done, for the reasons above: {', '.join(failed)}")


def _install(name: str, python: Optional[str], wheel_dir: Optional[str]) -> None:
    from edgeloop.envs import create, tflite_c
    from edgeloop.runtimes import tensorrt_engine

    observer = TerminalObserver()
    with observer.busy(f"setting up {name}") as change:

        def watch(text: str) -> None:
            change(f"{name}: {text}")

        if name == _LIBRARY:
            tflite_c.install(observer.note, watch)
        elif name == _ENGINE:
            tensorrt_engine.install(observer.note)
        else:
            wheels = wheel_dir or os.environ.get("EDGELOOP_WHEELS")
            create.create(name, python=python, wheels=wheels, progress=observer.note, watch=watch)


def _remove(name: str) -> None:
    from edgeloop.envs import create, tflite_c
    from edgeloop.runtimes import tensorrt_engine

    if name == _ENGINE:
        there = bool(tensorrt_engine.remove())
    else:
        there = tflite_c.remove() if name == _LIBRARY else create.remove(name)
    _say(f"{name}: deleted" if there else f"{name}: was not there")


def _say(line: str) -> None:
    say(line)
