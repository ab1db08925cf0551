"""Fixed work around a block: how long it took, and who else had the CPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from edgeloop.errors import reasoned
from edgeloop.results.fields import mapping, number_or_null, whole, whole_or_null

# The probe takes 0.3 ms, of which this much may pass outside its own thread.
_OWN_SHARE = 0.95

# Others that use less than this of the CPUs are what every machine does beside its work.
_OTHER_CPUS = 0.25
_STOLEN_CPUS = 0.02

_NO_PROBE = "the probe was switched off"


@dataclass(frozen=True)
class Probe:
    """The fixed-work probes of one block, which take as long as ever unless something slowed it."""

    before_ns: int
    after_ns: int
    """Each the fastest of three chains of dependent multiplications (cpp/src/probe.cpp)."""
    cpu_share: Optional[float] = None
    """CPU time of the probing thread over wall time; the smaller of the two probes'."""
    other_cpus: Optional[float] = None
    """CPUs that other programs kept busy over the half second up to the end of the block."""
    stolen_cpus: Optional[float] = None
    """CPUs that the hypervisor withheld in that time."""

    @property
    def disturbed(self) -> bool:
        """Tell whether there is a sign that others had the core."""
        return (
            (self.cpu_share is not None and self.cpu_share < _OWN_SHARE)
            or (self.other_cpus or 0.0) >= _OTHER_CPUS
            or (self.stolen_cpus or 0.0) >= _STOLEN_CPUS
        )

    @property
    def alone(self) -> Optional[bool]:
        """Tell whether the core was the probe's own; None where that cannot be known."""
        if self.disturbed:
            return False
        known = self.cpu_share is not None and self.other_cpus is not None
        return True if known and self.stolen_cpus is not None else None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        unread = "/proc/stat could not be read"
        return {
            "before_ns": self.before_ns,
            "after_ns": self.after_ns,
            **reasoned("cpu_share", self.cpu_share, "the CPU time was not read"),
            **reasoned("other_cpus", self.other_cpus, unread),
            **reasoned("stolen_cpus", self.stolen_cpus, unread),
        }


def read_probe(block: dict[str, Any]) -> Optional[Probe]:
    """Read the probe of a block's JSON form. Raises ModelError where a field is malformed."""
    if "probe" not in block:  # as files were written at first: the slower of the two
        probe_ns = whole_or_null(block, "probe_ns")
        return Probe(probe_ns, probe_ns) if probe_ns else None
    if block["probe"] is None:
        return None
    document = mapping(block["probe"])
    return Probe(
        before_ns=whole(document, "before_ns", least=1),
        after_ns=whole(document, "after_ns", least=1),
        cpu_share=number_or_null(document, "cpu_share"),
        other_cpus=number_or_null(document, "other_cpus"),
        stolen_cpus=number_or_null(document, "stolen_cpus"),
    )


def probe_document(probe: Optional[Probe]) -> dict[str, Any]:
    """Return `probe` of a block's JSON form."""
    return reasoned("probe", None if probe is None else probe.as_dict(), _NO_PROBE)
