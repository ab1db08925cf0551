"""`edgeloop overhead`."""

from __future__ import annotations

from edgeloop.cli.measuring import measuring_command

overhead = measuring_command(
    "overhead",
    "overhead_table",
    """Measure how much of the time is Python.

    The same model runs in every loop, interleaved, with the same inputs and the same clock; one
    thread unless --threads says otherwise. The loops are explained by `edgeloop help method`.

    \b
    edgeloop overhead model.tflite
    edgeloop overhead model.onnx --loops native,framework-io
    edgeloop overhead null
    """,
)
