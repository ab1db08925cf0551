"""What in a TensorFlow or Keras model is code, or touches files, when it is loaded and run.

Keras makes whatever class and function its configuration names, from any module, and unpacks the
bytecode of Lambda layers; a SavedModel may call operators that read and write files by name. Both
are looked for before TensorFlow sees the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from edgeloop.errors import ModelError, plain
from edgeloop.models.formats import detect_format
from edgeloop.models.tensorflow_graph import GRAPH_FILE
from edgeloop.models.zip_members import opened_zip
from edgeloop.spec.load import LoadOptions

# Where the layers, initialisers and functions of Keras itself are.
_MODULES = re.compile(r"(?:keras|tf_keras|tensorflow\.keras|builtins)(?:\..*)?")
_CODE = ("Lambda", "__lambda__", "function")

# Operators that name a file, a socket or a Python function among their arguments.
_OPERATORS = (
    *("WriteFile", "ReadFile", "MatchingFiles", "WholeFileReader", "WholeFileReaderV2"),
    *("TextLineReader", "TextLineReaderV2", "TFRecordReader", "TFRecordReaderV2"),
    *("FixedLengthRecordReader", "FixedLengthRecordReaderV2", "TextLineDataset", "TFRecordDataset"),
    *("FixedLengthRecordDataset", "FixedLengthRecordDatasetV2", "SqlDataset", "LMDBDataset"),
    *("SaveDataset", "SaveDatasetV2", "LoadDataset", "DatasetToTFRecord", "SnapshotDataset"),
    *("CreateSummaryFileWriter", "CreateSummaryDbWriter", "DebugIdentityV2", "DebugIdentityV3"),
    *("PyFunc", "PyFuncStateless", "EagerPyFunc", "RpcCall", "RpcClient", "RegisterDataset"),
)
# As an operator stands in a NodeDef (tensorflow/core/framework/node_def.proto): field 2 of its
# length, before its inputs, its device or its attributes.
_NODES = {
    name: re.compile(re.escape(b"\x12" + bytes([len(name)]) + name.encode()) + rb"[\x1a\x22\x2a]")
    for name in _OPERATORS
}
_PRINTS_TO_A_FILE = b"file://"


def code_in(options: LoadOptions) -> Optional[str]:
    """Say what in a SavedModel or Keras model is code or touches files; None where nothing is.

    Classes of other modules are the user's where a class file is given.
    """
    model = options.model
    found = detect_format(model)
    if found.format in ("savedmodel", "graphdef"):
        folder = Path(model)
        return _in_graph((folder / GRAPH_FILE if folder.is_dir() else folder).read_bytes())
    configuration = _hdf5(model) if found.kind == "hdf5" else _keras(Path(model))
    return next(_in_configuration(configuration, options.model_class_path is None), None)


def _in_graph(graph: bytes) -> Optional[str]:
    for name, node in _NODES.items():
        if node.search(graph):
            return f"the operator {name}, which reaches out of the model"
    return "a print to a file" if _PRINTS_TO_A_FILE in graph else None


def _keras(path: Path) -> Any:
    with opened_zip(path) as members:
        return _parsed(members.read_json(members.inner["config.json"]), path)


def _hdf5(model: str) -> Any:
    import h5py

    with h5py.File(model, "r") as file:
        configuration = file.attrs.get("model_config", b"{}")
    return _parsed(configuration, Path(model))


def _parsed(text: Any, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: its configuration is not JSON") from error


def _in_configuration(value: Any, only_keras: bool) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        if not isinstance(item, dict):
            continue
        waiting.extend(item.values())
        name, module = item.get("class_name"), item.get("module")
        if name in _CODE:
            yield f"a layer of Python code ({plain(str(name))})"
        if only_keras and isinstance(module, str) and not _MODULES.fullmatch(module):
            yield (
                f"a class of the module '{plain(module)}', whose file is given with "
                "--model-class-path"
            )
