"""Runtimes of other packages: found by entry point, and named with their package if broken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Optional

import pytest

from edgeloop import runtimes
from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.runtimes import installed_names, runtime, survey
from edgeloop.runtimes.choice import runtimes as choice
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.runtimes.survey import probe
from edgeloop.spec.run import RunSpec

# The null runtime under another name, as a package of its own would bring it.
GOOD = """
from edgeloop.runtimes.null import NullRuntime

class Outside(NullRuntime):
    name = "outside-x"

RUNTIME = Outside()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a package with one runtime, for this process and for its workers."""

    def install(source: str, entry: str = "outside_x", name: str = "edgeloop-outside") -> None:
        folder = tmp_path / name
        information = folder / f"{name.replace('-', '_')}-1.0.dist-info"
        information.mkdir(parents=True)
        module = name.replace("-", "_")
        (folder / f"{module}.py").write_text(source, encoding="utf-8")
        (information / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        (information / "entry_points.txt").write_text(
            f"[edgeloop.runtimes]\n{entry} = {module}:RUNTIME\n"
        )
        monkeypatch.syspath_prepend(folder)
        path = ":".join(item for item in sys.path if item)
        monkeypatch.setenv("PYTHONPATH", path)
        runtimes._offers.cache_clear()

    yield install
    for name in [name for name in sys.modules if name.startswith("edgeloop_outside")]:
        del sys.modules[name]
    runtimes._offers.cache_clear()


def test_it_is_found_by_its_name(package: Callable[..., None]) -> None:
    package(GOOD)
    assert installed_names() == ("outside-x",)
    assert runtime("Outside_X").name == "outside-x"


def test_it_measures_in_a_worker(package: Callable[..., None]) -> None:
    package(GOOD)
    from edgeloop import bench

    result = bench("null", "outside-x", runs=5)
    assert result.header["runtime"]["name"] == "outside-x"
    assert result.header["title"].startswith("null@outside-x")


def test_it_is_among_all_but_never_the_default(package: Callable[..., None]) -> None:
    package(GOOD)

    def chosen(*names: str) -> list[str]:
        return [spec.runtime for spec in resolve(RunSpec("null", runtimes=names), "bench")]

    assert chosen() == ["null"]
    assert chosen("all") == ["null", "outside-x"]


def test_nothing_is_imported_before_it_is_asked_for(package: Callable[..., None]) -> None:
    package("raise SystemExit('I was imported')")
    assert installed_names() == ("outside-x",)
    assert runtime("null").name == "null"
    assert [s.runtime for s in resolve(RunSpec("null", runtimes=("all",)), "bench")] == ["null"]


def test_a_built_in_name_is_not_shadowed(package: Callable[..., None]) -> None:
    package(GOOD, entry="null")
    assert installed_names() == ()
    assert type(runtime("null")).__name__ == "NullRuntime"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("", "has no attribute 'RUNTIME'"),
        ("RUNTIME = 7", "is not a Runtime of edgeloop.runtimes.protocol"),
        (GOOD + "Outside.name = 'other'", "calls itself 'other'"),
        (GOOD + "Outside.loops = ['native']", "has no loops (tuple)"),
        (GOOD + "Outside.loops = ('native',)", "of each loop"),
        (GOOD + "Outside.timed_region = {}", "timed_region"),
        (GOOD + "Outside.formats = ('null',)", "has no formats (mapping)"),
    ],
)
def test_a_broken_one_names_its_package(
    source: str, words: str, package: Callable[..., None]
) -> None:
    package(source)
    with pytest.raises(NotAvailableError) as caught:
        runtime("outside-x")
    text = str(caught.value)
    assert text.startswith("the runtime 'outside-x' of the package edgeloop-outside cannot be used")
    assert words in text
    assert "\n" not in text
    status = probe("outside-x", sys.executable, 30)
    assert (status.state, status.reason) == ("broken", text)


def test_two_packages_with_one_name(package: Callable[..., None]) -> None:
    package(GOOD)
    package(GOOD, name="edgeloop-outside-too")
    with pytest.raises(NotAvailableError, match="edgeloop-outside and edgeloop-outside-too both"):
        runtime("outside-x")


def test_an_unknown_name_lists_it(package: Callable[..., None]) -> None:
    package(GOOD)
    with pytest.raises(UsageError, match="did you mean 'outside-x'"):
        runtime("outside-y")


def test_the_command_line_starts_without_looking_for_packages() -> None:
    code = "import sys, edgeloop.cli.app; sys.exit('importlib.metadata' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_doctor_looks_where_a_runtime_would_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the managed environment that has it, where this interpreter has not."""

    def nowhere(library: Optional[str] = None) -> None:
        raise NotAvailableError("not installed")

    monkeypatch.setattr(runtime("tensorflow"), "find", nowhere)
    environments = {"convert": "/envs/convert/bin/python"}
    monkeypatch.setattr(choice, "python_of", environments.get)
    monkeypatch.setattr(survey, "known_names", lambda: ("null", "tensorflow"))
    asked: dict[str, str] = {}

    def probe(name: str, python: str, timeout_s: float) -> survey.RuntimeStatus:
        asked[name] = python
        return survey.RuntimeStatus(name, "found")

    monkeypatch.setattr(survey, "probe", probe)
    survey.survey()
    assert asked == {"null": sys.executable, "tensorflow": "/envs/convert/bin/python"}
    environments.clear()
    survey.survey()
    assert asked["tensorflow"] == sys.executable
