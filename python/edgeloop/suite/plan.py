"""What a suite is going to do: entries in their order, conversions, the time it may take."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from edgeloop.stats.stopping import PRESETS
from edgeloop.suite.conversions import Made, conversions_of
from edgeloop.suite.definition import Definition
from edgeloop.suite.entry import Entry
from edgeloop.suite.matrix import LeftOut, Matrix


@dataclass(frozen=True)
class Plan:
    """A matrix in the order of its measurement."""

    name: str
    file: str
    command: str
    order_seed: int
    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def conversions(self) -> list[Made]:
        """What has to be made before, each once."""
        return conversions_of(self.entries)

    @property
    def sha256(self) -> str:
        """The hash of the resolved matrix, whatever its order."""
        ids = "\n".join(sorted(entry.id for entry in self.entries))
        return hashlib.sha256(f"{self.command}\n{ids}".encode()).hexdigest()

    def journal_document(self) -> dict[str, Any]:
        """Return the first line of the journal."""
        import edgeloop

        return {
            "name": self.name,
            "file": self.file,
            "command": self.command,
            "edgeloop": edgeloop.__version__,
            "order_seed": self.order_seed,
            "sha256": self.sha256,
            "entries": [{"id": entry.id, "name": entry.name} for entry in self.entries],
        }

    def as_dict(self) -> dict[str, Any]:
        """Return what `--plan --json` prints."""
        return {
            **self.journal_document(),
            "entries": [entry.as_dict() for entry in self.entries],
            "left_out": [{"name": one.name, "reason": one.reason} for one in self.left_out],
            "conversions": [
                {
                    "model": made.model,
                    "to": made.conversion.to,
                    "precision": made.conversion.precision,
                    "entries": [entry.id for entry in made.entries],
                }
                for made in self.conversions
            ],
            "at_most_s": at_most_s(self.entries),
        }


def make_plan(
    definition: Definition,
    matrix: Matrix,
    order_seed: Optional[int],
    first: Sequence[str] = (),
) -> Plan:
    """Put the entries in a random order, so that drift does not fall on one model or runtime.

    `first`: the ids of an earlier plan's entries, which keep their order and come first.
    """
    seed = order_seed if order_seed is not None else definition.order_seed
    if seed is None:
        seed = random.SystemRandom().randrange(2**32)
    by_id = {entry.id: entry for entry in matrix.entries}
    added = [entry for entry in matrix.entries if entry.id not in first]
    random.Random(seed).shuffle(added)
    return Plan(
        name=definition.name,
        file=str(definition.file.path.absolute()),
        command=definition.command,
        order_seed=seed,
        entries=(*(by_id[one] for one in first), *added),
        left_out=matrix.left_out,
    )


def at_most_s(entries: Sequence[Entry]) -> Optional[float]:
    """Return what measuring the entries takes at most; None where a fixed count decides."""
    if any(entry.spec.runs is not None for entry in entries):
        return None
    return sum(entry.spec.budget_s or PRESETS[entry.spec.effort].total_seconds for entry in entries)
