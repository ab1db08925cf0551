"""`edgeloop overhead`."""

from __future__ import annotations

from edgeloop.cli.measuring import measuring_command

overhead = measuring_command(
    "overhead",
    "overhead_table",
    """Say how much of the time is Python: the same model in every loop, interleaved.

    native: C++ calls the engine. binding: a Python loop over that very engine. callable: C++ calls
    the framework's Python function. framework: a Python loop over the framework's own API.
    framework-io: the same with inputs set and outputs fetched, as an application does.

    One thread unless --threads says otherwise, the same inputs and the same clock in every loop.

    Examples:

      edgeloop overhead model.tflite

      edgeloop overhead model.onnx --loops native,framework-io

      edgeloop overhead null
    """,
)
