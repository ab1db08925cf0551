"""Time per operator: what a runtime's own profiler reports, with what its use costs."""

from __future__ import annotations
