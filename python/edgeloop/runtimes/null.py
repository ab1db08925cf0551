"""The null runtime: does nothing, or a known amount of work. The floor of every loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np

from edgeloop import __version__, _core
from edgeloop.errors import UsageError
from edgeloop.runtimes.protocol import Framework, Installation, Runtime
from edgeloop.spec.load import LoadOptions, TensorSpec


class NullFramework(Framework):
    """The null engine behind a Python callable, as a framework's binding would hold it."""

    def __init__(self, engine: _core.Engine) -> None:
        self.engine = engine
        self.inputs = tuple(TensorSpec.of(tensor) for tensor in engine.inputs())
        self.invoke = engine.run
        self._arrays = [np.array(tensor) for tensor in engine.inputs()]

    def set_inputs(self, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        for tensor, array in zip(self.engine.inputs(), arrays):
            np.asarray(tensor)[...] = array
        self._arrays = list(arrays)

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Copy the outputs of the last invocation."""
        return [np.array(tensor) for tensor in self.engine.outputs()]

    def invoke_io(self) -> object:
        """Set the inputs, run, fetch the outputs."""
        self.set_inputs(self._arrays)
        self.invoke()
        return self.outputs()


class NullRuntime(Runtime):
    """No model and no runtime: what remains is the loop itself."""

    name = "null"
    formats: Mapping[str, Optional[int]] = {"null": 1}
    loops = ("native", "binding", "callable", "framework", "framework-io")
    timed_region: Mapping[str, str] = {
        "native": "Engine::run",
        "binding": "_core.Engine.run()",
        "callable": "_core.Engine.run, called by vectorcall from C++",
        "framework": "_core.Engine.run()",
        "framework-io": "input copy, _core.Engine.run(), output copy",
    }
    settings = ("multiplications", "fail-at")
    attaches = True
    uses_threads = False
    install_hint = "it is built in"

    def find(self, library: Optional[str] = None) -> Installation:
        """Return the null engine of this build."""
        del library
        return Installation(version=__version__, library=None, origin="built in")

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Return the engine behind the Python callable: every loop runs one instance."""
        if isinstance(framework, NullFramework):
            return framework.engine
        return _null_engine(options)

    def computes_on(self, options: LoadOptions) -> str:
        """Return that nobody knows: there is no work of a model."""
        del options
        return "it"

    def load_framework(self, options: LoadOptions) -> NullFramework:
        """Make a null engine behind a Python callable."""
        return NullFramework(_null_engine(options))


def _null_engine(options: LoadOptions) -> _core.Engine:
    if options.shapes or options.batch_size > 1:
        raise UsageError("null has one input of shape 1: no --shape and no --batch-size")
    return _core.create_engine("null", threads=options.threads, settings=dict(options.settings))


RUNTIME = NullRuntime()
