"""The keywords that editors complete are the fields of RunSpec."""

from __future__ import annotations

import ast
from pathlib import Path

from edgeloop.spec import run, run_options

# Given to the public functions by their own parameters, or as more than a path.
OWN = ("model", "runtimes", "data")


def annotations(module_path: str, name: str) -> dict[str, str]:
    tree = ast.parse(Path(module_path).read_text(encoding="utf-8"))
    (found,) = (one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name)
    return {
        one.target.id: ast.unparse(one.annotation)
        for one in found.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    }


def test_the_keywords_are_the_fields() -> None:
    wanted = {
        name: hint for name, hint in annotations(run.__file__, "RunSpec").items() if name not in OWN
    }
    lines = "\n".join(f"    {name}: {hint}" for name, hint in wanted.items())
    found = {
        **annotations(run_options.__file__, "EvaluateOptions"),
        **annotations(run_options.__file__, "RunOptions"),
    }
    assert found.pop("data") == "Optional[Data]"
    assert found == wanted, f"the bodies in run_options.py have to be:\n{lines}"
