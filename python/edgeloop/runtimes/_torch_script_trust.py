"""What in a TorchScript archive reads or writes files of its author's choice.

TorchScript has operators that take a path (aten::save, aten::from_file), and a file may call them
while it is loaded already, in __setstate__. So its source is looked at before PyTorch sees it: a
name that is not there cannot be called. The source is what torch.jit.save writes: what only hides a
name from this reader (joined or escaped text, a line that goes on behind a backslash) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from edgeloop.errors import plain
from edgeloop.models.pickle_scan import PickleScanError, scan_pickle
from edgeloop.models.zip_members import Members, opened_zip
from edgeloop.runtimes._torch_operators import NAMESPACES, is_file_operator

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n\f\v]+|#[^\n]*)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"""|(?P<text>"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')"""
    r"|(?P<other>[^\\\"'])",
    re.ASCII,
)
# An escape that spells a character which needs none.
_NEEDLESS_ESCAPE = re.compile(r"\\(?:0[4-7]|1[0-7])[0-7]")
_CLASSES = re.compile(r"(?:__torch__\.)?torch\.classes\.(\w+)")
_CLASS_LIBRARIES = NAMESPACES | {"rnn"}
# Written with a dot behind them; another name for one of them would hide what is called.
_ROOTS = ("ops", "torch", "__torch__", "__torch__.torch", "__torch__.torch.classes")
_MOST_CODE = 64 << 20  # bytes of all source; a large network has some MiB
_MOST_PICKLE = 16 << 20
# Of another layout, whose members are named by a document in it.
_OLD_LAYOUT = "model.json"


def files_in_script(path: Path) -> Optional[str]:
    """Say what in the archive may touch files when it is loaded or run; None where nothing does."""
    with opened_zip(path) as members:
        doubt = members.doubt()
        return doubt if doubt is not None else next(_findings(members), None)


def _findings(members: Members) -> Iterator[str]:
    left = _MOST_CODE
    for inner, name in members.inner.items():
        lowered = inner.lower()
        if lowered == _OLD_LAYOUT:
            yield "a layout from before PyTorch 1.4, whose code cannot be checked"
        elif lowered.startswith("code/") and not lowered.endswith(".debug_pkl"):
            source = members.read(name, left)
            left -= len(source)
            yield from source_findings(source.decode("utf-8", "replace"))
        elif lowered in ("data.pkl", "constants.pkl"):
            yield from _class_findings(name, members.read(name, _MOST_PICKLE))


def _class_findings(name: str, pickled: bytes) -> Iterator[str]:
    try:
        names = scan_pickle(pickled).names
    except PickleScanError:
        yield f"a list of objects of unknown structure ('{plain(name)}')"
        return
    for found in names:
        match = _CLASSES.match(found)
        if match and match.group(1) not in _CLASS_LIBRARIES:
            yield f"an object of the unknown class '{plain(found)}'"


def source_findings(source: str) -> Iterator[str]:
    """Yield what of a file of TorchScript source is not to be run."""
    chain: list[str] = []  # the names before this token that dots join
    dotted = quoted = False
    position = 0
    source += "\n;"  # a name at the end has something behind it
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            yield "source that torch.jit.save does not write"
            return
        position = match.end()
        kind, token = match.lastgroup, match.group()
        if kind == "space":
            continue
        if token != "." and not dotted and ".".join(chain) in _ROOTS:
            yield f"another name for '{'.'.join(chain)}'"
        if kind == "name":
            chain = [*chain[-2:], token] if dotted else [token]
            if dotted and is_file_operator(token):
                yield f"a call of '{token}', which touches files"
            yield from _library_findings(chain)
        elif kind == "text":
            if quoted or _NEEDLESS_ESCAPE.search(token):
                yield "text that hides a name"
            elif is_file_operator(token[1:-1]):
                yield f"a call of '{token[1:-1]}', which touches files"
        if token == ".":
            chain = [] if dotted else chain
        elif kind != "name":
            chain = []
        dotted, quoted = token == ".", kind == "text"


def _library_findings(chain: list[str]) -> Iterator[str]:
    """Look whose operator or class the newest of names is that dots join."""
    *before, name = chain
    if before == ["ops"] and name not in NAMESPACES:
        yield f"operators of the unknown library '{plain(name)}'"
    elif before[-2:] == ["torch", "classes"] and name not in _CLASS_LIBRARIES:
        yield f"an object of the unknown library '{plain(name)}'"
