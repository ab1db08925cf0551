"""The lock files against the package index, for machines and Pythons that are not here.

pip only looks up: every package is there, with a wheel for the machine and a hash that the lock
has, and what the packages require is in the lock, too.
"""

from __future__ import annotations

import pytest

from edgeloop.envs.lock import environment_names, lock_of
from edgeloop.envs.lock_maker import canonical_name, lock_text, look_up, path_of, pins_of
from edgeloop.envs.pip import has_pip
from edgeloop.errors import NotAvailableError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not has_pip(), reason="this interpreter has no pip"),
]

LOCKS = [
    (name, machine)
    for name in environment_names()
    for machine in ("x86_64", "aarch64")
    if path_of(name, machine).is_file()
]

NEWER = (2, 41)  # Debian 13: pip must not choose a wheel there that only newer systems can use

# What a package requires and is left out on purpose, with the reason.
LEFT_OUT = {
    ("onnx2tf", "opencv-python"): "reads example pictures, which edgeloop never has it do",
    ("onnx2tf", "onnxsim"): "called with not_use_onnxsim",
    ("onnx2tf", "onnxoptimizer"): "called with not_use_onnxsim; no wheel for aarch64",
    ("onnx2tf", "simple-onnx-processing-tools"): "of it sng4onnx alone is imported",
    ("onnx2tf", "tensorflow"): "tensorflow-cpu is the same package without CUDA",
    **{
        ("ncnn", name): "fetches example models, which edgeloop never has it do"
        for name in ("tqdm", "requests", "portalocker")
    },
    ("openvino", "openvino-telemetry"): "sends home that the package was imported",
    ("pnnx", "torch"): "its program alone is called, not its Python functions",
    ("tf-keras", "tensorflow"): "tensorflow-cpu is the same package without CUDA",
}


@pytest.fixture(scope="module", autouse=True)
def index():
    """Skip where the package index does not answer at all."""
    try:
        look_up(["six==1.17.0"], "x86_64", "3.11", (2, 28))
    except NotAvailableError as error:
        pytest.skip(f"the package index does not answer: {error}")


@pytest.mark.parametrize(("name", "machine"), LOCKS)
def test_every_python_finds_the_hashes_of_the_lock_and_what_its_packages_require(name, machine):
    lock = lock_of(name, machine)
    pins = pins_of(lock, [])
    reports = [look_up(pins, machine, python, lock.glibc) for python in lock.pythons]
    text = lock_text(lock.pythons, lock.glibc, reports, lock.cpu_build)
    assert path_of(name, machine).read_text(encoding="utf-8") == text
    for python, report in zip(lock.pythons, reports):
        assert _missing(report, lock.cpu_build, machine, python) == []


@pytest.mark.parametrize(("name", "machine"), LOCKS)
def test_a_newer_system_installs_the_same_wheels(name, machine):
    lock = lock_of(name, machine)
    found = look_up(lock.requirements, machine, lock.pythons[0], NEWER)
    assert len(found) == len(lock.requirements)


@pytest.mark.parametrize(("name", "machine"), LOCKS)
def test_the_glibc_of_a_lock_is_the_oldest_that_will_do(name, machine):
    lock = lock_of(name, machine)
    if lock.glibc == (2, 17):
        pytest.skip("glibc 2.17 is the oldest that edgeloop itself runs on")
    older = (lock.glibc[0], lock.glibc[1] - 1)
    with pytest.raises(NotAvailableError):
        look_up(lock.requirements, machine, lock.pythons[0], older)


def _missing(found, cpu_build, machine, python):
    """Return the requirements of packages that no package in the lock meets by its name."""
    requirements = pytest.importorskip("packaging.requirements", reason="pip install packaging")
    here = {canonical_name(item["metadata"]["name"]) for item in found}
    if cpu_build is not None:
        here.add(cpu_build.partition("==")[0])
    there = {
        "platform_machine": machine,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "extra": "",
    }
    missing = []
    for item in found:
        package = canonical_name(item["metadata"]["name"])
        for line in item["metadata"].get("requires_dist", ()):
            requirement = requirements.Requirement(line)
            wanted = canonical_name(requirement.name)
            applies = requirement.marker is None or requirement.marker.evaluate(there)
            if applies and wanted not in here and (package, wanted) not in LEFT_OUT:
                missing.append(f"{package} requires {line}")
    return missing
