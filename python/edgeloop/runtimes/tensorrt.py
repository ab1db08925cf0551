"""TensorRT plans: natively by an engine that is built on the board, or through the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Optional

from edgeloop import _core
from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.runtimes._plan_profiler import LayerProfiler
from edgeloop.runtimes.nvidia_libraries import find_cudart, find_nvinfer, nvinfer_version
from edgeloop.runtimes.protocol import (
    Framework,
    Installation,
    OperatorProfiler,
    Runtime,
    Verifier,
    engine_shapes,
)
from edgeloop.runtimes.tensorrt_engine import engine_path, version_text
from edgeloop.spec.load import FRAMEWORK_LOOPS, LOOPS, LoadOptions

_REGIONS = ("enqueue", "copies")
_PACKAGE = "tensorrt"


class TensorRtRuntime(Runtime):
    """Plans on an NVIDIA GPU or DLA; the clock stops after the stream is synchronised."""

    name = "tensorrt"
    formats: Mapping[str, Optional[int]] = {"tensorrt": 1}
    loops = LOOPS
    timed_region: Mapping[str, str] = {
        "native": "the engine's run()",
        "binding": "_core.Engine.run(): the engine's run()",
        "callable": "enqueue and synchronise, in a method that C++ calls by vectorcall",
        "framework": "enqueue and synchronise",
        "framework-io": "inputs copied in, enqueue, outputs copied out, synchronise",
    }
    settings = ("region", "cuda-graph", "dla-core", "plugins")
    verifies: Mapping[str, Verifier] = {"tensorrt": Verifier((), None)}
    profiled_loop = "native"
    install_hint = "edgeloop setup tensorrt"

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate libnvinfer and libcudart, and an engine or the package that uses them.

        Raises NotAvailableError that says which of them is missing.
        """
        path, origin = find_nvinfer(library)
        version = nvinfer_version(path)
        find_cudart()
        if not engine_path(version).is_file() and find_spec(_PACKAGE) is None:
            raise NotAvailableError(
                f"TensorRT {version_text(version)} was found ({path}), but its engine is not built "
                f"and there is no {_PACKAGE} package; build it with '{self.install_hint}'"
            )
        return Installation(version_text(version), str(path), origin)

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import the package where a loop goes through it.

        With native loops among them a missing package is reported when it is loaded.
        """
        from edgeloop.runtimes.tensorrt_package import import_tensorrt

        if any(loop in FRAMEWORK_LOOPS for loop in loops):
            try:
                import_tensorrt()
            except NotAvailableError:
                if all(loop in FRAMEWORK_LOOPS for loop in loops):
                    raise

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Load the plan in the engine that was built for this version of TensorRT."""
        del framework
        library, _ = find_nvinfer(options.library)
        version = nvinfer_version(library)
        engine = engine_path(version)
        if not engine.is_file():
            raise NotAvailableError(
                f"the engine for TensorRT {version_text(version)} is not built (no {engine}); "
                f"build it with '{self.install_hint}'"
            )
        return _core.create_engine(
            "plugin",
            library=str(engine),
            model=options.model,
            threads=options.threads,
            batch_size=options.batch_size,
            shapes=engine_shapes(options),
            settings={
                **options.settings,
                "nvinfer": str(library),
                "cudart": str(find_cudart()),
            },
        )

    def computes_on(self, options: LoadOptions) -> str:
        """Return the GPU."""
        del options
        return "gpu"

    def operator_profiler(
        self, engine: Optional[_core.Engine], framework: Optional[Framework]
    ) -> OperatorProfiler:
        """Return what has the engine time its layers."""
        del framework
        assert engine is not None
        return LayerProfiler(engine, "TensorRT")

    def load_framework(self, options: LoadOptions) -> Framework:
        """Load the plan through the package. Raises UsageError for what only the engine can do."""
        from edgeloop.runtimes.tensorrt_package import TensorRtFramework

        region = options.settings.get("region", _REGIONS[0])
        if region not in _REGIONS:
            raise UsageError(f"tensorrt: region={region} is neither {' nor '.join(_REGIONS)}")
        for key, harmless in (("cuda-graph", "off"), ("dla-core", ""), ("plugins", "")):
            if options.settings.get(key, harmless) != harmless:
                raise UsageError(
                    f"tensorrt: only the native and binding loops honour {key}="
                    f"{options.settings[key]}; leave it out or name one of them with --loops"
                )
        for key in options.settings:
            if key not in self.settings:
                raise UsageError(
                    f"tensorrt has no setting '{key}'; known: {', '.join(self.settings)}"
                )
        return TensorRtFramework(options, region == "copies")


RUNTIME = TensorRtRuntime()
