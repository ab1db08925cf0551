"""What goes into a model: synthetic inputs, npz files, the way to quantised tensors and back."""

from __future__ import annotations
