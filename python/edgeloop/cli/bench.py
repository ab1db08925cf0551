"""`edgeloop bench`."""

from __future__ import annotations

from edgeloop.cli.measuring import measuring_command

bench = measuring_command(
    "bench",
    "bench_table",
    """Measure the latency of a model, with an interval per figure.

    The native loop is measured where the runtime has one, else the framework's own.

    \b
    edgeloop bench model.tflite
    edgeloop bench model.onnx --threads 4 --effort rigorous --json result.json
    edgeloop bench model.tflite --runtime all --delegate none
    edgeloop bench model.onnx --to tflite --data test.npz
    edgeloop bench model.tflite --host pi@raspberrypi.local
    """,
)
