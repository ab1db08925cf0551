"""What `classify` prints."""

from __future__ import annotations

from edgeloop.cli.pages.columns import columns
from edgeloop.measure.classify import Classified, Picture


def classified_page(classified: Classified) -> str:
    """Return the best classes of every picture."""
    parts = [classified.title, *(_picture(picture) for picture in classified.pictures)]
    warnings = [f"warning: {text}" for text in classified.warnings]
    return "\n\n".join([*parts, *warnings])


def _picture(picture: Picture) -> str:
    rows = [("class", "score", "name")]
    rows += [(str(one.number), f"{one.score:.4g}", one.name) for one in picture.answers]
    return f"{picture.path}\n{columns(rows, right=(0, 1))}"
