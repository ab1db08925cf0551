"""Conversions fetch nothing: a worker that converts cannot open a connection to the network."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

# Packages that look for models by themselves honour these.
_VARIABLES = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "ORT_DISABLE_TELEMETRY": "1"}

_RESOLVING = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")


class NetworkRefusedError(OSError):
    """A converter tried to reach the network."""


def refuse_network() -> None:
    """Make every attempt of this process to reach the network an error, from now on.

    By an audit hook of Python, which cannot be taken away again; sockets of the machine itself
    (AF_UNIX) stay allowed.
    """
    os.environ.update(_VARIABLES)
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _RESOLVING:
        raise NetworkRefusedError(f"a converter asked for the host {arguments[0]!r}")
    if event == "socket.connect" and arguments[0].family != socket.AF_UNIX:
        raise NetworkRefusedError(f"a converter tried to connect to {arguments[1]!r}")
