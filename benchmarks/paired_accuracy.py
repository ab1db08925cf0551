"""The paired interval of a difference of accuracy: how often it covers, and how narrow it is.

Coverage is enumerated and not simulated: every outcome of n samples with its probability. The
least over all rows is the one that is stated. Widths are those of two intervals of their own
against the paired one, for models that agree on most samples.

python benchmarks/paired_accuracy.py
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from scipy.stats import binomtest, multinomial

from edgeloop.metrics.paired import bonett_price

# Probability that only the one, and only the other, is right.
CELLS = ((0.005, 0.005), (0.02, 0.02), (0.05, 0.01), (0.1, 0.1), (0.2, 0.05), (0.3, 0.3))
SIZES = (20, 50, 100, 300)


def coverage(n: int, a: float, b: float) -> tuple[float, float]:
    """Return how often the interval holds a − b, and how often McNemar's test rejects a = b."""
    covered = rejected = 0.0
    for first in range(n + 1):
        second = np.arange(n - first + 1)
        cells = np.stack([np.full_like(second, first), second, n - first - second], axis=1)
        for count, chance in zip(second, multinomial.pmf(cells, n, [a, b, 1 - a - b])):
            if chance < 1e-10:
                continue
            low, high = bonett_price(first, int(count), n)
            covered += chance * (low <= a - b <= high)
            differing = first + int(count)
            rejected += chance * (differing > 0 and binomtest(first, differing).pvalue < 0.05)
    return covered, rejected


def main() -> None:
    """Print the table and the two figures."""
    print(f"{'n':>5} {'only A':>7} {'only B':>7} {'covers':>7} {'rejects':>8}")
    least, most_false = 1.0, 0.0
    for n in SIZES:
        for a, b in CELLS:
            covered, rejected = coverage(n, a, b)
            least = min(least, covered)
            if a == b:
                most_false = max(most_false, rejected)
            print(f"{n:5} {a:7.3f} {b:7.3f} {covered:7.3f} {rejected:8.3f}")
    low, high = bonett_price(20, 20, 1000)
    alone = 2 * 1.96 * sqrt(2 * 0.75 * 0.25 / 1000)
    print(
        f"least coverage {least:.3f}, most false verdicts {most_false:.3f}; 1,000 samples, 75 % "
        f"right, 4 % told apart: ±{50 * (high - low):.2f} points, unpaired ±{50 * alone:.2f}"
    )


if __name__ == "__main__":
    main()
