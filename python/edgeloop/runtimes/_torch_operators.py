"""Which operators a foreign PyTorch program may call: those that compute, and touch nothing else.

Namespaces are those of PyTorch 2.13 and of the libraries of operators that models are published
with. An operator that is registered at all is code of an installed package; what the file decides
are its arguments, and a path is one of them.
"""

from __future__ import annotations

import re

_NAMESPACE_WORDS = """
    aten prim prims quantized quantized_decomposed _quantized torchvision torchaudio torchao
    mkldnn mkldnn_prepacked onednn prepacked xnnpack sparse rngprims profiler pt2e_quant
"""
NAMESPACES = frozenset(_NAMESPACE_WORDS.split())
# Of the permitted namespaces: what reads and writes files that its arguments name.
FILE_OPERATORS = frozenset(("save", "from_file", "load", "_load_for_lite_interpreter"))

_HIGHER_ORDER_WORDS = """
    cond while_loop scan associative_scan map_impl wrap wrap_with_set_grad_enabled
    wrap_with_autocast tag_activation_checkpoint wrap_activation_checkpoint invoke_subgraph
    flex_attention out_dtype strict_mode auto_functionalized auto_functionalized_v2
"""
_HIGHER_ORDER = frozenset(_HIGHER_ORDER_WORDS.split())
# Of Python's operator and math modules: arithmetic and comparisons of sizes.
_PYTHON = re.compile(
    r"_operator\.(?:add|sub|mul|truediv|floordiv|mod|pow|neg|pos|abs|eq|ne|lt|le|gt|ge|and_|or_|xor"
    r"|not_|lshift|rshift|getitem|index|invert)"
    r"|math\.(?:ceil|floor|trunc|sqrt|log2|pow)"
    r"|torch\.sym_[a-z]+"
)
_OPERATOR = re.compile(r"torch\.ops\.(\w+)\.(\w+)(?:\.(\w+))?", re.ASCII)


def is_permitted(target: str) -> bool:
    """Say whether a program of torch.export may call what it names."""
    if _PYTHON.fullmatch(target):
        return True
    match = _OPERATOR.fullmatch(target)
    if match is None or "__" in (match.group(3) or ""):
        return False
    namespace, name, overload = match.groups()
    if namespace == "higher_order":
        return name in _HIGHER_ORDER and overload is None
    return overload is not None and namespace in NAMESPACES and not is_file_operator(name)


def is_file_operator(name: str) -> bool:
    """Say whether an operator, by its name without the namespace, touches files."""
    return name in FILE_OPERATORS
