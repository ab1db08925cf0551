"""What a shell completes: runtimes, loops, delegates, choices, results, topics; files by itself."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from typing import Optional

from edgeloop.spec.option import Option

Completer = Callable[[str], list[str]]

_VARIABLE = "_EDGELOOP_COMPLETE"
_INSTALL = ("--install-completion", "--show-completion")


def completing() -> bool:
    """Return whether a shell asks for completions, and not a person for a command."""
    return _VARIABLE in os.environ


def completed_words() -> list[str]:
    """Return the words after the program's name that the shell has so far."""
    line = os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS", "")
    try:
        return shlex.split(line)[1:]
    except ValueError:  # a quote that is still open
        return line.split()[1:]


def wants_completion(arguments: Iterable[str]) -> bool:
    """Return whether the options that install completion are needed."""
    named = [one for one in arguments if not one.startswith("-")]
    return completing() or not named or any(one in arguments for one in _INSTALL)


def of_option(name: str, said: Option) -> Optional[Completer]:
    """Return what completes the value of an option, None for what only its user knows."""
    if said.choices:
        return of_words(lambda: said.choices)
    words = {"runtimes": _runtimes, "loops": _loops, "delegate": _delegates}.get(name)
    return None if words is None else of_words(words)


def of_words(words: Callable[[], Iterable[str]]) -> Completer:
    """Return a completer over words that are looked up when they are asked for."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words() if word.startswith(incomplete)]

    return complete


def results() -> list[str]:
    """Return the names of the stored results, the newest first."""
    from edgeloop.results.store import SUFFIX, default_folder

    folder = default_folder()
    if not folder.is_dir():
        return []
    return sorted((path.name for path in folder.glob(f"*{SUFFIX}")), reverse=True)


def _runtimes() -> tuple[str, ...]:
    from edgeloop.runtimes import known_names

    return (*known_names(), "all")


def _loops() -> tuple[str, ...]:
    from edgeloop.spec.load import LOOPS

    return LOOPS


def _delegates() -> tuple[str, ...]:
    from edgeloop.spec.delegates import KNOWN

    return KNOWN
