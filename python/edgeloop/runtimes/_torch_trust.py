"""What in a torch.export archive would run code while it is loaded.

torch.export.load unpickles without restrictions what the archive marks as pickled, custom and
opaque objects, and example inputs that do not load as plain tensors. It also evaluates the text of
symbolic sizes, executes guards as Python source, and writes names into generated source. Read in
torch/export/pt2_archive/_package.py, torch/export/_unlift.py and torch/_export/serde/serialize.py
of PyTorch 2.13. Here the archive must consist of what is known to be harmless; anything else counts
as code.
"""

from __future__ import annotations

import builtins
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from edgeloop.models.zip_members import Members, opened_zip

_CONFIG = re.compile(r"(?:^|/)data/(?:weights|constants)/.*\.json$")
_PICKLED = re.compile(
    r"(?:^|/)(?:data/(?:weights|constants|sample_inputs)/.*\.pt"
    r"|serialized_(?:state_dict|constants|example_inputs)\.\w+)$"
)
_PROGRAM = re.compile(r"(?:^|/)(?:models/.+|serialized_exported_program\.json)$")
_PLAIN_PAYLOAD = re.compile(r"(?:weight|tensor)_\d+")

# Names of values and operators, versions, devices: nothing that ends a name in generated source.
_PLAIN_TEXT = re.compile(r"[\w.$:#/+-]*")
_TARGETS = ("torch.ops.", "torch.sym_", "_operator.", "math.")
# Text that PyTorch passes on as text: arguments of operators, and where a node came from.
_QUOTED_BY_PYTORCH = ("as_string", "as_strings", "metadata")
_NESTED_JSON = ("in_spec", "out_spec", "context")

# Arithmetic on names and numbers: no attribute, no text but a name, no subscript.
_ARITHMETIC = re.compile(r"(?:[A-Za-z]\w*|'\w+'|\d+(?:\.\d+)?|[-+*/%(),=<>&|~!\s])*")
_NAME = re.compile(r"[A-Za-z]\w*")
# What a guard says of an input: L['args'][0][0].size()[1], x.size()[0].
_SIZE = re.compile(r"\w+(?:\['\w+'\]|\[\d+\])*\.(?:size|stride)\(\)\[\d+\]")
_HARMLESS_BUILTINS = frozenset(("True", "False", "None"))
_SHOWN = 60  # characters of what was found


def code_in_export(torch: Any, path: Path) -> Optional[str]:
    """Say what in the archive may run code when loaded; None where nothing does."""
    with zipfile.ZipFile(path) as archive:
        names = [name.lower() for name in archive.namelist()]
    # PyTorch finds members without regard to case, and not in zipfile's order.
    if len(set(names)) != len(names):
        return "members of the same name, of which each reader takes another"
    with opened_zip(path) as members:
        return next(_findings(torch, members), None)


def _findings(torch: Any, members: Members) -> Iterator[str]:
    for name, size in members.sizes.items():
        lowered = name.lower()
        if _CONFIG.search(lowered):
            yield from _payload_findings(name, members.read(name, size))
        elif _PICKLED.search(lowered):
            if size and not _loads_as_weights(torch, members.read(name, size)):
                yield f"a pickle that is more than tensors ('{name}')"
        elif _PROGRAM.search(lowered):
            yield from _program_findings(name, members.read(name, size))


def _payload_findings(name: str, text: bytes) -> Iterator[str]:
    try:
        payloads = json.loads(text)["config"]
        for label, payload in payloads.items():
            if payload["use_pickle"] or not _PLAIN_PAYLOAD.fullmatch(payload["path_name"]):
                yield f"a pickled object ('{label}')"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield f"a list of payloads of unknown structure ('{name}')"


def _loads_as_weights(torch: Any, pickled: bytes) -> bool:
    try:
        torch.load(io.BytesIO(pickled), map_location="cpu", weights_only=True)
    except Exception:
        # Whatever it is that PyTorch's restricted unpickler refuses.
        return False
    return True


def _program_findings(name: str, text: bytes) -> Iterator[str]:
    try:
        yield from _text_findings("", json.loads(text))
    except (ValueError, RecursionError):
        yield f"a program of unknown structure ('{name}')"


def _text_findings(key: str, value: Any) -> Iterator[str]:
    """Look at every text of the document, each by the rule of the field that holds it."""
    if key in _QUOTED_BY_PYTORCH:
        return
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _text_findings(f"{key} key", name)
            yield from _text_findings(name, item)
    elif isinstance(value, list):
        for item in value:
            yield from _text_findings(key, item)
    elif isinstance(value, str) and not _is_harmless(key, value):
        if key in _NESTED_JSON:
            yield from _text_findings("", json.loads(value))
        else:
            yield f"'{value[:_SHOWN]}' as {key or 'a name'}"


def _is_harmless(key: str, text: str) -> bool:
    if key in ("expr_str", "range_constraints key"):
        return _is_arithmetic(text)
    if key == "guards_code":
        return _is_arithmetic(_SIZE.sub("size", text))
    if key == "target" and not text.startswith(_TARGETS):
        return False
    return _PLAIN_TEXT.fullmatch(text) is not None


def _is_arithmetic(text: str) -> bool:
    if "__" in text or not _ARITHMETIC.fullmatch(text):
        return False
    return not (set(_NAME.findall(text)) & set(dir(builtins))) - _HARMLESS_BUILTINS
