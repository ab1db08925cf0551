"""Summarise PyTorch files: TorchScript, checkpoints, torch.export and AOTInductor packages.

Nothing is loaded into PyTorch and nothing is unpickled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgeloop.errors import ModelError, plain
from edgeloop.models.aotinductor_file import summarised
from edgeloop.models.formats import (
    EXPORTED_PROGRAM,
    ModelFormat,
    detect_format,
    is_exported_model,
)
from edgeloop.models.identity import identity_of, model_bytes
from edgeloop.models.pickle_scan import PickleScan, PickleScanError, Storage, scan_pickle
from edgeloop.models.summary import ModelSummary, stated
from edgeloop.models.torch_export import ExportFormatError, read_program
from edgeloop.models.torch_export_summary import with_program
from edgeloop.models.torch_weights import RULE, count_weights
from edgeloop.models.zip_members import Members, opened_zip

_MAX_PICKLE = 16 << 20  # bytes; names, shapes and offsets of 100,000 tensors fit
# What a pickle may unpack to beside a multiple of the file: PyTorch does not compress it.
_MIN_PICKLE, _PICKLE_BYTES_PER_BYTE = 1 << 20, 4
_MAX_SMALL = 1 << 16  # bytes of version and metadata files
_ARCHIVES = ("data", "constants")  # a frozen TorchScript module keeps its weights in the second
_LEGACY_HEADERS = 3  # pickles before the object: magic number, protocol, system

_TOO_LONG = "its list of tensors is longer than a file of its size needs and was not followed"
_UNKNOWN = "known only after loading the file in PyTorch, which could run code from it"


def summarise(path: Path) -> ModelSummary:
    """Summarise a PyTorch file.

    Raises ModelError where the file is damaged or is something else.
    """
    found = detect_format(path)
    if found.format not in ("pytorch", "aotinductor"):
        raise ModelError(f"{path} is not a PyTorch file but {found.format}")
    empty = _empty(path, found)
    if found.kind == "legacy-checkpoint":
        return _legacy(path, empty)
    with opened_zip(path) as members:
        if found.format == "aotinductor":
            return summarised(empty, members)
        if found.kind == "export":
            return _export(members, empty)
        return _pickled(path, members, empty)


def _empty(path: Path, found: ModelFormat) -> ModelSummary:
    return ModelSummary(
        path=str(path),
        format=found.format,
        kind=found.kind,
        bytes=model_bytes(path),
        sha256=identity_of(path),
        precision=None,
        precision_reason=_UNKNOWN,
        inputs=None,
        outputs=None,
        operators=None,
        parameters=None,
        parameters_reason=_UNKNOWN,
        parameter_bytes=None,
        macs=None,
        macs_reason=_UNKNOWN,
        notes=(f"inputs, outputs, operators and MACs are {_UNKNOWN}",),
    )


def _pickled(path: Path, members: Members, empty: ModelSummary) -> ModelSummary:
    names = members.inner
    pickles = [name for name in (f"{archive}.pkl" for archive in _ARCHIVES) if name in names]
    most = min(_MAX_PICKLE, _MIN_PICKLE + _PICKLE_BYTES_PER_BYTE * empty.bytes)
    if max(members.sizes[names[name]] for name in pickles) > most:
        return replace(empty, parameters_reason=_TOO_LONG)
    storages: list[Storage] = []
    imports: list[str] = []
    for name in pickles:
        scan = _scan(members, names[name], most)
        # The archives number their blocks independently.
        folder = name[: -len(".pkl")]
        storages += (replace(s, key=f"{folder}/{s.key}") for s in scan.storages)
        imports += scan.names
    sizes = {name: members.sizes[full] for name, full in names.items()}
    summary = _with_weights(path, empty, storages, imports, sizes)
    return replace(
        summary,
        metadata=stated(
            **summary.metadata,
            members=len(members.sizes),
            version=_text(members, names.get("version")),
            byteorder=_text(members, names.get("byteorder")),
            mobile=True if "bytecode.pkl" in names else None,
        ),
    )


def _scan(members: Members, name: str, most: int) -> PickleScan:
    try:
        return scan_pickle(members.read(name, most))
    except PickleScanError as error:
        raise members.damaged(str(error)) from error


def _legacy(path: Path, empty: ModelSummary) -> ModelSummary:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_PICKLE)
        position = 0
        for _ in range(_LEGACY_HEADERS):
            position = scan_pickle(data, position).end
        scan = scan_pickle(data, position)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except PickleScanError as error:
        if empty.bytes > len(data):
            return replace(empty, parameters_reason=_TOO_LONG)
        raise ModelError(
            f"{path} is damaged or cut short ({error}); fetch or save it again"
        ) from error
    summary = _with_weights(path, empty, scan.storages, scan.names, None)
    if (summary.parameter_bytes or 0) > empty.bytes:
        raise ModelError(
            f"{path} is cut short: {summary.parameter_bytes:,} bytes of weights are announced, the "
            f"file has {empty.bytes:,}. Fetch or save it again"
        )
    return summary


def _with_weights(
    path: Path,
    empty: ModelSummary,
    storages: Sequence[Storage],
    imports: Sequence[str],
    sizes: dict[str, int] | None,
) -> ModelSummary:
    weights = count_weights(storages, sizes, str(path))
    precision, reason = weights.precision()
    notes = list(empty.notes)
    if empty.kind != "torchscript":
        classes = _classes(imports)
        notes.append(
            "a checkpoint holds weights, not the network: to measure it, name the class whose "
            "weights they are (--model-class-path net.py --model-class-name Net --shape ...)"
            if not classes
            else f"loading it needs, and runs, the Python code of {', '.join(classes[:4])}: to "
            "measure it, say --trust-pickle where you trust that, and --shape"
        )
    return replace(
        empty,
        precision=precision,
        precision_reason=reason,
        parameters=weights.elements,
        parameters_reason=RULE,
        parameter_bytes=weights.stored_bytes,
        metadata={"stored_types": dict(weights.by_type), "tensors": len(storages)},
        notes=tuple(notes),
    )


def _classes(names: Sequence[str]) -> list[str]:
    """Return the imports of a pickle beyond those of plain weights."""
    plain_weights = ("torch._utils.", "collections.OrderedDict")
    return [
        plain(name)
        for name in names
        if not name.startswith(plain_weights)
        and not (name.startswith("torch.") and name.count(".") == 1)  # torch.FloatStorage
    ]


def _export(members: Members, empty: ModelSummary) -> ModelSummary:
    names = members.inner
    models = sorted(filter(is_exported_model, names))
    member = names.get(EXPORTED_PROGRAM) or names[models[0]]
    try:
        program = read_program(members.read_json(member))
    except ExportFormatError as error:
        raise members.damaged(str(error)) from error
    summary = with_program(empty, program)
    if len(models) > 1:
        notes = (*summary.notes, f"{len(models)} programs; this is '{plain(models[0])}'")
        summary = replace(summary, notes=notes)
    return summary


def _text(members: Members, name: str | None) -> str | None:
    if name is None:
        return None
    return plain(members.read(name, _MAX_SMALL).decode("utf-8", "replace").strip())
