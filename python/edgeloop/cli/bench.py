"""`edgeloop bench`."""

from __future__ import annotations

from edgeloop.cli.measuring import measuring_command

bench = measuring_command(
    "bench",
    "bench_table",
    """Measure the latency of a model, with an interval for every figure.

    The native loop is measured where the runtime has one, else the framework's own Python loop.
    Cold figures (interpreter, import, load, first run) are kept apart. Threads: the CPUs of the
    fastest cluster in reach.

    Examples:

      edgeloop bench model.tflite

      edgeloop bench model.onnx --threads 4 --effort rigorous --json result.json

      edgeloop bench model.tflite --runtime all --delegate none

      edgeloop bench model.tflite --delegate /opt/npu/libdelegate.so --require-delegate 90%

      edgeloop bench net.pt --shape 1x3x224x224

      edgeloop bench model.tflite --host pi@raspberrypi.local --python venv/bin/python

      edgeloop bench model.onnx --to tflite --layout nhwc --data test.npz
      edgeloop bench net.onnx --to tflite --quantize int8 --representative-data train.npz
      --data test.npz
    """,
)
