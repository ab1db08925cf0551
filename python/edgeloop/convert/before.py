"""Convert a model before it is measured, once: the result is kept and used again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

import edgeloop
from edgeloop.convert.edge import ConversionOptions
from edgeloop.convert.run import EXTENSIONS, ConversionSpec, convert, plan_conversion
from edgeloop.convert.sidecar import read_sidecar
from edgeloop.errors import CannotWriteError, CheckFailedError
from edgeloop.measure.observer import Observer
from edgeloop.models.formats import detect_format, sha256_of
from edgeloop.names import canonical
from edgeloop.spec import RunSpec, input_source


@dataclass(frozen=True)
class Wanted:
    """How a model is converted before it is measured."""

    target: str
    """The format."""
    via: Sequence[str] = ()
    opset: Optional[int] = None
    layout: str = "keep"


def converted(spec: RunSpec, wanted: Wanted, observer: Observer) -> RunSpec:
    """Return the spec of the converted model; a model of that format already is left alone.

    Raises CheckFailedError where the result does not agree with the model: it is not measured.
    """
    if detect_format(spec.model).format == canonical(wanted.target):
        return spec
    conversion = _conversion(spec, wanted)
    edges = [step.edge for step in plan_conversion(conversion).steps]
    name = Path(spec.model).stem + EXTENSIONS[edges[-1].target]
    path, kept = place_of(spec.model, conversion.options, [edge.name for edge in edges], name)
    if not kept:
        report = convert(replace(conversion, out=str(path), force=True), observer)
        if report.verification.passed is False:
            raise CheckFailedError(
                f"{spec.model} as {report.format} was not measured, because it does not agree with "
                f"the model: {report.verification.faults[0]}; it was kept as {report.path}"
            )
    observer.phase(f"{path}: {'converted before' if kept else 'converted now'}, and verified")
    return without_source(spec, path)


def without_source(spec: RunSpec, path: Path) -> RunSpec:
    """Return the spec of the model that was made, without what it says of the source."""
    return replace(
        spec,
        model=str(path),
        batch_size=None,
        shapes={},
        settings={},
        model_class_path=None,
        model_class_name=None,
        trust_pickle=False,
    )


def _conversion(spec: RunSpec, wanted: Wanted) -> ConversionSpec:
    return ConversionSpec(
        model=spec.model,
        target=wanted.target,
        via=tuple(wanted.via),
        python=spec.python,
        options=ConversionOptions(
            opset=wanted.opset,
            layout=wanted.layout,
            batch_size=spec.batch_size or 0,
            shapes=spec.shapes,
            settings=spec.settings,
            model_class_path=spec.model_class_path,
            model_class_name=spec.model_class_name,
            trust_pickle=spec.trust_pickle,
        ),
        inputs=input_source(spec.seed, spec.data, spec.x_key, spec.y_key, spec.data_layout),
        timeout_s=max(spec.timeout_s, ConversionSpec.timeout_s),
    )


def place_of(
    model: str, options: ConversionOptions, steps: Sequence[object], name: str
) -> tuple[Path, bool]:
    """Return where what is made of a model is kept, and whether it is there from before.

    It is a folder of its own for this model, these options and these steps (JSON-able).
    Raises CannotWriteError.
    """
    source = options.model_class_path
    key = json.dumps(
        [
            edgeloop.__version__,
            sha256_of(model),
            None if source is None or not Path(source).is_file() else sha256_of(source),
            steps,
            options.as_dict(),
        ]
    )
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    folder = Path(home) / "edgeloop" / "converted" / digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWriteError(f"{folder} cannot be made: {error.strerror}") from error
    path = folder / name
    return path, path.exists() and read_sidecar(str(path)) is not None
