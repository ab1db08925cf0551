"""A share of samples with Wilson's interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

# Two-sided 95 % quantile of the normal distribution.
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Proportion:
    """`count` of n samples."""

    count: int
    n: int

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.count / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval at 95 % (E. B. Wilson 1927)."""
        centre = self.value + Z95**2 / (2 * self.n)
        half = Z95 * sqrt(self.value * (1 - self.value) / self.n + (Z95 / (2 * self.n)) ** 2)
        scale = 1 + Z95**2 / self.n
        return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)

    def fields(self, name: str) -> dict[str, Any]:
        """Return the metric `name` and its interval."""
        return {name: self.value, f"{name}_ci95": list(self.interval)}
