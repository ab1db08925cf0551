"""The governor is set for a while and comes back, whatever happens to the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

import pytest

from edgeloop.errors import ModelError, UsageError
from edgeloop.host import governor as module
from edgeloop.host.governor import governor_held, restore

Plant = Callable[[Path], None]
POLICIES = "sys/devices/system/cpu/cpufreq"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for number, name in ((0, "ondemand"), (4, "schedutil")):
        folder = tmp_path / POLICIES / f"policy{number}"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(f"{name}\n", encoding="ascii")
        offered = "ondemand schedutil performance\n"
        (folder / "scaling_available_governors").write_text(offered, encoding="ascii")
    return tmp_path


def governors(machine: Path) -> list[str]:
    paths = sorted((machine / POLICIES).glob("policy*/scaling_governor"))
    return [path.read_text(encoding="ascii").strip() for path in paths]


def test_it_holds_inside_and_is_restored_after(machine: Path) -> None:
    state = machine / "state" / "governor.json"
    with governor_held("performance", machine, state) as held:
        assert held == {"governor": "performance"}
        assert governors(machine) == ["performance", "performance"]
        assert state.exists()
    assert governors(machine) == ["ondemand", "schedutil"]
    assert not state.exists()


def test_it_is_restored_after_an_error(machine: Path) -> None:
    with pytest.raises(KeyError), governor_held("performance", machine, machine / "state.json"):
        raise KeyError
    assert governors(machine) == ["ondemand", "schedutil"]


def test_the_guardian_restores_where_the_run_is_killed(machine: Path) -> None:
    state = machine / "state.json"
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from edgeloop.host.governor import governor_held\n"
        "with governor_held('performance', Path(sys.argv[1]), Path(sys.argv[2])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(machine), str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"held\n"
        assert governors(machine) == ["performance", "performance"]
        os.kill(run.pid, signal.SIGKILL)
    deadline_s = time.monotonic() + 30
    while state.exists():
        assert time.monotonic() < deadline_s, "the guardian did not restore within 30 s"
        time.sleep(0.02)
    assert governors(machine) == ["ondemand", "schedutil"]


def test_after_a_power_cut_the_file_restores(machine: Path) -> None:
    state = machine / "state.json"
    state.write_text('{"governors": {"policy0": "ondemand", "policy9": "x"}}', encoding="utf-8")
    (machine / POLICIES / "policy0" / "scaling_governor").write_text("performance")
    assert restore(state, machine) == {"policy0": "ondemand", "policy9": "x"}
    assert governors(machine)[0] == "ondemand"
    assert restore(state, machine) == {}


def test_what_an_earlier_run_left_is_what_is_restored(machine: Path) -> None:
    """A run that was cut off left `performance` set: that is not the old governor."""
    state = machine / "state.json"
    state.write_text(
        '{"governors": {"policy0": "ondemand", "policy4": "schedutil"}}', encoding="utf-8"
    )
    for path in (machine / POLICIES).glob("policy*/scaling_governor"):
        path.write_text("performance", encoding="ascii")
    with governor_held("performance", machine, state):
        pass
    assert governors(machine) == ["ondemand", "schedutil"]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"governors": 3}', '{"governors": {"../../etc/x": "y"}}']
)
def test_a_damaged_file_changes_nothing(machine: Path, text: str) -> None:
    state = machine / "state.json"
    state.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match="damaged"):
        restore(state, machine)
    assert governors(machine) == ["ondemand", "schedutil"]


def test_an_unknown_governor_names_the_nearest(machine: Path) -> None:
    with pytest.raises(UsageError, match="performance"), governor_held("performnce", machine):
        pass


def test_what_cannot_be_set_is_null_with_a_reason(
    tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with governor_held("performance", tmp_path / "empty") as held:
        assert held["governor"] is None
        assert "no frequency policies" in held["governor_reason"]
    monkeypatch.setattr(module.os, "access", lambda *_: False)
    with governor_held("performance", machine, machine / "state.json") as held:
        assert held["governor"] is None
        assert "root" in held["governor_reason"]
    assert not (machine / "state.json").exists()


def test_without_a_governor_nothing_is_touched(machine: Path) -> None:
    with governor_held(None, machine, machine / "state.json") as held:
        assert held == {}
        assert governors(machine) == ["ondemand", "schedutil"]


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"governors":' * 20_000])
def test_a_state_file_of_nothing_but_brackets_is_damaged(machine: Path, deep: str) -> None:
    state = machine / "state.json"
    state.write_text(deep, encoding="utf-8")
    with pytest.raises(ModelError, match="damaged"):
        restore(state, machine)


def planted_link(state: Path) -> None:
    other = state.with_name("other.json")
    other.write_text('{"governors": {"policy0": "performance"}}', encoding="utf-8")
    state.symlink_to(other)


def pipe(state: Path) -> None:
    os.mkfifo(state)


def in_a_folder_of_everybody(state: Path) -> None:
    state.write_text('{"governors": {"policy0": "performance"}}', encoding="utf-8")
    state.parent.chmod(0o777)


@pytest.mark.parametrize("plant", [planted_link, pipe, in_a_folder_of_everybody])
def test_what_others_may_have_planted_is_not_restored(machine: Path, plant: Plant) -> None:
    folder = machine / "state"
    folder.mkdir()
    plant(folder / "governor.json")
    with pytest.raises(ModelError, match="remove it"):
        restore(folder / "governor.json", machine)
    held = governor_held("performance", machine, folder / "governor.json")
    with pytest.raises(ModelError, match="remove it"), held:
        pass
    assert governors(machine) == ["ondemand", "schedutil"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_state_file_of_another_user_is_not_restored(machine: Path) -> None:
    state = machine / "state.json"
    state.write_text('{"governors": {"policy0": "performance"}}', encoding="utf-8")
    os.chown(state, 65534, 65534)
    with pytest.raises(ModelError, match="another user's"):
        restore(state, machine)
    assert governors(machine) == ["ondemand", "schedutil"]
