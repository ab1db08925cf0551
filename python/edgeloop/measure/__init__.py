"""Measuring: workers that hold a runtime, the blocks they time, and who decides what runs next."""

from __future__ import annotations
