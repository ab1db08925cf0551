"""Writes small TensorFlow models into a folder: python tensorflow_files.py FOLDER."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

folder = Path(sys.argv[1])
generator = np.random.default_rng(0)
weights = generator.normal(size=(8, 5)).astype(np.float32)
images = generator.normal(size=(40, 8)).astype(np.float32)
np.savez(folder / "linear.npz", x_data=images, y_data=np.argmax(images @ weights, axis=1))


class Linear(tf.Module):
    """One product with a variable."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(weights)

    @tf.function(input_signature=[tf.TensorSpec([None, 8], tf.float32, name="x")])
    def __call__(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": tf.matmul(x, self.weights)}


linear = Linear()
function = linear.__call__.get_concrete_function()
tf.saved_model.save(linear, str(folder / "linear"), signatures={"serving_default": function})
tf.saved_model.save(tf.Module(), str(folder / "no_signature"))
shutil.copytree(folder / "linear", folder / "no_variables")
shutil.rmtree(folder / "no_variables" / "variables")

frozen = convert_variables_to_constants_v2(function).graph.as_graph_def()
(folder / "frozen.pb").write_bytes(frozen.SerializeToString())
for node in frozen.node:
    if node.op == "MatMul":
        node.op = "Mystery"
(folder / "unknown.pb").write_bytes(frozen.SerializeToString())


class Text(tf.Module):
    """Takes text."""

    @tf.function(input_signature=[tf.TensorSpec([1], tf.string, name="t")])
    def __call__(self, t: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"length": tf.strings.length(t)}


class Files(tf.Module):
    """Writes a file."""

    @tf.function(input_signature=[tf.TensorSpec([1, 8], tf.float32, name="x")])
    def __call__(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        tf.io.write_file(str(folder / "written"), tf.strings.as_string(x[0, 0]))
        return {"same": x}


for module, name in ((Text(), "text"), (Files(), "files")):
    signature = {"serving_default": module.__call__.get_concrete_function()}
    tf.saved_model.save(module, str(folder / name), signatures=signature)
