"""`edgeloop setup`."""

from typing import Annotated

import typer

from edgeloop.errors import UsageError
from edgeloop.names import canonical, nearest

NAMES = ("tflite-c",)


def setup(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="What to install: tflite-c.")
    ],
) -> None:
    """Install what cannot come with pip: it is downloaded, checked and put in the data folder.

    tflite-c: the classic TensorFlow Lite C library, taken out of a wheel on the package index
    whose hash is known. Only the library is unpacked, and the command says where it came from.

    Example:

      edgeloop setup tflite-c
    """
    for name in names:
        if canonical(name) not in NAMES:
            raise UsageError(f"setup knows no '{name}'; {nearest(canonical(name), NAMES)}")
    from edgeloop.envs.tflite_c import install

    install(progress=lambda line: typer.echo(line, err=True))
