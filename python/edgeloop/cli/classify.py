"""`edgeloop classify`."""

from typing import Annotated

import typer

from edgeloop.cli import data_options, options
from edgeloop.cli.measuring import run_spec
from edgeloop.cli.output import TerminalObserver, require_writable, show

Images = Annotated[
    list[str],
    typer.Argument(metavar="IMAGE...", help="Pictures (.jpg, .png, ...).", show_default=False),
]


def classify(
    model: options.Model,
    images: Images,
    labels: data_options.Labels = None,
    top: Annotated[int, typer.Option("--top", min=1, help="So many classes of each.")] = 5,
    softmax: Annotated[
        bool, typer.Option("--softmax", help="The outputs are logits: print their softmax.")
    ] = False,
    output: data_options.Output = None,
    runtime: options.Runtimes = None,
    loops: options.Loops = None,
    data_layout: options.LayoutOfData = None,
    resize: data_options.Resize = None,
    crop: data_options.Crop = None,
    color: data_options.Color = None,
    scale: data_options.Scale = None,
    mean: data_options.Mean = None,
    std: data_options.Std = None,
    threads: options.Threads = None,
    batch_size: options.BatchSize = None,
    shape: options.Shapes = None,
    delegate: options.Delegate = None,
    use_armnn: options.UseArmnn = False,
    armnn_path: options.ArmnnPath = None,
    provider: options.Provider = None,
    require_delegate: options.RequireDelegate = None,
    settings: options.Settings = None,
    library: options.Library = None,
    python: options.Python = None,
    timeout: options.Timeout = 600.0,
    model_class_path: options.ModelClassPath = None,
    model_class_name: options.ModelClassName = None,
    trust_pickle: options.TrustPickle = False,
    json: options.Json = None,
) -> None:
    """What a model sees in pictures: the classes with the highest scores.

    A uint8 input takes the pixels as they are; an int8 input those of the range that its
    quantisation holds. A float input does not tell what it was trained on: without --scale, --mean
    and --std it gets 0 to 255, which is said. Each picture is run once, so nothing is said of the
    latency: that is what `bench` is for.

    Examples:

      edgeloop classify model.tflite cat.png --labels labels.txt

      edgeloop classify model.onnx a.jpg b.jpg --mean 127.5 --std 127.5 --softmax --top 3
    """
    spec = run_spec(dict(locals()))
    require_writable(json)
    from edgeloop.cli.pages.classified import classified_page
    from edgeloop.measure.classify import classify as classify_pictures

    observer = TerminalObserver()
    classified = classify_pictures(spec, images, top, observer)
    show(lambda: classified_page(classified), classified.as_dict, json)
    if classified.error is not None:
        raise classified.error
