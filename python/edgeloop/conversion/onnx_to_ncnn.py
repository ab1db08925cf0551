"""ONNX to ncnn, by the program of the pnnx package."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Optional

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.onnx_source import OnnxSource, fix_shapes
from edgeloop.errors import ModelError, NotAvailableError, UsageError, nearest, one_line
from edgeloop.models.ncnn_file import Layer, read_ncnn

PRECISIONS = ("fp32", "fp16")

# As other exporters name the files in their folder.
_STEM = "model.ncnn"
_TIMEOUT_S = 3000.0
_IGNORED = re.compile(r"^ignore (\S+) \S+ param (\S+)$", re.MULTILINE)
# Numbers of an Input layer's parameters, the last dimension first.
_SIZES = {1: ("0",), 2: ("0", "1"), 3: ("0", "1", "2"), 4: ("0", "1", "11", "2")}


def import_packages() -> None:
    """Import onnx and ncnn; pnnx is a program, whose package would import PyTorch."""
    import ncnn  # noqa: F401
    import onnx  # noqa: F401


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Write a folder with the .param and the .bin, with the names and shapes of the ONNX file.

    Raises ModelError where pnnx or ncnn lacks an operator, UsageError for a batch.
    """
    precision = _precision(options.builder)
    model = fix_shapes(source, "fixed.onnx", options)
    _require_single_samples(model)
    notes = _strided_slices_pooled("fixed.onnx", "whole.onnx")
    said = _pnnx("whole.onnx", precision)
    folder = Path(target)
    folder.mkdir()
    layers = read_ncnn(f"{_STEM}.param").layers
    _require_layers(layers, said)
    text = _named(layers, model)
    (folder / f"{_STEM}.param").write_text(text, encoding="utf-8")
    Path(f"{_STEM}.bin").rename(folder / f"{_STEM}.bin")
    written = read_ncnn(folder)
    return Converted(
        notes=tuple(notes),
        inputs=tuple(written.inputs),
        outputs=written.outputs,
        precision=precision,
        parameters=model.parameters,
    )


def _precision(builder: Mapping[str, str]) -> str:
    wanted = builder.get("precision", PRECISIONS[0])
    if wanted not in PRECISIONS:
        raise UsageError(f"unknown precision '{wanted}' for ncnn; {nearest(wanted, PRECISIONS)}")
    return wanted


def _require_single_samples(model: OnnxSource) -> None:
    for spec in model.inputs:
        if spec.dtype != "float32":
            raise ModelError(
                f"the input '{spec.name}' is {spec.dtype}, and ncnn's inputs are float32"
            )
        if not 2 <= len(spec.shape) <= 1 + max(_SIZES) or spec.shape[0] != 1:
            raise UsageError(
                f"ncnn runs one sample at a time: the input '{spec.name}' is "
                f"{'x'.join(map(str, spec.shape))}, and its first dimension has to be 1"
            )


