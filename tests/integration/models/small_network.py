"""A network of three layers, for a 3x8x8 image."""

from __future__ import annotations

import torch
from torch import nn


class Small(nn.Module):
    """Convolution, normalisation, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.linear = nn.Linear(4 * 6 * 6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(torch.relu(self.norm(self.conv(x))).flatten(1))
