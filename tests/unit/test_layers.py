"""The floors of the package: a folder imports only from floors below its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgeloop
from edgeloop.models.formats import FORMATS
from edgeloop.runtimes import RUNTIME_NAMES

PACKAGE = Path(edgeloop.__file__).parent

# The table of CONTRIBUTING.md and of DESIGN: a room is a folder of the package or a loose module.
FLOORS = {
    9: ("__main__",),
    8: ("cli",),
    7: ("suite", "api"),
    6: ("conversion", "remote", "demo"),
    5: ("measure", "report"),
    4: ("runtimes", "results", "data"),
    3: ("models", "metrics", "envs"),
    2: ("spec", "host", "worker"),
    1: ("errors", "stats", "_core", "__init__"),
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}

LOOSE = {"__init__", "__main__", "api", "errors", "_core"}


def module_of(path: Path, package: Path) -> str:
    """Return the dotted name of a file."""
    parts = list(path.relative_to(package.parent).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(package: Path) -> dict[str, Path]:
    """Return dotted name → file; the stub of the extension stands for it."""
    found = {module_of(path, package): path for path in sorted(package.rglob("*.py"))}
    return {**found, f"{package.name}._core": package / "_core.pyi"}


def room_of(module: str) -> str:
    """Return the folder or loose module of the package that a module belongs to."""
    _, *rest = module.split(".")
    return rest[0] if rest else "__init__"


def imports_of(module: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Yield the modules that a file imports: at its top, in a function, for types alone."""
    root = module.split(".", maxsplit=1)[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == root)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == root:
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module


def graph(package: Path) -> dict[str, list[str]]:
    """Return module → the modules that it imports, each once."""
    known = modules(package)
    return {
        name: [one for one in dict.fromkeys(imports_of(name, path, known)) if one in known]
        for name, path in known.items()
    }


def climbs(imports: dict[str, list[str]]) -> list[str]:
    """Return a sentence for each import that does not lead to a lower floor."""
    return [
        f"{name} (floor {FLOOR_OF[room_of(name)]}) imports {other} "
        f"(floor {FLOOR_OF[room_of(other)]})"
        for name, others in imports.items()
        for other in others
        if room_of(name) != room_of(other) and FLOOR_OF[room_of(other)] >= FLOOR_OF[room_of(name)]
    ]


def trespasses(imports: dict[str, list[str]]) -> list[str]:
    """Return a sentence for each `_private` module that is imported from outside its folder."""
    found = []
    for name, others in imports.items():
        for other in others:
            folder, _, last = other.rpartition(".")
            private = last.startswith("_") and last != "_core"
            if private and not f"{name}.".startswith(f"{folder}."):
                found.append(f"{name} imports {other}, which is private to {folder}")
    return found


def circles(imports: dict[str, list[str]]) -> list[list[str]]:
    """Return the sets of modules that import each other in a loop: Tarjan's components."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = low[name] = len(number)
        stack.append(name)
        for other in imports[name]:
            if other not in number:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], number[other])
        if low[name] == number[name]:
            members = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(members) > 1:
                found.append(sorted(members))

    for name in imports:
        if name not in number:
            visit(name)
    return found


def name_tests(path: Path) -> list[str]:
    """Return a sentence for each test for a runtime's name, and each table by such names.

    A name that is a format's, too, counts where the other side of the test speaks of a runtime.
    """
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare):
            names = names_in(node) & {*RUNTIME_NAMES}
            rest = re.sub("|".join(map(repr, names)), "", ast.unparse(node))
            asks = names and re.search(r"runtime|engine|\bname\b", rest)
        else:
            keys = [ast.unparse(key) for key in getattr(node, "keys", ()) or () if key]
            names = {key.strip("'") for key in keys}
            asks = len(names) > 1 and names <= {*RUNTIME_NAMES} and not names <= {*FORMATS}
        if asks:
            found.append(f"{path.name}:{node.lineno} asks for a runtime: {ast.unparse(node)}")
    return found


def names_in(node: ast.AST) -> set[str]:
    """Return the texts of an expression."""
    constants = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
    return {value for value in constants if isinstance(value, str)}


@pytest.fixture(scope="module")
def imports() -> dict[str, list[str]]:
    return graph(PACKAGE)


def test_every_room_has_a_floor(imports: dict[str, list[str]]) -> None:
    assert {room_of(name) for name in imports} == set(FLOOR_OF)
    assert len(FLOORS) <= 9


def test_the_contributing_guide_shows_the_same_floors() -> None:
    guide = Path(__file__).parents[2] / ".github" / "CONTRIBUTING.md"
    rows = re.findall(r"^\| (\d) \| (.*) \|$", guide.read_text(encoding="utf-8"), re.MULTILINE)
    for floor, rooms in FLOORS.items():
        for room in {*rooms} - {"__init__"}:
            assert re.search(rf"`{room}[/.`]", dict(rows)[str(floor)]), room


def test_a_folder_imports_only_from_lower_floors(imports: dict[str, list[str]]) -> None:
    assert climbs(imports) == []


def test_no_files_import_each_other_in_a_circle(imports: dict[str, list[str]]) -> None:
    assert circles(imports) == []


def test_private_modules_stay_in_their_folder(imports: dict[str, list[str]]) -> None:
    assert trespasses(imports) == []


def test_only_runtimes_ask_for_the_name_of_one() -> None:
    outside = [path for path in PACKAGE.rglob("*.py") if "runtimes" not in path.parts]
    assert [one for path in outside for one in name_tests(path)] == []


def test_no_loose_modules() -> None:
    loose = {path.stem for path in (*PACKAGE.glob("*.py"), PACKAGE / "_core.pyi")}
    assert loose == LOOSE


def test_a_climb_a_circle_and_a_trespass_are_found(tmp_path: Path) -> None:
    package = tmp_path / "edgeloop"
    for name, text in {
        "__init__.py": "",
        "_core.pyi": "",
        "spec/__init__.py": "",
        "spec/run.py": "def f() -> None:\n    from edgeloop.cli import app\n",
        "cli/__init__.py": "",
        "cli/app.py": "from edgeloop.spec.run import f\nfrom edgeloop.host import _inner\n",
        "host/__init__.py": "",
        "host/_inner.py": "import typing\nif typing.TYPE_CHECKING:\n    import edgeloop.host.a\n",
        "host/a.py": "from edgeloop.host import _inner\n",
    }.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found = graph(package)
    assert climbs(found) == ["edgeloop.spec.run (floor 2) imports edgeloop.cli.app (floor 8)"]
    assert trespasses(found) == [
        "edgeloop.cli.app imports edgeloop.host._inner, which is private to edgeloop.host"
    ]
    assert circles(found) == [
        ["edgeloop.host._inner", "edgeloop.host.a"],
        ["edgeloop.cli.app", "edgeloop.spec.run"],
    ]


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("a = spec.runtime == 'tflite'", True),
        ("a = name != {'provider': 'onnxruntime', 'torch_mode': 'torch'}[axis]", True),
        ("a = header['runtime']['name'] in ('plugin', 'null')", True),
        ("a = {'litert': 1, 'coral': 2}", True),
        ("a = found.format == 'tflite'", False),
        ("a = purpose == 'onnxruntime'", False),
        ("a = {'tflite': 1, 'aotinductor': 2}", False),
    ],
)
def test_a_test_for_a_name_is_found(tmp_path: Path, text: str, asks: bool) -> None:
    path = tmp_path / "a.py"
    path.write_text(text, encoding="utf-8")
    assert bool(name_tests(path)) is asks
