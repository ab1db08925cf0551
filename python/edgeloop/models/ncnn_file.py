"""Read ncnn models without ncnn: a text of layers (.param) and their weights (.bin) beside it.

Format: github.com/Tencent/ncnn, docs/developer-guide/param-and-model-file-structure.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.errors import ModelError, plain
from edgeloop.models.formats import detect_format
from edgeloop.models.identity import identity_of, model_bytes
from edgeloop.models.summary import ModelSummary, OperatorCount, TensorSummary

# Of an Input layer: numbers of its width, height, depth and channels; 0 where it leaves one open.
_WIDTH, _HEIGHT, _DEPTH, _CHANNELS = "0", "1", "11", "2"

# Layer → the parameter that counts its weights; those of a convolution begin with their type.
_WEIGHTS = {
    **dict.fromkeys(("Convolution", "ConvolutionDepthWise", "Deconvolution"), "6"),
    **dict.fromkeys(("DeconvolutionDepthWise", "Convolution1D"), "6"),
    "InnerProduct": "2",
}
_BIAS = {"InnerProduct": "1"}
# Layer → numbers for each of its channels (parameter 0).
_PER_CHANNEL = {"BatchNorm": 4, "PReLU": 1}
_TYPES = {0: "fp32", 0x01306B47: "fp16", 0x000D4B38: "int8"}
# Weights that are not counted here.
_UNCOUNTED = frozenset((
    *("LSTM", "GRU", "RNN", "MultiHeadAttention", "Embed", "MemoryData", "Gemm", "Scale", "Bias"),
    *("LayerNorm", "GroupNorm", "InstanceNorm", "RMSNorm", "DeformableConv2D", "Convolution3D"),
))  # fmt: skip
_MOST_LAYERS = 1_000_000


@dataclass(frozen=True)
class Layer:
    """One line of the text."""

    type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class NcnnModel:
    """The two files of a model, and the layers of the first."""

    param: Path
    weights: Path
    layers: Sequence[Layer]

    @property
    def inputs(self) -> dict[str, Optional[tuple[Optional[int], ...]]]:
        """Return blob → shape with a first dimension of 1; None where the text has none."""
        return {
            layer.outputs[0]: _input_shape(layer.parameters)
            for layer in self.layers
            if layer.type == "Input" and layer.outputs
        }

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the blobs that no layer takes, in their order."""
        taken = {blob for layer in self.layers for blob in layer.inputs}
        return tuple(blob for layer in self.layers for blob in layer.outputs if blob not in taken)


def files_of(path: str | Path) -> tuple[Path, Path]:
    """Return the .param and the .bin of a model: one that is named, or the only pair of a folder.

    Raises ModelError where one of them is missing.
    """
    target = Path(path)
    if target.is_dir():
        found = pairs_in(target)
        if len(found) != 1:
            raise ModelError(
                f"{target} has {len(found)} pairs of .param and .bin; give the .param of one"
            )
        return found[0]
    weights = target.with_suffix(".bin")
    if not weights.is_file():
        raise ModelError(f"{target} needs its weights beside it, in {weights.name}")
    return target, weights


def pairs_in(folder: Path) -> list[tuple[Path, Path]]:
    """Return the pairs of .param and .bin in a folder."""
    texts = sorted(one for one in folder.glob("*.param") if detect_format(one).format == "ncnn")
    return [(one, one.with_suffix(".bin")) for one in texts if one.with_suffix(".bin").is_file()]


def read_ncnn(path: str | Path) -> NcnnModel:
    """Read the layers of a model. Raises ModelError where it is damaged or incomplete."""
    param, weights = files_of(path)
    try:
        lines = param.read_bytes().decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{param} cannot be read: {error}") from error
    try:
        count = int(lines[1].split()[0])
        if not 0 < count <= _MOST_LAYERS:
            raise ValueError(f"{count} layers")
        texts = [line.split() for line in lines[2:] if line.strip()]
        layers = tuple(map(_layer, texts[:count]))
    except (ValueError, IndexError) as error:
        raise ModelError(f"{param} is not a text of ncnn's layers: {plain(str(error))}") from error
    if len(layers) < count:
        raise ModelError(f"{param} is cut short: {len(layers)} of {count} layers are there")
    if any(layer.type.startswith("pnnx.") for layer in layers):
        raise ModelError(f"{param} is pnnx's own graph; give the .ncnn.param beside it")
    return NcnnModel(param, weights, layers)


