"""`python -m edgeloop` is the command line."""

from __future__ import annotations

from edgeloop.cli import main

main()
