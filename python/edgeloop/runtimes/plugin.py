"""An engine in a library of its own, behind the C interface of edgeloop/engine_v1.h."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Optional

from edgeloop import _core
from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.runtimes._layer_profiler import LayerProfiler
from edgeloop.runtimes.protocol import (
    Framework,
    Installation,
    OperatorProfiler,
    Runtime,
    engine_shapes,
)
from edgeloop.spec.load import ANY, NULL_MODEL, LoadOptions

_NO_FRAMEWORK = (
    "a plugin is a C library without a Python API; a runtime with one is added through the entry "
    "point group edgeloop.runtimes"
)


class PluginRuntime(Runtime):
    """Whatever a plugin reads, through the functions of its table."""

    name = "plugin"
    formats: Mapping[str, Optional[int]] = {ANY: None}
    loops = ("native", "binding")
    missing_loops: Mapping[str, str] = {
        "callable": _NO_FRAMEWORK,
        "framework": _NO_FRAMEWORK,
        "framework-io": _NO_FRAMEWORK,
    }
    timed_region: Mapping[str, str] = {
        "native": "the plugin's run()",
        "binding": "_core.Engine.run(): the plugin's run()",
    }
    settings = (ANY,)
    named_by_path = True
    profiled_loop = "native"
    install_hint = "--runtime plugin=PATH"

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the library, without loading it. Raises UsageError where none was named."""
        if library is None:
            raise UsageError(
                f"plugin needs its library: write {self.install_hint}, or --library PATH"
            )
        path = Path(library).absolute()
        if not path.is_file():
            raise NotAvailableError(f"the plugin {library} does not exist; check the path")
        return Installation(
            version="unknown", library=str(path), origin="the plugin that was named"
        )

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Load the plugin, and the model in it."""
        del framework
        installation = self.find(options.library)
        assert installation.library is not None
        return _core.create_engine(
            "plugin",
            library=installation.library,
            model="" if options.model == NULL_MODEL else options.model,
            threads=options.threads,
            batch_size=options.batch_size,
            shapes=engine_shapes(options),
            settings=dict(options.settings),
        )

    def operator_profiler(
        self, engine: Optional[_core.Engine], framework: Optional[Framework]
    ) -> OperatorProfiler:
        """Return what has the engine time its layers."""
        del framework
        assert engine is not None
        return LayerProfiler(engine, "the plugin")

    def computes_on(self, options: LoadOptions) -> str:
        """Return that nobody knows."""
        del options
        return "it"


RUNTIME = PluginRuntime()
