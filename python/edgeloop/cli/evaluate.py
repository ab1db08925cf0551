"""`edgeloop eval`."""

from functools import partial
from typing import Annotated, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.output import TerminalObserver, require_writable, show
from edgeloop.cli.parameters import takes
from edgeloop.spec.option import ACCELERATOR, DATA, METRICS, OUTPUT, PICTURES, RUNTIME
from edgeloop.spec.run import RunSpec

DATA_SET = (
    "An .npz (x_data, y_data), an .npy, a folder with a folder of pictures for each class, a CSV "
    "of file,label, one picture, a COCO json (boxes)."
)
# Nothing is converted here, so that "--layout" can only mean that of the data.
LAYOUT_OF_DATA = {"data_layout": ("--layout", "--data-layout")}
CLASS_OF_MODEL = ("model_class_path", "model_class_name", "trust_pickle")


@takes(
    RunSpec,
    *("model", RUNTIME, "-host", ACCELERATOR, DATA, METRICS, PICTURES, OUTPUT, *CLASS_OF_MODEL),
    *("seed", "timeout_s"),
    arguments={"data": DATA_SET},
    flags=LAYOUT_OF_DATA,
    shown=("labels", "task", "softmax", "resize", "crop", "scale", "mean", "std", "strict"),
)
def evaluate(
    spec: RunSpec,
    reference: Annotated[
        Optional[str],
        typer.Option(
            "--reference",
            metavar="MODEL[@CONFIG]",
            help="Agreement with another model on the same data: MODEL@runtime,key=value.",
            show_default=False,
            rich_help_panel=METRICS,
        ),
    ] = None,
    include_preprocess: Annotated[
        bool,
        typer.Option(
            "--include-preprocess",
            help="Time decoding, resizing and quantising (with scaling) as well, each separately.",
            rich_help_panel=DATA,
        ),
    ] = False,
    json: options.Json = None,
    out: options.Out = None,
    no_save: options.NoSave = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure the accuracy of a model on a data set.

    The data is read in pieces, whatever its size. Data of the input's own dtype is taken as it is
    stored; any other is real values, which are quantised as the model says. Outputs are brought
    back to real values before any metric. The task is detected from the labels unless --task is
    given; every metric has its 95 % interval.

    Examples:

      edgeloop eval model.tflite test.npz

      edgeloop eval model.onnx photos/ --labels labels.txt --mean 127.5 --std 127.5 --softmax

      edgeloop eval model_int8.tflite test.npz --reference model.onnx@onnxruntime

      edgeloop eval model.tflite list.csv --include-preprocess --json result.json

      edgeloop eval model.tflite test.npz --instances 4
    """
    require_writable(json)
    from edgeloop.cli.pages.evaluation import evaluation_page
    from edgeloop.measure.evaluate import evaluate_all

    observer = TerminalObserver()
    results, failures = evaluate_all(
        spec,
        reference=reference,
        include_preprocess=include_preprocess,
        save=not no_save,
        out=out,
        observer=observer,
    )
    observer.clear()
    errors = [(one.header["title"], one.error) for one in results if one.error] + failures
    documents = [one.as_dict() for one in results]
    try:
        if results:
            show(
                lambda: "\n".join(map(partial(evaluation_page, verbose=verbose), results)),
                lambda: documents[0] if len(documents) == 1 else documents,
                json,
            )
    finally:
        for result in results:
            if result.path is not None:
                typer.echo(f"result: {result.path}", err=True)
    if len(results) + len(failures) == 1 and errors:
        raise errors[0][1]
    for title, error in errors:
        typer.echo(f"edgeloop: {title}: {error}", err=True)
    if errors:
        raise typer.Exit(errors[0][1].exit_code)
