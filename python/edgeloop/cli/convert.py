"""`edgeloop convert`."""

from dataclasses import replace
from typing import Annotated, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.evaluate import CLASS_OF_MODEL
from edgeloop.cli.output import TerminalObserver, require_writable, say, show
from edgeloop.cli.parameters import REQUIRED, takes
from edgeloop.errors import CheckFailedError
from edgeloop.spec.preparation import Preparation
from edgeloop.spec.run import RunSpec, parse_setting

NOT_MEASURED = ("model", "shapes", "batch_size", "settings", "data_layout", "seed", "python")
TARGET_FLAGS = {"model_out": ("--out", "-o")}


@takes(
    RunSpec,
    *NOT_MEASURED,
    *("data", "x_key", "y_key", "timeout_s", *CLASS_OF_MODEL),
    defaults={"timeout_s": 3600.0},
    shown=CLASS_OF_MODEL,
)
@takes(
    Preparation,
    *("to", "via", "opset", "layout", "model_out", "force"),
    as_parameter="wanted",
    defaults={"to": REQUIRED},
    flags=TARGET_FLAGS,
    shown=("via", "opset", "layout", "model_out", "force"),
)
def convert(
    spec: RunSpec,
    wanted: Preparation,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Only print the steps, where each runs, and what is missing."),
    ] = False,
    builder: Annotated[
        Optional[list[str]],
        typer.Option(
            "--builder",
            metavar="KEY=VALUE",
            help="TensorRT: precision=fp32|fp16|int8, workspace=MIB, timing-cache=FILE, dla-core=N "
            "(the rest on the GPU), calibration=FILE.npz. Repeatable.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit 1 where the result does not agree with the model."),
    ] = False,
    json: options.Json = None,
) -> None:
    """Convert a model to another format, and verify the result.

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
    from edgeloop.conversion.prepare import conversion_spec
    from edgeloop.conversion.run import convert as run
    from edgeloop.conversion.run import plan_conversion

    assert wanted.to is not None, "the command asks for it"
    chosen = conversion_spec(spec, wanted, wanted.to)
    built = dict(map(parse_setting, builder or ()))
    chosen = replace(
        chosen,
        python=spec.python,
        timeout_s=spec.timeout_s,
        options=replace(chosen.options, builder=built),
    )
    if plan:
        planned = plan_conversion(chosen)
        show(lambda: plan_page(planned), planned.as_dict, json)
        return
    observer = TerminalObserver()
    report = run(chosen, observer)
    observer.clear()
    show(lambda: conversion_page(report), report.as_dict, json)
    if report.verification.passed is False:
        fault = report.verification.faults[0]
        sentence = (
            f"the result does NOT agree with {spec.model}: {fault}; it was kept as {report.path}"
        )
        if strict:
            raise CheckFailedError(sentence)
        say(f"edgeloop: WARNING: {sentence}")