def summarise(path: Path) -> ModelSummary:
    """Summarise layers and weights; the shapes between the layers are not in the files."""
    model = read_ncnn(path)
    counts = Counter(layer.type for layer in model.layers)
    parameters, reason = _parameters(model.layers)
    precision = _precision(model)
    return ModelSummary(
        path=str(path),
        format="ncnn",
        kind=None,
        bytes=model_bytes(path),
        sha256=identity_of(path),
        precision=precision,
        precision_reason="" if precision else "the first weights are of a type of their own",
        inputs=tuple(
            TensorSummary(name, "float32", shape, (None,) * len(shape or ()), None)
            for name, shape in model.inputs.items()
        ),
        outputs=tuple(TensorSummary(name, "float32", None, (), None) for name in model.outputs),
        operators=tuple(OperatorCount(name, n, False, None) for name, n in counts.most_common()),
        parameters=parameters,
        parameters_reason=reason,
        parameter_bytes=model.weights.stat().st_size,
        macs=None,
        macs_reason="the files do not state the shapes between the layers",
        metadata={"weights": model.weights.name},
    )


def _layer(words: Sequence[str]) -> Layer:
    taken, made = int(words[2]), int(words[3])
    if min(taken, made) < 0 or len(words) < 4 + taken + made:
        raise ValueError(f"the layer '{words[1]}' lacks blobs")
    blobs = words[4 : 4 + taken + made]
    pairs = (word.partition("=") for word in words[4 + taken + made :])
    return Layer(
        type=words[0],
        name=words[1],
        inputs=tuple(blobs[:taken]),
        outputs=tuple(blobs[taken:]),
        parameters={key: value for key, _, value in pairs},
    )


def _number(parameters: Mapping[str, str], key: str) -> int:
    word = parameters.get(key, "0")
    try:
        return int(word)
    except ValueError as error:
        raise ModelError(
            f"the .param is damaged: a layer's parameter {key} is '{plain(word)}', not a number"
        ) from error


def _input_shape(parameters: Mapping[str, str]) -> Optional[tuple[Optional[int], ...]]:
    sizes = [_number(parameters, key) for key in (_CHANNELS, _DEPTH, _HEIGHT, _WIDTH)]
    while sizes and sizes[0] == 0:
        sizes.pop(0)
    stated = [size for size in sizes if size != 0]  # without depth an image has three numbers
    return (1, *stated) if stated else None


def _parameters(layers: Sequence[Layer]) -> tuple[Optional[int], str]:
    unknown = sorted({layer.type for layer in layers if layer.type in _UNCOUNTED})
    if unknown:
        return None, f"the text does not count the weights of {', '.join(unknown)}"
    total = 0
    for layer in layers:
        given = layer.parameters
        if layer.type in _WEIGHTS:
            total += _number(given, _WEIGHTS[layer.type])
            total += _number(given, "0") * _number(given, _BIAS.get(layer.type, "5"))
        total += _PER_CHANNEL.get(layer.type, 0) * _number(given, "0")
    return total, ""


def _precision(model: NcnnModel) -> Optional[str]:
    """Return how the first weights are stored; those of one model are stored alike."""
    first = next((layer.type for layer in model.layers if layer.type in _WEIGHTS), None)
    before = any(layer.type in _PER_CHANNEL or layer.type in _UNCOUNTED for layer in model.layers)
    if first is None or before:
        return None
    with model.weights.open("rb") as stream:
        return _TYPES.get(int.from_bytes(stream.read(4), "little"))
