"""`edgeloop inspect`."""

from edgeloop.cli import options
from edgeloop.cli.output import require_writable, show
from edgeloop.cli.parameters import takes
from edgeloop.spec.option import ACCELERATOR, RUNTIME
from edgeloop.spec.run import RunSpec


@takes(
    RunSpec,
    *("model", RUNTIME, "-host", "-loops", "-instances", ACCELERATOR, "timeout_s"),
    once=("runtimes",),
)
def inspect(spec: RunSpec, json: options.Json = None) -> None:
    """Describe a model file: tensors, operators, parameters, MACs.

    Nothing of the file is executed or unpickled, and no runtime is needed. With --delegate or
    --provider (or --runtime) a worker loads the model there, and what each of them would run is
    shown beside it: nodes, partitions, share of the multiply-accumulates, operators left.

    Examples:

      edgeloop inspect model.tflite

      edgeloop inspect model.onnx --json -

      edgeloop inspect model.tflite --delegate /opt/npu/libdelegate.so --require-delegate 90%

      edgeloop inspect model.onnx --provider xnnpack
    """
    require_writable(json)
    from edgeloop.api import coverage_one
    from edgeloop.api import inspect as describe
    from edgeloop.cli.pages.coverage import coverage_page
    from edgeloop.cli.pages.model import model_page
    from edgeloop.measure.record import failed_requirement
    from edgeloop.runtimes.choice.resolution import resolve

    summary = describe(spec.model)
    asked = spec.delegate or spec.provider or spec.runtimes or spec.require_delegate is not None
    if not asked:
        show(lambda: model_page(summary), summary.as_dict, json)
        return
    resolved = resolve(spec, "inspect")[0]
    found = coverage_one(resolved)
    show(
        lambda: f"{model_page(summary)}\n\n{coverage_page(found)}",
        lambda: {**summary.as_dict(), "coverage": found},
        json,
    )
    error = failed_requirement(resolved, found)
    if error is not None:
        raise error
