"""The command line: one file per command; each parses, calls the API and prints."""

from __future__ import annotations

import signal
import sys
from typing import Any


def main() -> None:
    """Run the command line and exit with the code that says what happened."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup and its like ignore it
            signal.signal(number, _end)
    from edgeloop.cli.app import run

    code = run(sys.argv[1:])
    # Python dies of SIGINT where Ctrl-C fell into an exec(), as dataclasses are made with, however
    # it was caught; the next exec() makes it forget.
    exec("")
    sys.exit(code)


def _end(number: int, frame: Any) -> None:
    """End as Ctrl-C does, so that nothing is left behind; a second time at once."""
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt
