"""Write the files that converters write wrong without a word; runs in the environment convert.

usage: python convert_silent_failures.py CASE TARGET
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def network():
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10)).eval()


def exported(target, **options):
    import torch

    torch.onnx.export(network(), (torch.randn(1, 3, 8, 8),), target, **options)


def unfrozen(target):
    """A Keras 3 model by from_concrete_functions: its variables stay outside of the file."""
    import keras
    import tensorflow

    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3), batch_size=1, name="image")
    x = keras.layers.Conv2D(32, 3, padding="same", activation="relu")(image)
    x = keras.layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(10, name="scores")(x))
    model.save(f"{target}.keras")
    function = tensorflow.function(lambda image: model(image, training=False))
    concrete = function.get_concrete_function(
        tensorflow.TensorSpec((1, 8, 8, 3), tensorflow.float32)
    )
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([concrete], model)
    Path(target).write_bytes(converter.convert())


CASES = {
    "another-opset": lambda target: exported(
        target, opset_version=13, dynamo=True, external_data=False
    ),
    "side-file": lambda target: exported(target, opset_version=18, dynamo=True, external_data=True),
    "unfrozen": unfrozen,
}

if __name__ == "__main__":
    CASES[sys.argv[1]](sys.argv[2])
