"""How good the answers are."""

from __future__ import annotations
