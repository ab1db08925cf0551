"""The fewest multiplications that a convolution can be done with.

Winograd's F(4x4, 3x3) does a 3x3 convolution of stride 1 with a quarter of the multiplications
(Lavin & Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016, section 4.1). Runtimes
use it without saying so: what judges a measured time by its work must allow for it.
"""

from __future__ import annotations

from collections.abc import Sequence

SAVING = 4


def fewest_multiplications(
    macs: int, kernel: Sequence[int], source: Sequence[int], result: Sequence[int]
) -> int:
    """Return the fewest multiplications of a convolution of `macs` multiply-accumulates.

    `kernel`, `source` and `result` are the spatial sizes of weights, input and output. The stride
    is told from the sizes; where they are too small to tell, it is taken for 1.
    """
    if tuple(kernel) != (3, 3) or len(source) != 2 or len(result) != 2:
        return macs
    stride_1 = all(2 * out > size or out >= size - 2 for size, out in zip(source, result))
    return -(-macs // SAVING) if stride_1 else macs
