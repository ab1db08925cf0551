"""The command line: one file per command; each parses, calls the API and prints."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with the code that says what happened."""
    from edgeloop.cli.app import run

    sys.exit(run(sys.argv[1:]))
