"""`edgeloop inspect`."""

from edgeloop.cli import options
from edgeloop.cli.output import require_writable, show


def inspect(model: options.Model, json: options.Json = None) -> None:
    """Describe a model file: tensors, quantisation, operators, parameters, MACs.

    Nothing of the file is executed or unpickled, and no runtime is needed.

    Examples:

      edgeloop inspect model.tflite

      edgeloop inspect model.onnx --json -
    """
    require_writable(json)
    from edgeloop.api import inspect as describe
    from edgeloop.report.model import model_page

    summary = describe(model)
    show(lambda: model_page(summary), summary.as_dict, json)
