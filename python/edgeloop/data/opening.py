"""From what the user named to the data of a model; its kind is detected from its content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from edgeloop.data.box_sets import BoxSet, open_boxes
from edgeloop.data.fitting import TO_OTHER, Fitting, fit_array
from edgeloop.data.images import KEY, ImageSource, Listing, list_csv, list_folder
from edgeloop.data.labels import ClassNames, LabelReader
from edgeloop.data.model_data import ModelData, require_one_batch_size
from edgeloop.data.npz import NpySource, NpzSource, is_npy, is_zip
from edgeloop.data.picture import SUFFIXES
from edgeloop.data.picture_input import picture_size, with_pixel_values
from edgeloop.data.source import DataSource
from edgeloop.data.step_times import StepTimes
from edgeloop.errors import ModelError, UsageError, nearest
from edgeloop.spec.inputs import InputSource

if TYPE_CHECKING:
    from edgeloop.spec.load import TensorSpec


def open_data(
    inputs: InputSource, specs: Sequence[TensorSpec], times: Optional[StepTimes] = None
) -> ModelData:
    """Open the data set that `inputs` names, for a model with the inputs `specs`.

    A data set of boxes (see data.box_sets), an .npz (a model with one input takes the array
    `x_key`, one with several an array for each input's name), an .npy, a folder of pictures, a CSV
    that lists some, or one picture. Only headers and lists are read. Raises ModelError that says
    what does not fit.
    """
    assert inputs.data is not None
    path = Path(inputs.data)
    if not path.exists():
        raise ModelError(f"the data {inputs.data} does not exist")
    if not path.is_dir() and not path.is_file():  # a pipe or a device may never end
        raise ModelError(f"the data {inputs.data} is neither a file nor a folder")
    names = None if inputs.labels is None else ClassNames.read(inputs.labels, inputs.labels_archive)
    boxes = open_boxes(path, inputs.images, names)
    if boxes is None and inputs.images is not None:
        raise UsageError(f"--images is for a data set of boxes, and {inputs.data} is not one")
    if boxes is not None:
        listing: Optional[Listing] = Listing(boxes.pictures, range(len(boxes.pictures)))
    else:
        listing = _listing(path, inputs.pictures, names)
    if inputs.y_file is not None and (listing is not None or not is_npy(path)):
        raise UsageError(f"--y-file is for an .npy, and {inputs.data} is not one")
    if listing is not None:
        require_one_batch_size(specs)
        return _pictures(inputs, listing, boxes, specs, names, times)
    given = _given(inputs, specs)
    keys = [inputs.x_key] if len(given) == 1 else [spec.name for spec in given]
    source = _arrays(inputs, keys)
    fittings = {
        spec.name: fit_array(
            inputs.data, key, source.arrays[key], spec, inputs.layout, inputs.preprocess
        )
        for spec, key in zip(given, keys)
    }
    batched = any(fittings[spec.name].shape != tuple(spec.shape) for spec in given)
    if batched:
        require_one_batch_size(given)
    if inputs.fed and batched and given[0].shape[0] > 1:
        raise UsageError("--feedback runs one sample after the other: fix --batch-size 1")
    labels = _labels(inputs, source, names)
    return ModelData(source, specs, fittings, labels, times, source.notes, batched=batched)


def holds_pictures(inputs: InputSource) -> bool:
    """Return whether the data is pictures, and not arrays."""
    path = Path(str(inputs.data))
    return path.is_dir() or (path.is_file() and not (is_npy(path) or is_zip(path)))


def _given(inputs: InputSource, specs: Sequence[TensorSpec]) -> list[TensorSpec]:
    """Return the inputs that take samples of the data."""
    known = [spec.name for spec in specs]
    for name in inputs.fed:
        if name not in known:
            raise UsageError(f"--feedback: unknown input '{name}'; {nearest(name, known)}")
    given = [spec for spec in specs if spec.name not in inputs.fed]
    if not given:
        raise UsageError("--feedback feeds every input, and none is left for the data")
    return given


def _listing(path: Path, more: Sequence[str], names: Optional[ClassNames]) -> Optional[Listing]:
    """Return the pictures that a folder, a CSV or a picture stands for; None for arrays."""
    if path.is_dir():
        return list_folder(str(path), names)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return list_csv(str(path), names)
    if suffix in SUFFIXES:
        return Listing([str(path), *more], None)
    return None


def _arrays(inputs: InputSource, keys: Sequence[str]) -> DataSource:
    path = str(inputs.data)
    if is_zip(Path(path)):
        return NpzSource(path, keys, inputs.y_key)
    if is_npy(Path(path)):
        if len(keys) != 1:
            raise ModelError(
                f"{path} holds one array, but the model has {len(keys)} inputs: "
                f"{', '.join(keys)}; write an .npz with an array for each"
            )
        return NpySource(path, keys[0], inputs.y_file)
    raise ModelError(
        f"the data file {path} cannot be read as .npz or .npy (it is neither), and its name is not "
        "that of a picture or a .csv; write it with numpy.savez(path, x_data=..., y_data=...)"
    )


def _pictures(
    inputs: InputSource,
    listing: Listing,
    boxes: Optional[BoxSet],
    specs: Sequence[TensorSpec],
    names: Optional[ClassNames],
    times: Optional[StepTimes],
) -> ModelData:
    size, layout = picture_size(specs, inputs.layout)
    spec = specs[0]
    preprocess, words = with_pixel_values(inputs.preprocess, spec, inputs.pixels)
    source = ImageSource(
        str(inputs.data), listing, preprocess, size, strict=inputs.strict, times=times
    )
    fitting = Fitting(
        key=KEY,
        shape=tuple(spec.shape[1:]),
        axes=None if layout == "nhwc" else TO_OTHER["nhwc"],
        preprocess=preprocess,
        channel_axis=-1,
    )
    _require_values_per_channel(inputs, size.channels)
    if boxes is not None:  # whose labels are the numbers of the pictures
        inputs = replace(inputs, label_offset=0)
    labels = _labels(inputs, source, names)
    return ModelData(
        source, specs, {spec.name: fitting}, labels, times, (*source.notes, words),
        ordered=listing.ordered, boxes=boxes,
    )  # fmt: skip


def _require_values_per_channel(inputs: InputSource, channels: int) -> None:
    for option, numbers in (("mean", inputs.preprocess.mean), ("std", inputs.preprocess.std)):
        if len(numbers) not in (0, 1, channels):
            raise UsageError(
                f"--{option} has {len(numbers)} values, but the pictures have {channels} channels"
            )


def _labels(inputs: InputSource, source: DataSource, names: Optional[ClassNames]) -> LabelReader:
    return LabelReader.of(str(inputs.data), source.labels, names, inputs.label_offset)
