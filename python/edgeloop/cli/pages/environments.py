"""What `edgeloop setup` installs, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeloop.cli.pages.columns import columns

if TYPE_CHECKING:
    from edgeloop.envs.managed import EnvironmentState


def environments_page(states: Sequence[EnvironmentState]) -> str:
    """Return what `edgeloop setup --list` prints."""
    rows = [("name", "state", "for", "where")]
    rows += [(state.name, state.state, state.purpose, state.folder) for state in states]
    return columns(rows, indent="")
