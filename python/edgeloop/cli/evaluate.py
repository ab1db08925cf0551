"""`edgeloop eval`."""

from typing import Annotated

import typer

from edgeloop.cli import data_options, options
from edgeloop.cli.measuring import run_spec
from edgeloop.cli.output import TerminalObserver, require_writable, show

DataSet = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="An .npz (x_data, y_data), an .npy, a folder with a folder of pictures for each "
        "class, a CSV of file,label, or one picture.",
        show_default=False,
    ),
]


def evaluate(
    model: options.Model,
    data: DataSet,
    runtime: options.Runtimes = None,
    loops: options.Loops = None,
    reference: data_options.Reference = None,
    task: data_options.Task = None,
    top_k: data_options.TopK = 5,
    softmax: data_options.Softmax = False,
    output: data_options.Output = None,
    include_preprocess: data_options.IncludePreprocess = False,
    x_key: options.XKey = "x_data",
    y_key: options.YKey = "y_data",
    y_file: data_options.YFile = None,
    data_layout: options.LayoutOfData = None,
    resize: data_options.Resize = None,
    crop: data_options.Crop = None,
    color: data_options.Color = None,
    scale: data_options.Scale = None,
    mean: data_options.Mean = None,
    std: data_options.Std = None,
    labels: data_options.Labels = None,
    label_offset: data_options.LabelOffset = 0,
    strict: options.Strict = False,
    threads: options.Threads = None,
    batch_size: options.BatchSize = None,
    instances: data_options.Instances = None,
    shape: options.Shapes = None,
    delegate: options.Delegate = None,
    use_armnn: options.UseArmnn = False,
    armnn_path: options.ArmnnPath = None,
    provider: options.Provider = None,
    require_delegate: options.RequireDelegate = None,
    settings: options.Settings = None,
    library: options.Library = None,
    python: options.Python = None,
    seed: options.Seed = 0,
    timeout: options.Timeout = 600.0,
    model_class_path: options.ModelClassPath = None,
    model_class_name: options.ModelClassName = None,
    trust_pickle: options.TrustPickle = False,
    json: options.Json = None,
    out: options.Out = None,
    no_save: options.NoSave = False,
) -> None:
    """Accuracy of a model on a data set, and agreement with another model.

    The data is read in pieces, whatever its size. Data of the input's own dtype is taken as it is
    stored; any other is real values, which are quantised as the model says. Outputs are brought
    back to real values before any metric. The task is told from the labels, unless --task says it;
    every metric has its 95 % interval.

    Examples:

      edgeloop eval model.tflite test.npz

      edgeloop eval model.onnx photos/ --labels labels.txt --mean 127.5 --std 127.5 --softmax

      edgeloop eval model_int8.tflite test.npz --reference model.onnx@onnxruntime

      edgeloop eval model.tflite list.csv --include-preprocess --json result.json

      edgeloop eval model.tflite test.npz --instances 4
    """
    chosen = dict(locals())
    require_writable(json)
    spec = run_spec(chosen)
    from edgeloop.cli.pages.evaluation import evaluation_page
    from edgeloop.measure.evaluation import evaluate_all

    observer = TerminalObserver()
    result = evaluate_all(
        spec,
        reference=reference,
        include_preprocess=include_preprocess,
        save=not no_save,
        out=out,
        observer=observer,
    )
    observer.clear()
    try:
        show(lambda: evaluation_page(result), result.as_dict, json)
    finally:
        if result.path is not None:
            typer.echo(f"result: {result.path}", err=True)
    if result.error is not None:
        raise result.error
