"""Keras models of Keras 2 and 3 as one function of named inputs, whatever style they are in."""

from __future__ import annotations

import inspect
import json
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from edgeloop.errors import EdgeloopError, ModelError, one_line
from edgeloop.runtimes.class_file import import_file
from edgeloop.spec.load import LoadOptions

_OWN_CLASS = (
    "a model with a class or layers of its own needs the file that defines them "
    "(--model-class-path FILE), or is given as a SavedModel (model.export(path))"
)


@dataclass(frozen=True)
class KerasInterface:
    """A loaded model, and how it is called."""

    model: Any
    call: Callable[..., Any]
    """Takes the inputs by name; returns a tensor, or tensors in lists and dictionaries."""
    inputs: Mapping[str, tuple[Any, Any]]
    """Name → (shape, dtype)."""
    parameters: int


def load_keras(options: LoadOptions) -> KerasInterface:
    """Load a .keras or .h5 file in the Keras that wrote it. Raises ModelError."""
    model = _load(options)
    tensors = getattr(model, "inputs", None)
    if tensors:
        return _of_tensors(model, tensors)
    return _of_call(model, options)


def named_outputs(path: str, model: Any, result: Any) -> dict[str, Any]:
    """Return name → tensor of what a call returned.

    Keys of a dictionary are names; else a layer's name, as Keras 2 has it too. Raises ModelError
    for structures within structures.
    """
    if isinstance(result, Mapping):
        named = {str(key): value for key, value in result.items()}
    else:
        tensors = result if isinstance(result, (list, tuple)) else [result]
        named = dict(zip(_names(model, len(tensors)), tensors))
    if not all(hasattr(item, "dtype") and hasattr(item, "shape") for item in named.values()):
        raise ModelError(
            f"{path} returns structures within structures; wrap it in a model that returns one "
            "list or one dictionary of tensors"
        )
    return named


def _names(model: Any, count: int) -> list[str]:
    names = list(getattr(model, "output_names", None) or ())
    if len(names) != count:
        names = [_layer_of(tensor) for tensor in getattr(model, "outputs", None) or ()]
    if len(names) != count or len(set(names)) != count or not all(names):
        names = [f"output_{index}" for index in range(count)]
    return names


def _layer_of(tensor: Any) -> str:
    history = getattr(tensor, "_keras_history", None)
    return str(getattr(getattr(history, "operation", None), "name", ""))


def _load(options: LoadOptions) -> Any:
    try:
        keras = _keras_for(options.model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a build that its weights make up for
            return keras.models.load_model(
                options.model, custom_objects=_own_classes(keras, options), compile=False,
                safe_mode=not options.trust_pickle,
            )  # fmt: skip
    except EdgeloopError:
        raise
    except Exception as error:  # a file may hold anything, and so may its configuration
        said = one_line(error, 400)
        raise ModelError(f"Keras cannot load {options.model}: {said}; {_OWN_CLASS}") from error


def _keras_for(path: str) -> Any:
    """Return tf_keras for a file of Keras 2, where it is installed, else Keras."""
    import keras

    if not (_version(path) or "3").startswith("2."):
        return keras
    try:
        import tf_keras
    except ImportError:  # most files of Keras 2 load in Keras 3 as well
        return keras
    return tf_keras


def _version(path: str) -> Optional[str]:
    """Return the version of Keras that wrote a file; None where it does not say."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                said = json.loads(archive.read("metadata.json")).get("keras_version")
        else:
            import h5py

            with h5py.File(path, "r") as file:
                said = file.attrs.get("keras_version")
    except (OSError, KeyError, ValueError, AttributeError, zipfile.BadZipFile):
        return None
    return said.decode() if isinstance(said, bytes) else said


def _own_classes(keras: Any, options: LoadOptions) -> Optional[dict[str, Any]]:
    if options.model_class_path is None:
        return None
    found = vars(import_file(Path(options.model_class_path)))
    layer = keras.layers.Layer
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, type) and issubclass(value, layer) and value is not layer
    }


def _of_tensors(model: Any, tensors: Sequence[Any]) -> KerasInterface:
    """Describe a functional or Sequential model."""
    names = [tensor.name for tensor in tensors]

    def call(**given: Any) -> Any:
        ordered = [given[name] for name in names]
        return model(ordered if len(ordered) > 1 else ordered[0], training=False)

    inputs = {tensor.name: (tuple(tensor.shape), tensor.dtype) for tensor in tensors}
    return KerasInterface(model, call, inputs, int(model.count_params()))


def _of_call(model: Any, options: LoadOptions) -> KerasInterface:
    """Describe a subclassed model by the shapes that it was built with, or those of --shape."""
    parameters = inspect.signature(model.call).parameters.values()
    needed = [one.name for one in parameters if one.default is one.empty and not _is_rest(one)]
    if len(needed) != 1:
        raise ModelError(
            f"the model of {options.model} takes {len(needed)} arguments "
            f"({', '.join(needed)}), and its file does not give their shapes; give it as a "
            "SavedModel (model.export(path))"
        )
    config: Mapping[str, Any] = getattr(model, "get_build_config", dict)() or {}
    built = config.get("input_shape")
    if isinstance(built, Mapping):
        shapes = {str(name): _open_batch(shape) for name, shape in built.items()}
        takes_dict = True
    else:
        given = options.shapes.get(needed[0], options.shapes.get(""))
        if built is None and given is None:
            raise ModelError(
                f"{options.model} does not give the shape of its input; give --shape AxBxC, or "
                "call the model on data before it is saved"
            )
        shapes = {needed[0]: tuple(given) if built is None and given else _open_batch(built)}
        takes_dict = False

    def call(**tensors: Any) -> Any:
        return model(tensors if takes_dict else tensors[needed[0]], training=False)

    dtype = "float32"  # what Keras' layers take unless told otherwise; they convert the rest
    inputs = {name: (shape, dtype) for name, shape in shapes.items()}
    return KerasInterface(model, call, inputs, int(model.count_params()))


def _open_batch(shape: Any) -> tuple[Optional[int], ...]:
    """Return a shape whose first dimension is open: it was that of the data it was built on."""
    dims = tuple(None if dim is None else int(dim) for dim in shape)
    return (None, *dims[1:])


def _is_rest(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
