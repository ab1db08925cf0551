"""What goes into a model: synthetic inputs, npz files, and the way to quantised tensors and back."""

from __future__ import annotations
