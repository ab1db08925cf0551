"""One entry of a suite: one model in one runtime with its options, and what is done before."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Optional

from edgeloop.results.store import SUFFIX
from edgeloop.spec.run import RunSpec

# Of an entry's name, as much as leaves room for the rest in the 255 bytes of a file name.
_NAME_CHARACTERS = 120

_DEFAULTS = RunSpec(model="")

# What every name shows, in this order; the others only where they are not the default.
_SHOWN = ("threads", "delegate", "provider", "torch_mode", "loops", "batch_size")

# What decides how precisely is measured, where and with which files, not what is measured.
_NOT_SHOWN = (
    *("model", "runtimes", "settings", "effort", "budget_s", "processes", "timeout_s", "data"),
    *("percentiles", "warmup", "seed", "strict", "python", "host"),
)


@dataclass(frozen=True)
class Conversion:
    """What is made of a model before it is measured; equal ones are made once."""

    to: Optional[str] = None
    """The format; None: the one that it has."""
    precision: Optional[str] = None
    """Quantise it to this; None: as it is."""
    representative_data: Optional[str] = None
    samples: int = 200
    layout: str = "keep"


@dataclass(frozen=True)
class Entry:
    """One row of a suite."""

    model_name: str
    spec: RunSpec
    """Names one model (the source, where there is a conversion) and one runtime."""
    conversion: Optional[Conversion] = None
    environment: Optional[str] = None
    """The managed environment that measures; None: the spec's interpreter."""
    model_sha256: Optional[str] = None
    line: int = field(default=1, compare=False)
    """Where the suite asks for it."""

    @property
    def runtime(self) -> str:
        """The runtime, or plugin=PATH."""
        return self.spec.runtimes[0]

    @property
    def name(self) -> str:
        """The entry as one string, like the title of a result."""
        spec = self.spec
        parts = [f"{self.model_name}@{self.runtime}"]
        if self.conversion is not None:
            parts += [f"to={self.conversion.to}"] if self.conversion.to else []
            precision = self.conversion.precision
            parts += [f"precision={precision}"] if precision else []
        for name in (*_SHOWN, *_other_fields()):
            value = getattr(spec, name)
            if value != getattr(_DEFAULTS, name):
                parts.append(f"{name.replace('_', '-')}={_text(value)}")
        parts += [f"{key}={value}" for key, value in spec.settings.items()]
        return ",".join(parts)

    @property
    def id(self) -> str:
        """Identifies it among all entries; other content of the model file makes another key."""
        text = json.dumps(
            [asdict(self.spec), self.environment, self.model_sha256, self._conversion()],
            sort_keys=True,
            default=str,
        )
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def file_name(self) -> str:
        """The name of its result."""
        stem = re.sub(r"[^A-Za-z0-9._=-]+", "-", self.name)[:_NAME_CHARACTERS].strip("-.")
        return f"{stem}-{self.id}{SUFFIX}"

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        spec = asdict(self.spec)
        changed = {name: value for name, value in spec.items() if value != getattr(_DEFAULTS, name)}
        return {
            "id": self.id,
            "name": self.name,
            "line": self.line,
            "model_sha256": self.model_sha256,
            "environment": self.environment,
            "conversion": self._conversion(),
            "options": json.loads(json.dumps(changed)),
        }

    def _conversion(self) -> Optional[dict[str, Any]]:
        return None if self.conversion is None else asdict(self.conversion)


def _other_fields() -> list[str]:
    return [one.name for one in fields(RunSpec) if one.name not in (*_SHOWN, *_NOT_SHOWN)]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "+".join(f"{key}:{_text(one)}" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return "+".join(str(one) for one in value)
    return Path(value).name if isinstance(value, str) and value.startswith("/") else str(value)
