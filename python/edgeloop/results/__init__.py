"""Results: what was measured, how it is written, and how every version of it is read."""

from __future__ import annotations
