"""`edgeloop quantize`."""

from dataclasses import replace
from typing import Annotated, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.convert import NOT_MEASURED, TARGET_FLAGS
from edgeloop.cli.evaluate import CLASS_OF_MODEL
from edgeloop.cli.output import TerminalObserver, require_writable, say, show
from edgeloop.cli.parameters import REQUIRED, takes
from edgeloop.errors import CheckFailedError
from edgeloop.spec.option import DATA, PICTURES, PREPARE
from edgeloop.spec.preparation import Preparation
from edgeloop.spec.run import RunSpec

Io = Annotated[
    Optional[str],
    typer.Option(
        "--io",
        metavar="DTYPE",
        help="TFLite, int8: dtype of inputs and outputs: int8 (default), uint8 or float32.",
        show_default=False,
    ),
]
For = Annotated[
    str,
    typer.Option(
        "--for",
        metavar="RUNTIME",
        help="ONNX, int8: onnxruntime (uint8 activations) or tensorrt (symmetric throughout).",
    ),
]
ReduceRange = Annotated[
    str,
    typer.Option(
        "--reduce-range",
        metavar="auto|yes|no",
        help="ONNX: weights of 7 bits. ONNX Runtime on x86 without VNNI overflows with 8; auto "
        "looks at this CPU, yes is for another one.",
    ),
]
DebugLayers = Annotated[
    bool,
    typer.Option("--debug-layers", help="List the layers with the largest error; takes longer."),
]
NoMeasure = Annotated[
    bool, typer.Option("--no-measure", help="Do not compare the latencies before and after.")
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Exit 1 where the result does not agree with the float model."),
]


@takes(
    RunSpec,
    *NOT_MEASURED,
    *(DATA, PICTURES, *CLASS_OF_MODEL, "labels", "label_offset", "task", "output"),
    *("runtimes", "threads", "effort", "timeout_s"),
    defaults={"timeout_s": 3600.0, "effort": "quick"},
    once=("runtimes",),
)
@takes(
    Preparation,
    PREPARE,
    as_parameter="wanted",
    defaults={"precision": REQUIRED},
    flags={**TARGET_FLAGS, "precision": ("--method", "-m")},
    shown=("representative_data", "samples", "model_out", "force"),
)
def quantize(
    spec: RunSpec,
    wanted: Preparation,
    io: Io = None,
    purpose: For = "onnxruntime",
    reduce_range: ReduceRange = "auto",
    debug_layers: DebugLayers = False,
    no_measure: NoMeasure = False,
    strict: Strict = False,
    verbose: options.Verbose = False,
    json: options.Json = None,
) -> None:
    """Quantise a model: smaller and faster, and what that costs.

    The method depends on the format: a float .tflite, a SavedModel or Keras model becomes a
    quantised .tflite, an ONNX model a quantised ONNX model (QDQ). int8 and int16x8 need
    --representative-data, some hundred samples of the training set: their least and greatest
    values in each tensor become its range.

    The result is verified against the float model; one that does not agree is kept as
    NAME.unverified. Then both are measured, interleaved, with intervals; with --data the accuracy
    before and after, too. The report lies beside the result, in NAME.conversion.json.

    Examples:

      edgeloop quantize model.tflite --method int8 --representative-data train.npz

      edgeloop quantize model.tflite --method int8 --io uint8 --representative-data photos/
      --data test.npz --debug-layers

      edgeloop quantize model.onnx --method int8 --for tensorrt --representative-data train.npz

      edgeloop quantize net.pt --to tflite --shape 1x3x224x224 --method dynamic

      edgeloop quantize model.onnx --method fp16 --no-measure --json -
    """
    require_writable(json)
    from edgeloop.cli.pages.quantization import quantization_page
    from edgeloop.conversion.prepare import quantize_spec
    from edgeloop.conversion.quantization.run import quantize as run

    assert wanted.precision is not None, "the command asks for it"
    chosen = quantize_spec(spec, wanted, wanted.precision)
    chosen = replace(
        chosen,
        io=io,
        purpose=purpose,
        reduce_range=reduce_range,
        debug_layers=debug_layers,
        measure=not no_measure,
        measured=replace(chosen.measured, python=spec.python),
    )
    observer = TerminalObserver()
    report = run(chosen, observer)
    observer.clear()
    show(lambda: quantization_page(report, verbose=verbose), report.as_dict, json)
    if report.verification.passed is False:
        fault, kept = report.verification.faults[0], report.result.path
        sentence = f"the result does NOT agree with {spec.model}: {fault}; it was kept as {kept}"
        if strict:
            raise CheckFailedError(sentence)
        say(f"edgeloop: WARNING: {sentence}")
