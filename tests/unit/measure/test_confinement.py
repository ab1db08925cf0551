"""A worker that holds a model writes only to its folder, and has neither keys nor network."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from edgeloop.host.landlock import landlock_version
from edgeloop.measure.confinement import confinement

VERSION = landlock_version()

TRY = """
import json, os, socket, sys
from edgeloop.measure.confinement import confine_for_job, confine_for_model
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LoadOptions
home, port, kind, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
if kind == "job":
    confine_for_job(arguments)
else:
    confine_for_model(runtime(kind), LoadOptions(model=f"{home}/model", **arguments))

def tried(what):
    try:
        what()
        return True
    except OSError:
        return False

answers = {
    "read": tried(lambda: open(f"{home}/model").read()),
    "keys": tried(lambda: open(f"{home}/.ssh/id").read()),
    "write": tried(lambda: open(f"{home}/written", "w")),
    "overwrite": tried(lambda: open(f"{home}/model", "r+")),
    "remove": tried(lambda: os.rename(f"{home}/other", f"{home}/gone")),
    "temporary": tried(lambda: open(os.environ["TMPDIR"] + "/x", "w").write("x")),
    "device": tried(lambda: open("/dev/null", "w")),
    "network": tried(lambda: socket.create_connection(("127.0.0.1", port))),
    "cache": tried(lambda: open(f"{home}/cache/x", "w")),
}
answers["privileges"] = "NoNewPrivs:\\t0" in open("/proc/self/status").read()
print(json.dumps(answers))
"""

CONFINED = {
    "read": True, "keys": False, "write": False, "overwrite": False, "remove": False,
    "temporary": True, "device": True, "network": VERSION < 4, "cache": False, "privileges": False,
}  # fmt: skip


@pytest.fixture
def attempt(tmp_path):
    """Return what a confined process can still do."""
    home = tmp_path / "home"
    for folder in (home / ".ssh", home / "cache", home / "scratch", tmp_path / "own"):
        folder.mkdir(parents=True)
    for name in ("model", "other", ".ssh/id"):
        (home / name).write_text("x", encoding="utf-8")

    def run(kind, **arguments):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            done = subprocess.run(
                [sys.executable, "-c", TRY, str(home), str(port), kind, json.dumps(arguments)],
                capture_output=True,
                check=False,
                env={
                    "PATH": "/usr/bin:/bin",
                    "PYTHONPATH": ":".join(sys.path),
                    "HOME": str(home),
                    "TMPDIR": str(tmp_path / "own"),
                },
            )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    run.home = home
    return run


pytestmark = pytest.mark.skipif(VERSION == 0, reason="this kernel has no Landlock")


@pytest.mark.parametrize("kind", ["litert", "job"])
def test_a_model_of_a_stranger(attempt, kind):
    assert attempt(kind) == CONFINED


def test_where_the_user_told_a_runtime_to_write(attempt):
    found = attempt("onnxruntime", settings={"CACHE_DIR": f"{attempt.home}/cache"})
    assert found == {**CONFINED, "cache": True}


def test_a_job_writes_its_result(attempt):
    found = attempt("job", scratch=f"{attempt.home}/cache", options={"trust_pickle": False})
    assert found == {**CONFINED, "cache": True}


@pytest.mark.parametrize("options", [{"trust_pickle": True}, {"model_class_path": "net.py"}])
def test_code_that_the_user_vouched_for_is_free(attempt, options):
    free = attempt("torch", **options)
    assert all(free.values())
    assert attempt("job", options=options)["write"]


def test_a_library_of_a_vendor_keeps_its_files(attempt):
    found = attempt("plugin")
    assert found["write"]
    assert found["network"] == (VERSION < 4)


def test_doctor_says_it():
    assert confinement().startswith(f"Landlock {VERSION}: ")


def test_a_tool_writes_beside_a_model_in_a_scratch_folder(attempt):
    place = attempt.home / ".result.onnx.abcd_123"
    (attempt.home / "cache").rename(place)
    (attempt.home / "cache").symlink_to(place)
    assert attempt("job", quantised=f"{place}/0/model.onnx") == {**CONFINED, "cache": True}
    assert attempt("job", quantised=f"{attempt.home}/model") == CONFINED
