"""The demo's network as a class, for its state dict and its pickled module."""

from __future__ import annotations

import torch
from torch import nn


class Digits(nn.Module):
    """Seven layers over 1x1x8x8 images, with the batch normalisation folded into the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([
            nn.Conv2d(1, 16, 3, padding=1),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.Conv2d(32, 32, 3, padding=1, groups=32),
            nn.Conv2d(32, 32, 1),
            nn.Conv2d(32, 32, 3, padding=1, groups=32),
            nn.Conv2d(32, 32, 1),
        ])  # fmt: skip
        self.line = nn.Linear(32, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            image = torch.relu(layer(image))
        return self.line(image.mean((2, 3)))
