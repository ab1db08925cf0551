"""TensorFlow SavedModels and Keras models, run for a comparison: not a runtime that is timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.conversion.tensorflow_source import frozen, import_tensorflow, load_source
from edgeloop.runtimes.protocol import Framework, Installation, Runtime
from edgeloop.spec.load import LoadOptions, TensorSpec

if TYPE_CHECKING:
    pass

_Array = np.ndarray[Any, Any]


class TensorflowFramework(Framework):
    """The serving function of a model, with fixed shapes."""

    def __init__(self, function: Any, inputs: Sequence[TensorSpec], outputs: Sequence[str]) -> None:
        self.inputs = tuple(inputs)
        self.output_names = tuple(outputs)
        self._function = function
        self._feed: dict[str, Any] = {}
        self._result: Mapping[str, Any] = {}
        self.invoke: Callable[[], object] = self._call
        self.invoke_io: Callable[[], object] = self._call

    def set_inputs(self, arrays: Sequence[_Array]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        tensorflow = import_tensorflow()
        self._feed = {
            spec.name: tensorflow.constant(array) for spec, array in zip(self.inputs, arrays)
        }

    def outputs(self) -> list[_Array]:
        """Copy the outputs of the last call, in the order of `output_names`."""
        return [np.array(self._result[name].numpy()) for name in self.output_names]

    def _call(self) -> object:
        self._result = self._function(**self._feed)
        return self._result


class TensorflowModels(Runtime):
    """What the loader asks of a runtime; it has the loop of the framework alone."""

    name = "tensorflow"
    formats: Mapping[str, Optional[int]] = {"savedmodel": None, "keras": None}
    loops = ("framework",)
    timed_region: Mapping[str, str] = {}
    install_hint = "edgeloop setup convert"

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the package. Raises NotAvailableError."""
        del library
        return Installation(str(import_tensorflow().__version__), None, "the tensorflow package")

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import TensorFlow."""
        del loops
        import_tensorflow()

    def load_framework(self, options: LoadOptions) -> TensorflowFramework:
        """Load the model as the converters do."""
        source = load_source(options)
        function = frozen(source.function, source.inputs, source.outputs)
        return TensorflowFramework(function, source.inputs, source.outputs)


RUNTIME = TensorflowModels()
