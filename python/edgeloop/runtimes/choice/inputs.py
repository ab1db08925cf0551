"""Where the inputs of a model come from: random ones, or the data that the user named."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Optional

from edgeloop.errors import ModelError, UsageError, nearest, plain
from edgeloop.spec.inputs import (
    X_KEY,
    Y_KEY,
    InputSource,
    Preprocess,
    parse_layout,
    parse_preprocess,
)
from edgeloop.spec.resolved import Model
from edgeloop.spec.run import RunSpec


def inputs_of(spec: RunSpec) -> InputSource:
    """Return the data of a spec. Raises UsageError, ModelError where it is not there."""
    preprocess = parse_preprocess(
        resize=spec.resize,
        crop=spec.crop,
        color=spec.color,
        fit=spec.fit,
        scale=spec.scale,
        mean=spec.mean,
        std=spec.std,
    )
    return replace(
        input_source(spec.seed, spec.data, spec.x_key, _labels_key(spec), spec.data_layout),
        y_file=absolute(spec.y_file),
        labels=absolute(spec.labels),
        label_offset=spec.label_offset,
        strict=spec.strict,
        preprocess=preprocess,
        images=absolute(spec.images),
        fed=tuple(spec.feedback.values()),
    )


def _labels_key(spec: RunSpec) -> str:
    """Return the array of the labels: of several outputs' targets (y_data/NAME), the judged one's.

    Raises UsageError where it is open which.
    """
    path, key = spec.data, spec.y_key
    if path is None or not Path(path).is_file() or not zipfile.is_zipfile(path):
        return key
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name[: -len(".npy")] for name in archive.namelist()]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return key  # opening the data tells what is wrong with it
    heads = [name[len(key) + 1 :] for name in names if name.startswith(f"{key}/")]
    if key in names or not heads:
        return key
    if spec.output is None and len(heads) > 1:
        raise UsageError(
            f"{path} has targets for several outputs ({', '.join(map(plain, heads))}); choose one "
            "with --output NAME"
        )
    head = heads[0] if spec.output is None else spec.output
    if head not in heads:
        raise UsageError(f"{path} has no targets '{key}/{plain(head)}'; {nearest(head, heads)}")
    return f"{key}/{head}"


def input_source(
    seed: int,
    data: Optional[str],
    x_key: str = X_KEY,
    y_key: str = Y_KEY,
    data_layout: Optional[str] = None,
) -> InputSource:
    """Check where inputs come from. Raises UsageError, ModelError where the data is not there."""
    path = absolute(data)
    if path is not None and not Path(path).exists():
        raise ModelError(f"the data {data} does not exist")
    return InputSource(seed, path, x_key, y_key, parse_layout(data_layout))


def chosen_inputs(spec: RunSpec, model: Model, notes: list[str]) -> InputSource:
    """Take the data as the model's file says: its metadata, and the layout before a conversion."""
    if spec.data is None or model.sha256 is None:
        return inputs_of(spec)
    from edgeloop.models.provenance import layout_of_the_source

    if spec.data_layout is None:
        layout = layout_of_the_source(model.path)
        if layout is not None:
            notes.append(f"data layout {layout}: that of the model before its conversion")
            spec = replace(spec, data_layout=layout)
    inputs = inputs_of(spec)
    if model.format not in ("tflite", "edgetpu"):
        return inputs
    from edgeloop.models.tflite_metadata import read_metadata

    stated = read_metadata(Path(model.path))
    if stated.labels is not None and inputs.labels is None:
        notes.append(f"class names: {stated.labels}, in the model's own metadata")
        inputs = replace(inputs, labels=stated.labels, labels_archive=model.path)
    return replace(inputs, pixels=Preprocess(mean=stated.mean, std=stated.std))


def absolute(path: Optional[str]) -> Optional[str]:
    """Return a path as the worker finds it, which may run elsewhere."""
    return None if path is None else str(Path(path).resolve())
