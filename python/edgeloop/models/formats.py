"""Detect the format of a model from its content, never from its name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from edgeloop.errors import ModelError
from edgeloop.models import tflite_schema
from edgeloop.models.onnx_wire import Verdict, examine
from edgeloop.models.tensorflow_graph import GRAPH_FILE, is_graph_def
from edgeloop.models.tflite_reader import custom_operators
from edgeloop.models.zip_members import opened_zip

FORMATS = (
    "pytorch",
    "onnx",
    "savedmodel",
    "graphdef",
    "keras",
    "tflite",
    "edgetpu",
    "aotinductor",
    "openvino",
    "tensorrt",
    "ncnn",
)

_HEAD = 4096  # bytes from which everything but ONNX and zip members is detected
NCNN_MAGIC = b"7767517\n"  # the text of a model's layers
EXPORTED_PROGRAM = "serialized_exported_program.json"  # torch.export up to PyTorch 2.6

# First bytes of a plan, as trtexec checks them (TensorRT samples/common/sampleEngines.cpp).
TENSORRT_MAGIC = b"ftrt"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGIC = b"PK"
# Before PyTorch 1.6 torch.save wrote pickles in a row, the first of them this number.
_LEGACY_TORCH_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_PICKLE_PROTOCOLS = range(2, 6)

# (offset, bytes, what it is): models of other tools, named so that no one has to guess.
_FOREIGN = (
    (4, b"ORTM", "an ONNX Runtime .ort model; give the .onnx it was made from"),
    (4, b"PTMF", "a PyTorch mobile flatbuffer; give a TorchScript or torch.export file"),
    (4, b"ET12", "an ExecuTorch program; give a torch.export file"),
    (0, b"GGUF", "a GGUF language model, which no runtime here loads"),
    (0, b"RKNN", "a compiled RKNN model; give the .onnx or .tflite it was made from"),
    (0, b"\x1f\x8b", "a gzip archive; unpack it first"),
)


@dataclass(frozen=True)
class ModelFormat:
    """A format and, where one format has several containers, which of them.

    Kinds: pytorch `torchscript`, `export`, `checkpoint`, `legacy-checkpoint`; keras `keras`,
    `hdf5`.
    """

    format: str
    kind: str | None = None


def detect_format(path: str | Path) -> ModelFormat:
    """Return the format of a file or folder.

    Raises ModelError where it is missing, empty, cut short, or not a model.
    """
    target = Path(path)
    try:
        if target.is_dir():
            return _folder(target)
        size = target.stat().st_size
        if not target.is_file():
            raise ModelError(f"{target} is not a file; give a model file or a SavedModel folder")
        with target.open("rb") as stream:
            head = stream.read(_HEAD)
    except FileNotFoundError as error:
        raise ModelError(f"{target} does not exist; check the path") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise ModelError(f"{target} cannot be read: {error}") from error
    if not size:
        raise ModelError(f"{target} is empty; fetch or convert the model again")
    return _by_magic(target, head) or _by_structure(target, head)


def _folder(target: Path) -> ModelFormat:
    if (target / GRAPH_FILE).is_file():
        return ModelFormat("savedmodel")
    if any(_is_ncnn(one) for one in target.glob("*.param")):
        return ModelFormat("ncnn")
    raise ModelError(
        f"{target} is a folder without {GRAPH_FILE}, so it is not a SavedModel; give a model file"
    )


def _is_ncnn(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(NCNN_MAGIC)) == NCNN_MAGIC


def _by_magic(target: Path, head: bytes) -> ModelFormat | None:
    if head.startswith(_LFS_POINTER):
        raise ModelError(
            f"{target} is a Git LFS pointer, not the model; run 'git lfs pull' in its repository"
        )
    for offset, magic, what in _FOREIGN:
        if head[offset : offset + len(magic)] == magic:
            raise ModelError(f"{target} is {what}")
    if head[4:8] == tflite_schema.IDENTIFIER:
        edgetpu = tflite_schema.EDGETPU_OPERATOR in custom_operators(target)
        return ModelFormat("edgetpu" if edgetpu else "tflite")
    for magic, name in ((TENSORRT_MAGIC, "tensorrt"), (NCNN_MAGIC, "ncnn")):
        if head.startswith(magic):
            return ModelFormat(name)
    if head.startswith(_HDF5_MAGIC):
        return ModelFormat("keras", "hdf5")
    if head.startswith(_LEGACY_TORCH_MAGIC):
        return ModelFormat("pytorch", "legacy-checkpoint")
    if head.startswith(_ZIP_MAGIC):
        return _zip(target)
    return None


def _by_structure(target: Path, head: bytes) -> ModelFormat:
    if b"<net" in head and head.lstrip()[:1] == b"<":
        return ModelFormat("openvino")
    if _is_text(head):
        page = head.lstrip()[:1] == b"<"
        hint = "a web page was saved in its place" if page else "it holds plain text"
        raise ModelError(f"{target} is not a model: {hint}")
    if len(head) > 2 and head[0] == 0x80 and head[1] in _PICKLE_PROTOCOLS:
        raise ModelError(
            f"{target} is a bare Python pickle, which can run code when loaded; save the model "
            "with torch.save, torch.jit.save or torch.export.save"
        )
    with target.open("rb") as stream:
        verdict = examine(stream, target.stat().st_size)
    if verdict is Verdict.ONNX:
        return ModelFormat("onnx")
    if verdict is Verdict.TRUNCATED:
        raise ModelError(f"{target} is {verdict.value}; fetch or export it again")
    if target.name == GRAPH_FILE:
        raise ModelError(f"{target} is one file of a SavedModel; give its folder {target.parent}")
    if verdict is Verdict.OTHER_PROTOBUF:
        if is_graph_def(head):
            return ModelFormat("graphdef")
        raise ModelError(
            f"{target} is a protobuf but neither an ONNX model (no IR version and graph) nor a "
            "frozen TensorFlow graph (no node at its begin)"
        )
    raise ModelError(f"{target} is not a model of a known format; formats: {', '.join(FORMATS)}")


def _is_text(head: bytes) -> bool:
    try:
        text = head[:-3].decode("utf-8") if len(head) == _HEAD else head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 7:
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\t\n\r\f" for c in text)


def _zip(target: Path) -> ModelFormat:
    with opened_zip(target) as members:
        found = _zip_kind(members.inner)
        names = list(members.sizes)
    if found is not None:
        return found
    if names and all(name.endswith(".npy") for name in names):
        raise ModelError(f"{target} is a NumPy .npz archive: data, not a model")
    raise ModelError(
        f"{target} is a zip archive without a model that is known here (TorchScript, checkpoint, "
        "torch.export, AOTInductor, Keras); a zipped SavedModel has to be unpacked"
    )


def _zip_kind(names: Collection[str]) -> ModelFormat | None:
    if "config.json" in names and "model.weights.h5" in names:
        return ModelFormat("keras", "keras")
    if any(n.startswith("data/aotinductor/") and n.endswith(".so") for n in names):
        return ModelFormat("aotinductor")
    if EXPORTED_PROGRAM in names or any(map(is_exported_model, names)):
        return ModelFormat("pytorch", "export")
    if "data.pkl" not in names:
        return None
    code = any(name.startswith("code/") for name in names)
    return ModelFormat("pytorch", "torchscript" if code else "checkpoint")


def is_exported_model(member: str) -> bool:
    """Say whether a zip member is a program of torch.export (PyTorch 2.7 and later)."""
    return member.startswith("models/") and member.endswith(".json")
