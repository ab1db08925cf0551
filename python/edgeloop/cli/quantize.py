"""`edgeloop quantize`."""

from typing import Annotated, Optional

import typer

from edgeloop.cli import data_options, options
from edgeloop.cli.convert import Force, Output
from edgeloop.cli.output import TerminalObserver, require_writable, show
from edgeloop.errors import CheckFailedError

Method = Annotated[
    str,
    typer.Option(
        "--method",
        "-m",
        metavar="PRECISION",
        help="int8 (weights and activations), int16x8 (TFLite: activations of 16 bits), dynamic "
        "(weights; activations while it runs), fp16 (weights of half the size).",
        show_default=False,
    ),
]
To = Annotated[
    Optional[str],
    typer.Option(
        "--to",
        metavar="FORMAT",
        help="tflite or onnx: convert first, where the model is in another format.",
        show_default=False,
    ),
]
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


def quantize(
    model: options.ModelFile,
    method: Method,
    representative_data: options.RepresentativeData = None,
    samples: options.Samples = 200,
    to: To = None,
    out: Output = None,
    force: Force = False,
    io: Io = None,
    purpose: For = "onnxruntime",
    reduce_range: ReduceRange = "auto",
    via: options.Via = None,
    opset: options.Opset = None,
    layout: options.Layout = "keep",
    batch_size: options.BatchSize = None,
    shape: options.Shapes = None,
    settings: options.Settings = None,
    model_class_path: options.ModelClassPath = None,
    model_class_name: options.ModelClassName = None,
    trust_pickle: options.TrustPickle = False,
    data: options.Data = None,
    x_key: options.XKey = "x_data",
    y_key: options.YKey = "y_data",
    y_file: data_options.YFile = None,
    data_layout: options.DataLayout = None,
    resize: data_options.Resize = None,
    crop: data_options.Crop = None,
    color: data_options.Color = None,
    scale: data_options.Scale = None,
    mean: data_options.Mean = None,
    std: data_options.Std = None,
    labels: data_options.Labels = None,
    label_offset: data_options.LabelOffset = 0,
    task: data_options.Task = None,
    output: data_options.Output = None,
    debug_layers: DebugLayers = False,
    no_measure: NoMeasure = False,
    runtime: Annotated[
        Optional[str],
        typer.Option("--runtime", "-r", help="Measure in this runtime.", show_default=False),
    ] = None,
    threads: options.Threads = None,
    effort: options.Effort = "quick",
    seed: options.Seed = 0,
    strict: Strict = False,
    python: options.Python = None,
    timeout: options.Timeout = 3600.0,
    json: options.Json = None,
) -> None:
    """Quantise a model, and report what it gained and what it cost.

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
    from edgeloop.conversion.edge import ConversionOptions
    from edgeloop.conversion.quantization.run import quantize as run
    from edgeloop.conversion.quantization.spec import QuantizeSpec
    from edgeloop.spec.run import RunSpec, parse_setting, parse_shape

    spec = QuantizeSpec(
        model=model,
        precision=method,
        to=to,
        out=out,
        force=force,
        io=io,
        purpose=purpose,
        reduce_range=reduce_range,
        representative_data=representative_data,
        samples=samples,
        debug_layers=debug_layers,
        measure=not no_measure,
        via=tuple(via or ()),
        options=ConversionOptions(
            opset=opset,
            layout=layout,
            batch_size=batch_size or 0,
            shapes=dict(parse_shape(text) for text in shape or ()),
            settings=dict(parse_setting(text) for text in settings or ()),
            model_class_path=model_class_path,
            model_class_name=model_class_name,
            trust_pickle=trust_pickle,
        ),
        measured=RunSpec(
            model="",
            runtimes=() if runtime is None else (runtime,),
            threads=threads,
            data=data,
            x_key=x_key,
            y_key=y_key,
            y_file=y_file,
            data_layout=data_layout,
            resize=resize,
            crop=crop,
            color=color,
            scale=scale,
            mean=mean,
            std=std,
            labels=labels,
            label_offset=label_offset,
            task=task,
            output=output,
            effort=effort,
            seed=seed,
            python=python,
            timeout_s=timeout,
        ),
    )
    observer = TerminalObserver()
    report = run(spec, observer)
    observer.clear()
    show(lambda: quantization_page(report), report.as_dict, json)
    if report.verification.passed is False:
        sentence = (
            f"the result does NOT agree with {model}: {report.verification.faults[0]}; it was kept "
            f"as {report.result.path}"
        )
        if strict:
            raise CheckFailedError(sentence)
        typer.echo(f"edgeloop: WARNING: {sentence}", err=True)
