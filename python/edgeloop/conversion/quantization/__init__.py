"""Quantisation: one file per method, and the report on what it gained and what it cost."""
