"""`edgeloop convert`."""

from typing import Annotated, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.output import TerminalObserver, require_writable, show
from edgeloop.errors import CheckFailedError

To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="FORMAT",
        help="onnx, savedmodel, tflite, edgetpu, aotinductor or tensorrt, as far as a way leads "
        "there.",
        show_default=False,
    ),
]
Output = Annotated[
    Optional[str],
    typer.Option(
        "--out",
        "-o",
        metavar="PATH",
        help="File or folder to write. Default: the model's name with the format's ending, here.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there under that name.")]
PlanOnly = Annotated[
    bool,
    typer.Option(
        "--plan", help="Only say which steps it takes, where each runs, and what is missing."
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Exit 1 where the result does not agree with the model."),
]


def convert(
    model: options.ModelFile,
    to: To,
    out: Output = None,
    force: Force = False,
    plan: PlanOnly = False,
    via: options.Via = None,
    opset: options.Opset = None,
    layout: options.Layout = "keep",
    batch_size: options.BatchSize = None,
    shape: options.Shapes = None,
    settings: options.Settings = None,
    builder: options.Builder = None,
    data: options.Data = None,
    x_key: options.XKey = "x_data",
    y_key: options.YKey = "y_data",
    data_layout: options.DataLayout = None,
    seed: options.Seed = 0,
    strict: Strict = False,
    python: options.Python = None,
    timeout: options.Timeout = 3600.0,
    model_class_path: options.ModelClassPath = None,
    model_class_name: options.ModelClassName = None,
    trust_pickle: options.TrustPickle = False,
    json: options.Json = None,
) -> None:
    """Convert a model to another format, and prove that the result is the same model.

    Source and result are run on the same samples (of --data, else seeded random ones); differences
    beyond the tolerance of the precision, NaN, lost weights, another opset are faults. A result
    with a fault is kept as NAME.unverified. The report lies beside it, in NAME.conversion.json.

    Each step runs in a worker in the environment that has its converter (edgeloop setup convert).

    Examples:

      edgeloop convert model.onnx --to tflite

      edgeloop convert model.onnx --to tflite --plan

      edgeloop convert weights.pth --model-class-path net.py --model-class-name Net
      --shape 1x3x224x224 --to onnx --opset 17

      edgeloop convert model.onnx --to tflite --layout nhwc --data test.npz --strict

      edgeloop convert model.onnx --to tensorrt --builder precision=fp16 --builder workspace=1024
    """
    require_writable(json)
    from edgeloop.cli.pages.conversion import conversion_page, plan_page
    from edgeloop.conversion.edge import ConversionOptions
    from edgeloop.conversion.run import ConversionSpec, plan_conversion
    from edgeloop.conversion.run import convert as run
    from edgeloop.runtimes.choice.inputs import input_source
    from edgeloop.spec.run import parse_setting, parse_shape

    spec = ConversionSpec(
        model=model,
        target=to,
        out=out,
        force=force,
        via=tuple(via or ()),
        python=python,
        options=ConversionOptions(
            opset=opset,
            layout=layout,
            batch_size=batch_size or 0,
            shapes=dict(parse_shape(text) for text in shape or ()),
            settings=dict(parse_setting(text) for text in settings or ()),
            builder=dict(parse_setting(text) for text in builder or ()),
            model_class_path=model_class_path,
            model_class_name=model_class_name,
            trust_pickle=trust_pickle,
        ),
        inputs=input_source(seed, data, x_key, y_key, data_layout),
        timeout_s=timeout,
    )
    if plan:
        planned = plan_conversion(spec)
        show(lambda: plan_page(planned), planned.as_dict, json)
        return
    observer = TerminalObserver()
    report = run(spec, observer)
    observer.clear()
    show(lambda: conversion_page(report), report.as_dict, json)
    if report.verification.passed is False:
        sentence = (
            f"the result does NOT agree with {model}: {report.verification.faults[0]}; it was kept "
            f"as {report.path}"
        )
        if strict:
            raise CheckFailedError(sentence)
        typer.echo(f"edgeloop: WARNING: {sentence}", err=True)
