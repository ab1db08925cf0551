"""`edgeloop setup`."""

from typing import Annotated

import typer

from edgeloop.errors import UsageError
from edgeloop.names import canonical, nearest

NAMES = ("tflite-c", "tensorrt")


def setup(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help=f"What to install: {', '.join(NAMES)}."),
    ],
) -> None:
    """Install what cannot come with pip, in the data folder.

    tflite-c: the classic TensorFlow Lite C library, taken out of a wheel on the package index
    whose hash is known. Only the library is unpacked, and the command says where it came from.

    tensorrt: the engine for the TensorRT that is on this machine, compiled with the g++ and the
    headers that are here; nothing is downloaded. Do it again after TensorRT was updated.

    Examples:

      edgeloop setup tflite-c

      edgeloop setup tensorrt

      TENSORRT_ROOT=~/TensorRT-10.3.0 edgeloop setup tensorrt
    """
    wanted = [canonical(name) for name in names]
    for name in wanted:
        if name not in NAMES:
            raise UsageError(f"setup knows no '{name}'; {nearest(name, NAMES)}")
    from edgeloop.envs import tensorrt_engine, tflite_c

    install = {"tflite-c": tflite_c.install, "tensorrt": tensorrt_engine.install}
    for name in wanted:
        install[name](lambda line: typer.echo(line, err=True))
