"""Write small models with two inputs and two outputs; runs in the environment convert.

usage: python convert_sources.py FOLDER
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def keras_models(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    image, extra = keras.Input((8, 8, 3), name="image"), keras.Input((5,), name="extra")
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(image)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Concatenate()([x, keras.layers.Dense(7)(extra)])
    # In another order than the alphabet's, which a signature falls back to.
    outputs = [
        keras.layers.Dense(4, name="zeta")(x),
        keras.layers.Dense(3, activation="softmax", name="alpha")(x),
    ]
    model = keras.Model([image, extra], outputs)
    model.save(folder / "two.keras")
    model.save(folder / "two.h5")
    model.export(folder / "two_savedmodel", verbose=False)


def torch_models(folder: Path) -> None:
    import torch
    from torch import nn

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 8, 3, padding=1)
            self.second = nn.Conv2d(8, 8, 3, padding=1)
            self.line = nn.Linear(5, 7)

        def forward(self, image, extra):
            x = torch.relu(self.second(torch.relu(self.first(image))))
            # A map of 8 x 8 x 8: whether its channels come last cannot be told from its shape.
            return x, self.line(extra)

    torch.manual_seed(0)
    program = torch.export.export(Two().eval(), (torch.randn(1, 3, 8, 8), torch.randn(1, 5)))
    torch.export.save(program, folder / "two.pt2")


if __name__ == "__main__":
    keras_models(Path(sys.argv[1]))
    torch_models(Path(sys.argv[1]))
