"""`edgeloop classify`."""

from typing import Annotated

import typer

from edgeloop.cli import options
from edgeloop.cli.evaluate import CLASS_OF_MODEL, LAYOUT_OF_DATA
from edgeloop.cli.output import TerminalObserver, require_writable, show
from edgeloop.cli.parameters import takes
from edgeloop.spec.option import ACCELERATOR, PICTURES, RUNTIME
from edgeloop.spec.run import RunSpec

Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE...",
        help="Pictures (.jpg, .png, ...), or folders of pictures.",
        show_default=False,
    ),
]


@takes(
    RunSpec,
    *("model", RUNTIME, "-host", "-instances", ACCELERATOR, PICTURES, *CLASS_OF_MODEL),
    *("labels", "softmax", "output", "data_layout", "timeout_s"),
    flags=LAYOUT_OF_DATA,
    shown=("labels", "softmax", "resize", "crop", "scale", "mean", "std"),
)
def classify(
    spec: RunSpec,
    images: Images,
    top: Annotated[
        int, typer.Option("--top", min=1, help="Number of classes to print for each picture.")
    ] = 5,
    json: options.Json = None,
) -> None:
    """Show what a model sees in pictures: the best classes.

    A uint8 input takes the pixels as they are; an int8 input those of the range that its
    quantisation holds. A float input does not tell what it was trained on: without --scale, --mean
    and --std it gets 0 to 255, and a note says so. Each picture is run once, which says nothing
    about the latency: that is what `bench` is for.

    Examples:

      edgeloop classify model.tflite cat.png --labels labels.txt

      edgeloop classify model.onnx a.jpg b.jpg --mean 127.5 --std 127.5 --softmax --top 3
    """
    require_writable(json)
    from edgeloop.cli.pages.evaluation import classified_page
    from edgeloop.measure.classify import classify as classify_pictures

    observer = TerminalObserver()
    classified = classify_pictures(spec, images, top, observer)
    show(lambda: classified_page(classified), classified.as_dict, json)
    if classified.error is not None:
        raise classified.error