def _strided_slices_pooled(path: str, written: str) -> list[str]:
    """Write a copy in which x[:, :, ::2] is a pooling over one pixel: ncnn's slices have no steps.

    Returns what was replaced, in a sentence.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(path)
    constants = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    ranks = {
        one.name: (len(one.type.tensor_type.shape.dim), one.type.tensor_type.elem_type)
        for one in (*model.graph.value_info, *model.graph.input)
    }
    count = 0
    for node in model.graph.node:
        strides = _strides(node, constants)
        if strides is None or ranks.get(node.input[0]) != (4, onnx.TensorProto.FLOAT):
            continue
        pooled = helper.make_node(
            "MaxPool", node.input[:1], node.output, node.name, kernel_shape=[1, 1], strides=strides
        )
        node.CopyFrom(pooled)
        count += 1
    onnx.save(model, written)
    return [f"{count} slices with steps became poolings over one pixel"] if count else []


def _strides(node: Any, constants: Mapping[str, Any]) -> Optional[list[int]]:
    """Return the steps in height and width of a slice that takes every n-th pixel."""
    if node.op_type != "Slice" or len(node.input) < 5:
        return None
    given = [constants.get(name) for name in node.input[1:5]]
    if any(one is None for one in given):
        return None
    starts, ends, axes, steps = ([int(value) for value in one] for one in given if one is not None)
    strides = [1, 1]
    for start, end, axis, step in zip(starts, ends, axes, steps):
        if start != 0 or end < 2**31 - 1 or axis % 4 < 2 or step < 1:
            return None
        strides[axis % 4 - 2] = step
    return strides if max(strides) > 1 else None


def _pnnx(model: str, precision: str) -> str:
    """Run pnnx in this folder and return what it printed. Raises ModelError with its last lines."""
    spec = find_spec("pnnx")
    program = None if spec is None or spec.origin is None else Path(spec.origin).with_name("pnnx")
    if program is None or not program.is_file():
        raise NotAvailableError("the pnnx package has no program pnnx; run 'edgeloop setup ncnn'")
    arguments = [
        *(f"fp16={int(precision == 'fp16')}", f"ncnnparam={_STEM}.param", f"ncnnbin={_STEM}.bin"),
    ]
    done = subprocess.run(
        [str(program), model, *arguments],
        capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False,
    )  # fmt: skip
    print(done.stdout, done.stderr)  # the log of the step
    if done.returncode != 0 or not Path(f"{_STEM}.param").is_file():
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "failed" in line]
        words = one_line("; ".join(lines) or done.stderr[-300:] or "it printed nothing", 400)
        raise ModelError(f"pnnx cannot convert the model (code {done.returncode}): {words}")
    return done.stdout + done.stderr


def _require_layers(layers: Sequence[Layer], said: str) -> None:
    """Raise ModelError that names the layers which ncnn lacks."""
    import ncnn

    lacks = sorted({one.type for one in layers if ncnn.layer_to_index(one.type) < 0})
    if lacks:
        raise ModelError(f"ncnn has no layer {', '.join(lacks)}, which pnnx left in the model")
    ignored = sorted({f"{layer} {name}" for layer, name in _IGNORED.findall(said)})
    if ignored:
        raise ModelError(f"pnnx ignored what ncnn cannot express: {', '.join(ignored)}")


def _named(layers: Sequence[Layer], model: OnnxSource) -> str:
    """Return the text with the model's names for inputs and outputs, and the shapes of inputs."""
    inputs = [layer.outputs[0] for layer in layers if layer.type == "Input"]
    taken = {blob for layer in layers for blob in layer.inputs}
    outputs = [blob for layer in layers for blob in layer.outputs if blob not in taken]
    if len(inputs) != len(model.inputs) or len(outputs) != len(model.outputs):
        raise ModelError(
            f"pnnx wrote {len(inputs)} inputs and {len(outputs)} outputs, and the model has "
            f"{len(model.inputs)} and {len(model.outputs)}"
        )
    theirs = sorted(inputs, key=_number), sorted(outputs, key=_number)
    ours = [spec.name for spec in model.inputs], list(model.outputs)
    names = {
        old: re.sub(r"\s", "_", new)
        for olds, news in zip(theirs, ours)
        for old, new in zip(olds, news)
    }
    shapes = dict(zip(theirs[0], (spec.shape[1:] for spec in model.inputs)))
    blobs = {blob for layer in layers for blob in layer.outputs}
    if len({*names.values(), *(blobs - set(names))}) < len(blobs):
        names = {}  # one of the names is another blob's already
    lines = ["7767517", f"{len(layers)} {len(blobs)}"]
    for layer in layers:
        parameters = dict(layer.parameters)
        if layer.type == "Input":
            shape = shapes[layer.outputs[0]]
            parameters.update(zip(_SIZES[len(shape)], map(str, reversed(shape))))
        words = [layer.type, layer.name, str(len(layer.inputs)), str(len(layer.outputs))]
        words += [names.get(blob, blob) for blob in (*layer.inputs, *layer.outputs)]
        words += [f"{key}={value}" for key, value in parameters.items()]
        lines.append(" ".join(words))
    return "\n".join(lines) + "\n"


def _number(blob: str) -> int:
    """Return the place of in3 or out3 among the inputs or outputs."""
    found = re.search(r"(\d+)$", blob)
    return int(found.group(1)) if found else 0
