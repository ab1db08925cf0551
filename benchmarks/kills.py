"""Count what SIGKILL at random moments does to bench and suite: a table of tried and failed.

    python benchmarks/kills.py [--kills N] [--seed S]

Of the kills a quarter each hits bench, a worker of bench, a suite that is resumed afterwards, and a
worker of such a suite. Lost: a stored result that holds something and cannot be read, or an entry
that had finished and is gone or measured again. Doubled: two results of one entry. Left: a process
of ours that lives two seconds after its parent. Unclean: a command whose worker was killed ends
otherwise than with what it had measured or one sentence that names the signal. Exits 1 where one of
these happens.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from contextlib import suppress
from pathlib import Path

from edgeloop.demo import ASSETS
from edgeloop.errors import EdgeloopError
from edgeloop.results.store import holds_nothing, read_result
from edgeloop.suite.journal import NAME, read_journal

MODEL = ASSETS / "digits_int8.tflite"
ENTRIES = 8
OPTIONS = ("--effort", "quick", "--budget", "0.3")
FAULTS = ("lost", "doubled", "left", "unclean")

# What a process with everything imported has to be done with by then.
_LONGEST_S = 120.0


class Run:
    """One command in a process group of its own; its processes are known by a variable."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._mark = f"EDGELOOP_KILLS={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        environment = {**os.environ, "XDG_DATA_HOME": str(folder), name: value}
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the run)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edgeloop", *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,
        )

    def alive(self) -> list[int]:
        """Return the processes of the command and of all that it started."""
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and self._mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found

    def kill(self, worker: bool, moment_s: float) -> bool:
        """Kill the command or one of its workers; return whether there was still one to kill."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(moment_s)
        while self.process.poll() is None:
            victims = [pid for pid in self.alive() if (pid != self.process.pid) == worker]
            if victims:
                with suppress(ProcessLookupError):
                    os.kill(random.choice(victims), signal.SIGKILL)
                return True
        return False

    def ended(self) -> tuple[int, str]:
        """Wait for the command; return its status and what it said."""
        status = self.process.wait(_LONGEST_S)
        self._said.seek(0)
        return status, self._said.read().decode(errors="replace")

    def left(self) -> int:
        """Count what still runs after the command has ended, and end it."""
        deadline = time.monotonic() + 2
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        found = self.alive()
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._said.close()
        return len(found)


def unreadable(results: Path) -> int:
    """Count the stored results that cannot be read."""
    count = 0
    for path in results.glob("**/*.edgeloop.jsonl"):
        if holds_nothing(path):  # killed before the first process had measured
            continue
        try:
            read_result(str(path))
        except EdgeloopError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            count += 1
    return count


def unclean(status: int, said: str, worker: bool) -> bool:
    """Return whether a command ended badly; one that was killed itself says nothing."""
    if not worker:
        return False
    named = status == 0 or "SIGKILL" in said
    bad = not named or any(word in said for word in ("Traceback", "internal error", "report it"))
    if bad:
        print(f"exit {status}: {said[-400:]}", file=sys.stderr)
    return bad


def bench(kills: int, worker: bool, chance: random.Random, longest_s: float) -> Counter[str]:
    """Kill a bench, again and again."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        while counts["tried"] < kills:
            run = Run(folder, "bench", str(MODEL), "--runtime", "litert", *OPTIONS)
            counts["tried"] += run.kill(worker, chance.uniform(0, longest_s))
            counts["unclean"] += unclean(*run.ended(), worker)
            counts["left"] += run.left()
        counts["lost"] += unreadable(folder)
    return counts


def suite(kills: int, worker: bool, chance: random.Random, longest_s: float) -> Counter[str]:
    """Kill suites, resume them, and look at what they say in the end."""
    counts: Counter[str] = Counter()
    while counts["tried"] < kills:
        with tempfile.TemporaryDirectory() as name:
            _one_suite(Path(name), kills, worker, chance, longest_s, counts)
    return counts


def _one_suite(
    folder: Path,
    kills: int,
    worker: bool,
    chance: random.Random,
    longest_s: float,
    counts: Counter[str],
) -> None:
    models = [str(ASSETS / name) for name in ("digits_int8.tflite", "digits_float32.tflite")]
    (folder / "suite.toml").write_text(
        'effort = "quick"\nbudget = 0.3\nrest-at-most = 0\n[matrix]\nruntimes = ["litert"]\n'
        f'models = {json.dumps(models)}\nthreads = [1, 2]\ndelegates = ["xnnpack", "none"]\n'
    )
    out = folder / "out"
    command = ("suite", str(folder / "suite.toml"), "--out", str(out))
    finished: dict[str, int] = {}
    while True:
        more = ("--resume", "--retry-failed") if (out / NAME).exists() else ()
        run = Run(folder, *command, *more)
        killed = counts["tried"] < kills and run.kill(worker, chance.uniform(0, longest_s))
        counts["tried"] += killed
        status, said = run.ended()
        if status and not killed:
            sys.exit(f"suite itself fails: {said}")
        counts["left"] += run.left()
        journal = read_journal(out / NAME).ended if (out / NAME).exists() else {}
        done = {one.result for one in journal.values() if one.state == "finished" and one.result}
        counts["lost"] += len(finished.keys() - done)
        for result in done:
            changed = (out / result).stat().st_mtime_ns if (out / result).exists() else -1
            counts["lost"] += finished.setdefault(result, changed) != changed or changed < 0
        if len(done) == ENTRIES:
            break
        if worker:
            failed = [one.error or "" for one in journal.values() if one.state == "failed"]
            counts["unclean"] += unclean(status, said + "".join(failed), worker)
    rows = [json.loads(line) for line in (out / NAME).read_text(encoding="utf-8").splitlines()]
    ended = [row["entry"] for row in rows if row.get("state") == "finished"]
    counts["doubled"] += len(ended) - len(set(ended))
    counts["doubled"] += len(list(out.glob("*.edgeloop.jsonl"))) - ENTRIES
    counts["lost"] += unreadable(out)


def main() -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    random.seed(chosen.seed)
    chance = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as name:
        start = time.monotonic()
        run = Run(Path(name), "bench", str(MODEL), "--runtime", "litert", *OPTIONS)
        status, said = run.ended()
        if status:
            sys.exit(f"bench itself fails: {said}")
        longest_s = time.monotonic() - start
    print("| what | killed | " + " | ".join(FAULTS) + " |\n|---|---|---|---|---|---|", flush=True)
    faults = 0
    for words, experiment, worker in (
        ("bench", bench, False),
        ("a worker of bench", bench, True),
        ("suite, resumed", suite, False),
        ("a worker of suite, resumed", suite, True),
    ):
        # A suite has more to lose: its moments reach into the second entry.
        longest = longest_s * (2 if experiment is suite else 1)
        counts = experiment(chosen.kills // 4, worker, chance, longest)
        cells = [counts["tried"], *(counts[fault] for fault in FAULTS)]
        print(f"| {words} | " + " | ".join(map(str, cells)) + " |", flush=True)
        faults += sum(counts[fault] for fault in FAULTS)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
