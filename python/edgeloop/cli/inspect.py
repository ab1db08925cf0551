"""`edgeloop inspect`."""

from edgeloop.cli import options
from edgeloop.cli.output import require_writable, show
from edgeloop.spec.run import RunSpec, parse_setting, parse_shape


def inspect(
    model: options.Model,
    runtime: options.Runtime = None,
    delegate: options.Delegate = None,
    use_armnn: options.UseArmnn = False,
    armnn_path: options.ArmnnPath = None,
    provider: options.Provider = None,
    require_delegate: options.RequireDelegate = None,
    threads: options.Threads = None,
    batch_size: options.BatchSize = None,
    shape: options.Shapes = None,
    settings: options.Settings = None,
    library: options.Library = None,
    python: options.Python = None,
    timeout: options.Timeout = 600.0,
    json: options.Json = None,
) -> None:
    """Describe a model file: tensors, quantisation, operators, parameters, MACs.

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

    summary = describe(model)
    asked = options.delegates(delegate, use_armnn, armnn_path)
    if not (asked or provider or runtime or require_delegate is not None):
        show(lambda: model_page(summary), summary.as_dict, json)
        return
    spec = RunSpec(
        model=model,
        runtimes=() if runtime is None else (runtime,),
        delegate=asked,
        provider=tuple(provider or ()),
        require_delegate=require_delegate,
        threads=threads,
        batch_size=batch_size,
        shapes=dict(parse_shape(text) for text in shape or ()),
        settings=dict(parse_setting(text) for text in settings or ()),
        library=library,
        python=python,
        timeout_s=timeout,
    )
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
