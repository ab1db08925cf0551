"""`edgeloop predict`."""

from typing import Annotated, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.evaluate import CLASS_OF_MODEL, LAYOUT_OF_DATA
from edgeloop.cli.output import TerminalObserver, require_writable, show
from edgeloop.cli.parameters import takes
from edgeloop.spec.option import ACCELERATOR, OUTPUT, PICTURES, RUNTIME
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
    *("labels", "softmax", "output", "decoder", "data_layout", "timeout_s"),
    flags=LAYOUT_OF_DATA,
    shown=("labels", "softmax", "decoder", "resize", "crop", "scale", "mean", "std"),
)
def predict(
    spec: RunSpec,
    images: Images,
    top: Annotated[
        int, typer.Option("--top", min=1, help="Of a classifier: how many classes to show.")
    ] = 5,
    score: Annotated[
        float,
        typer.Option("--score", min=0.0, max=1.0, help="Of a detector: the least score of a box."),
    ] = 0.25,
    save: Annotated[
        Optional[str],
        typer.Option(
            "--save",
            metavar="DIR",
            help="Draw what is seen into a copy of each picture, in this folder.",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    json: options.Json = None,
) -> None:
    """Show what a model sees in pictures: classes or boxes.

    Whether the model detects, and how its outputs become boxes, is recognised from their names and
    shapes and reported; --decoder decides otherwise. Boxes are in pixels of the picture.

    A uint8 input takes the pixels as they are; an int8 input those of the range that its
    quantisation holds. A float input does not tell what it was trained on: without --scale, --mean
    and --std it gets 0 to 255, and a note says so. Each picture is run once, which says nothing
    about the latency: that is what `bench` is for.

    Examples:

      edgeloop predict model.tflite cat.png --labels labels.txt

      edgeloop predict detector.tflite photos/ --labels coco_labels.txt --save drawn

      edgeloop predict model.onnx a.jpg b.jpg --mean 127.5 --std 127.5 --softmax --top 3
    """
    require_writable(json)
    from edgeloop.cli.pages.evaluation import prediction_page
    from edgeloop.measure.predict import predict as predict_pictures

    predicted = predict_pictures(
        spec, images, TerminalObserver(), top=top, least_score=score, save=save
    )
    show(lambda: prediction_page(predicted), predicted.as_dict, json)
    for path in predicted.saved:
        typer.echo(f"drawn: {path}", err=True)
    if predicted.error is not None:
        raise predicted.error
