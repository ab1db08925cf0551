"""What `import edgeloop` offers: the same names at run time, in dir() and for a type checker."""

from __future__ import annotations

import ast
from pathlib import Path

import edgeloop


def test_dir_lists_the_public_names() -> None:
    assert dir(edgeloop) == sorted(edgeloop.__all__)
    assert all(hasattr(edgeloop, name) for name in edgeloop.__all__)


def test_the_stub_declares_the_public_names() -> None:
    stub = Path(edgeloop.__file__).with_suffix(".pyi")
    declared = set()
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            declared |= {alias.asname for alias in node.names}
        elif isinstance(node, ast.AnnAssign):
            declared.add(ast.unparse(node.target))
        elif isinstance(node, ast.FunctionDef):
            declared.add(node.name)
    assert declared == set(edgeloop.__all__)
    assert (stub.parent / "py.typed").is_file()
