"""Turn the frozen dataclasses of this package into JSON types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


class Document:
    """Give a dataclass `as_dict()`."""

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types; a `<field>_reason` is there only where it says something."""
        document = {
            field.name: _as_json(getattr(self, field.name))
            for field in fields(self)  # type: ignore[arg-type]  # every subclass is a dataclass
        }
        return {
            name: value
            for name, value in document.items()
            if value is not None or not name.endswith("_reason")
        }


def _as_json(value: Any) -> Any:
    if isinstance(value, Document) and is_dataclass(value):
        return value.as_dict()
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    return value
