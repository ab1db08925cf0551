"""How names are written: hyphens in what a user types and reads, underscores accepted."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


def canonical(name: str) -> str:
    """Return a name with hyphens and in lower case."""
    return name.strip().lower().replace("_", "-")


def nearest(name: str, known: Sequence[str]) -> str:
    """Say which known name was probably meant, and which there are."""
    close = get_close_matches(name, known, n=1)
    guess = f"did you mean '{close[0]}'? " if close else ""
    return f"{guess}known: {', '.join(known)}"
