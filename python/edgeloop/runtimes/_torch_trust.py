"""What in a torch.export archive would run code while it is loaded.

torch.export.load compiles C++ sources that lie beside the program, unpickles without restrictions
what the archive marks as pickled, custom and opaque objects, and example inputs that do not load as
plain tensors. It also evaluates the text of symbolic sizes, executes guards as Python source, looks
operators up by their dotted names, and writes names into generated source. Read in
torch/export/pt2_archive/_package.py, torch/export/_unlift.py and torch/_export/serde/serialize.py
of PyTorch 2.13. Here the archive must consist of what is known to be harmless; anything else counts
as code.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from edgeloop.models.zip_members import Members, opened_zip
from edgeloop.runtimes._torch_operators import is_permitted
from edgeloop.runtimes._torch_sizes import is_guard, is_size
from edgeloop.spec.plain_text import plain

_CONFIG = re.compile(r"data/(?:weights|constants)/[^/]*_config\.json")
_PICKLED = re.compile(
    r"data/(?:weights|constants|sample_inputs)/[^/]*\.pt"
    r"|serialized_(?:state_dict|constants|example_inputs)\.\w+"
)
_PROGRAM = re.compile(r"models/[^/]+\.json|serialized_exported_program\.json")
# Numbers, versions, and texts that PyTorch hands back as they are.
_PLAIN_MEMBER = re.compile(
    r"data/(?:weights|constants)/(?:weight|tensor)_\d+"
    r"|archive_format|archive_version|byteorder|version|\.format_version|\.storage_alignment"
    r"|\.data/(?:version|serialization_id)|extra/.*"
)
_PLAIN_PAYLOAD = re.compile(r"(?:weight|tensor)_\d+")

# Names of values, versions, devices: nothing that ends a name in generated source.
_PLAIN_TEXT = re.compile(r"[\w.$:#/+-]*")
# Text that PyTorch passes on as text: arguments of operators, and where a node came from.
_QUOTED_BY_PYTORCH = ("as_string", "as_strings", "metadata")
_NESTED_JSON = ("in_spec", "out_spec", "context")
_SIZES = ("expr_str", "range_constraints key")
_OPERATORS = ("target", "as_operator")
# The factory of a defaultdict is imported by its name.
_FACTORY = "default_factory"
_SHOWN = 60  # characters of what was found


def code_in_export(torch: Any, path: Path) -> Optional[str]:
    """Say what in the archive may run code when loaded; None where nothing does."""
    with opened_zip(path) as members:
        doubt = members.doubt()
        return doubt if doubt is not None else next(_findings(torch, members), None)


def _findings(torch: Any, members: Members) -> Iterator[str]:
    for inner, name in members.inner.items():
        # PyTorch finds members without regard to case.
        lowered = inner.lower()
        size = members.sizes[name]
        if _CONFIG.fullmatch(lowered):
            yield from _payload_findings(name, members.read(name, size))
        elif _PICKLED.fullmatch(lowered):
            if size and not _loads_as_weights(torch, members.read(name, size)):
                yield f"a pickle that is more than tensors ('{plain(name)}')"
        elif _PROGRAM.fullmatch(lowered):
            yield from _program_findings(name, members.read_json(name))
        elif lowered.startswith("data/aotinductor/"):
            yield f"sources or machine code that PyTorch compiles or runs ('{plain(name)}')"
        elif not _PLAIN_MEMBER.fullmatch(lowered):
            yield f"a member that torch.export does not write ('{plain(name)}')"


def _payload_findings(name: str, text: bytes) -> Iterator[str]:
    try:
        payloads = json.loads(text)["config"]
        for label, payload in payloads.items():
            if payload["use_pickle"] or not _PLAIN_PAYLOAD.fullmatch(payload["path_name"]):
                yield f"a pickled object ('{plain(label)}')"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield f"a list of payloads of unknown structure ('{plain(name)}')"


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
        yield f"a program of unknown structure ('{plain(name)}')"


def _text_findings(key: str, value: Any) -> Iterator[str]:
    """Look at every text of the document, each by the rule of the field that holds it."""
    if key in _QUOTED_BY_PYTORCH and _is_flat(value):
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
            yield f"'{plain(value, _SHOWN)}' as {plain(key) or 'a name'}"


def _is_flat(value: Any) -> bool:
    """Say whether a value is text or texts; a tensor may have the name of such a field."""
    items = value.values() if isinstance(value, dict) else value
    return isinstance(value, str) or (
        isinstance(value, (dict, list)) and all(isinstance(item, str) for item in items)
    )


def _is_harmless(key: str, text: str) -> bool:
    if key in _SIZES:
        return is_size(text)
    if key == "guards_code":
        return is_guard(text)
    if key in _OPERATORS:
        return is_permitted(text)
    if text.startswith(_FACTORY):
        return False
    return _PLAIN_TEXT.fullmatch(text) is not None
