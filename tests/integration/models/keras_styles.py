"""Write Keras models of every style, and a SavedModel of two signatures; runs in `convert`.

usage: python keras_styles.py FOLDER
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

OWN_CLASS = """import keras


class Scaled(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.dense = keras.layers.Dense(3)

    def call(self, features):
        return {"scores": self.dense(features), "copy": features}
"""


def keras_3(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(6, activation="relu"), keras.layers.Dense(5, name="scores")]
    sequential = keras.Sequential([keras.Input((4,), name="x"), *layers])
    sequential.save(folder / "sequential.keras")
    sequential.save(folder / "sequential.h5")
    (folder / "own_class.py").write_text(OWN_CLASS)
    sys.path.insert(0, str(folder))
    from own_class import Scaled

    scaled = Scaled()
    scaled(keras.ops.ones((2, 4)))
    scaled.save(folder / "subclassed.keras")


def keras_2(folder: Path) -> None:
    import tf_keras

    tf_keras.utils.set_random_seed(0)
    # Keras 3 refuses what Keras 2 writes of a depthwise convolution: "groups".
    layers = [tf_keras.layers.DepthwiseConv2D(3), tf_keras.layers.Flatten()]
    model = tf_keras.Sequential([tf_keras.Input((4, 4, 2), name="x"), *layers])
    model.save(folder / "keras2.h5")


def saved_models(folder: Path) -> None:
    import tensorflow as tf

    class Two(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32, name="x")])
        def double(self, x):
            return {"twice": 2.0 * x}

        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32, name="x")])
        def negate(self, x):
            return {"minus": -x}

    module = Two()
    signatures = {"serving_default": module.double, "negate": module.negate}
    tf.saved_model.save(module, str(folder / "signatures"), signatures=signatures)

    @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32, name=n) for n in ("z", "a")])
    def outputs(z, a):
        values = (z + a, z - a, z * a, z / (1.0 + a * a), tf.nn.relu(z), tf.nn.tanh(a))
        return {f"output_{number}": value for number, value in zip((10, 2, 0, 7, 5, 1), values)}

    tf.saved_model.save(tf.Module(), str(folder / "outputs"), signatures=outputs)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for write in (keras_3, keras_2, saved_models):
        write(Path(sys.argv[1]))
