"""Where the channels of an image stand, and the axes that move them."""

from __future__ import annotations

from collections.abc import Sequence

# Rank → the axes that move the channels to the end, and back.
TO_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}
TO_FIRST = {3: (0, 2, 1), 4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}

# A tensor whose last dimension is at most this, and its second more, has its channels last already.
_MOST_COLOURS = 4


def has_channels_first(shape: Sequence[int]) -> bool:
    """Say whether a tensor of this shape is a batch of images, channels before height and width."""
    if len(shape) != 4:
        return False
    _, second, _, last = shape
    return not last <= _MOST_COLOURS < second
