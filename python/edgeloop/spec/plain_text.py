"""Names from untrusted files, made fit for one line of a terminal."""

from __future__ import annotations

_LONGEST = 80  # characters; a name is quoted in a sentence, not printed in full


def plain(text: str, longest: int = _LONGEST) -> str:
    """Return `text` without control characters and cut to a length that a sentence bears."""
    shown = "".join(c if c.isprintable() else "?" for c in text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
