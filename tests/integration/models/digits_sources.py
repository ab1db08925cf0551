"""Write the demo's network in every form that `convert` reads; runs in the environment convert.

usage: python digits_sources.py FOLDER ASSETS
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def weights(path: Path) -> list[tuple]:
    """Return weight and bias of each layer, (out, in, height, width) or (out, in)."""
    import onnx
    from onnx.numpy_helper import to_array

    graph = onnx.load(path).graph
    arrays = {one.name: to_array(one).copy() for one in graph.initializer}
    nodes = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    return [(arrays[node.input[1]], arrays[node.input[2]]) for node in nodes]


def torch_forms(folder: Path, layers: list[tuple]) -> None:
    import torch
    from digits_net import Digits

    net = Digits().eval()
    with torch.no_grad():
        for layer, (weight, bias) in zip([*net.layers, net.line], layers):
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
    torch.save(net.state_dict(), folder / "digits_state.pth")
    torch.save(net, folder / "digits_module.pth")
    program = torch.export.export(net, (torch.zeros(1, 1, 8, 8),))
    torch.export.save(program, folder / "digits_export.pt2")


def keras_forms(folder: Path, layers: list[tuple]) -> None:
    import keras

    image = keras.Input((8, 8, 1), name="image")
    x, made = image, []
    for number, (weight, _) in enumerate(layers[:-1]):
        out, inner, size, _ = weight.shape
        if size > 1:
            x = keras.layers.ZeroPadding2D(1)(x)
        if inner == 1 and number > 0:
            made.append(keras.layers.DepthwiseConv2D(size, activation="relu"))
        else:
            stride = 2 if number == 1 else 1
            made.append(keras.layers.Conv2D(out, size, strides=stride, activation="relu"))
        x = made[-1](x)
    made.append(keras.layers.Dense(len(layers[-1][1]), name="logits"))
    model = keras.Model(image, made[-1](keras.layers.GlobalAveragePooling2D()(x)))
    for layer, (weight, bias) in zip(made, layers):
        if weight.ndim == 2:
            layer.set_weights([weight.T, bias])
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.set_weights([weight.transpose(2, 3, 0, 1), bias])
        else:
            layer.set_weights([weight.transpose(2, 3, 1, 0), bias])
    model.save(folder / "digits.keras")
    model.save(folder / "digits.h5")
    model.export(folder / "digits_savedmodel", verbose=False)


if __name__ == "__main__":
    target, assets = Path(sys.argv[1]), Path(sys.argv[2])
    found = weights(assets / "digits_float32.onnx")
    torch_forms(target, found)
    keras_forms(target, found)
    for name in ("digits_float32.pt", "digits_float32.onnx", "digits_float32.tflite"):
        shutil.copy(assets / name, target)
