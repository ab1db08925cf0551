"""tf2onnx, imported so that it writes the same file every time."""

from __future__ import annotations

from typing import Any

from edgeloop.conversion.tensorflow_source import import_tensorflow


def import_tf2onnx() -> Any:
    """Import TensorFlow and tf2onnx and return its module `convert`.

    tf2onnx walks sets of nodes, whose order is that of their addresses, and numbers the constants
    that it makes on the way. Hashed by name, they are walked in one order by a worker whose
    strings have one hash (worker/process.py).
    """
    import_tensorflow()
    import tf2onnx.convert
    import tf2onnx.graph

    node: Any = tf2onnx.graph.Node
    node.__hash__ = lambda self: hash(self.name)
    return tf2onnx.convert
