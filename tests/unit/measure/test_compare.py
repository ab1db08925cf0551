"""`compare`: live on the null engine, and on stored results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgeloop.errors import RuntimeFailedError, UsageError
from edgeloop.measure.compare import compare_live
from edgeloop.measure.observer import Silence
from edgeloop.results.compare import compare_stored, parse_delta
from edgeloop.results.samples import decode, encode
from edgeloop.results.store import read_result
from edgeloop.spec.run import RunSpec

QUICK = RunSpec(model="", effort="quick", threads=1)
CHAIN = "null@null,multiplications=50000"


def chain(share: float = 0.001) -> Any:
    """Return run times: 1 ns a multiplication, a binding of 100 ns, and a worker's own share."""

    def run_ns(worker: Any, loop: str) -> float:
        work_ns = float(worker.settings["multiplications"]) + 100.0 * (loop == "binding")
        return work_ns * (1.0 + share * (worker.number % 5 - 2))

    return run_ns


@pytest.fixture(autouse=True)
def _scripted(machine: Any) -> None:
    machine.run_ns = chain()


def test_a_loop_is_equivalent_to_itself_on_a_chain_of_known_work() -> None:
    compared = compare_live(
        CHAIN, f"{CHAIN},loop=binding", QUICK, 0.01, Silence(), save=False, out=None
    )
    # 0.1 us of binding on 50 us of work: 0.2 %, inside the 1 % that counts here.
    assert compared.comparison.verdict == "equivalent"
    assert compared.comparison.ratio == pytest.approx(1.002, abs=1e-4)
    assert compared.results == (None, None)
    assert compared.medians_ns[0].value == pytest.approx(50_000, rel=0.002)


def test_more_work_is_slower_by_its_share(tmp_path: Path) -> None:
    more = CHAIN.replace("50000", "60000")
    compared = compare_live(CHAIN, more, QUICK, 0.05, Silence(), save=True, out=str(tmp_path))
    assert compared.comparison.verdict == "slower"
    assert compared.comparison.ratio == pytest.approx(1.2, rel=0.005)
    for side, path, multiplications in zip((0, 1), compared.results, ("50000", "60000")):
        assert path is not None
        result = read_result(path)
        assert result.header["spec"]["options"]["settings"]["multiplications"] == multiplications
        assert result.summary["summary"]["n"] > 0
        assert result.summary["summary"]["median_ns"] == compared.medians_ns[side].value


def test_equal_sides_do_not_store_each_other(tmp_path: Path) -> None:
    compared = compare_live(CHAIN, CHAIN, QUICK, 0.05, Silence(), save=True, out=str(tmp_path))
    blocks = [
        sum(len(invocation.blocks) for invocation in read_result(path).invocations)
        for path in compared.results
        if path is not None
    ]
    assert blocks == [compared.comparison.pairs] * 2


def test_throttled_blocks_do_not_make_sides_incomparable(machine: Any) -> None:
    ours = chain()

    def run_ns(worker: Any, loop: str) -> float:
        # Fixed work ran slower around most blocks of one side, by chance: the pairs are in random
        # order, so this says nothing of the ratio.
        machine.probe_ns = 100_000 if worker.settings["multiplications"] == "50000" else 110_000
        return float(ours(worker, loop))

    machine.run_ns = run_ns
    more = CHAIN.replace("50000", "60000")
    compared = compare_live(CHAIN, more, QUICK, 0.01, Silence(), save=False, out=None)
    assert compared.comparison.verdict == "slower"


def test_a_side_that_fails_says_so(machine: Any) -> None:
    def run_ns(worker: Any, loop: str) -> float:
        if "fail-at" in worker.settings:
            raise RuntimeFailedError("the null runtime failed at run 3")
        return 50_000.0

    machine.run_ns = run_ns
    with pytest.raises(RuntimeFailedError, match="failed at run 3"):
        compare_live(CHAIN, "null@null,fail-at=3", QUICK, 0.01, Silence(), save=False, out=None)


def test_two_configurations_in_one_string_are_refused() -> None:
    with pytest.raises(UsageError, match="one runtime and one loop"):
        compare_live(
            "null",
            "null",
            replace(QUICK, loops=("native", "binding")),
            0.01,
            Silence(),
            save=False,
            out=None,
        )


@pytest.fixture
def stored(_scripted: None, tmp_path: Path) -> list[str]:
    """Two results of three processes each: the same chain, and one that is half as long again."""
    import edgeloop

    paths = []
    for multiplications in ("50000", "75000"):
        result = edgeloop.bench(
            "null",
            settings={"multiplications": multiplications},
            runs=300,
            processes=3,
            threads=1,
            out=str(tmp_path / "stored"),
        )
        assert result.path is not None
        paths.append(result.path)
    return paths


def test_stored_results_are_compared_by_process_medians(stored: list[str]) -> None:
    compared = compare_stored(stored[0], stored[1], 0.05, ())
    assert compared.comparison.ratio == pytest.approx(1.5, rel=0.01)
    assert not compared.comparison.paired
    assert any("not interleaved" in text for text in compared.comparison.warnings)


def test_the_api_compares_results_and_configurations(stored: list[str], tmp_path: Path) -> None:
    import edgeloop

    assert edgeloop.compare(*stored, delta=0.05).comparison.verdict == "slower"
    compared = edgeloop.compare(
        CHAIN, f"{CHAIN},loop=binding", delta=0.2, effort="quick", out=str(tmp_path / "live")
    )
    assert compared.comparison.verdict == "equivalent"
    assert len(list((tmp_path / "live").iterdir())) == 2
    with pytest.raises(UsageError, match="two of one kind"):
        edgeloop.compare(stored[0], CHAIN)
    with pytest.raises(UsageError, match="did you mean 'threads'"):
        edgeloop.compare(CHAIN, CHAIN, thread=2)


# What the three processes of B take, in units of A's first → the verdict on A and B.
FIVE_VERDICTS = {
    "slower": (1.5, 1.5, 1.5),
    "faster": (0.7, 0.7, 0.7),
    "equivalent": (1.0, 1.0, 1.0),
    "inconclusive": (0.7, 1.0, 1.5),
    "not comparable": (1.0, 1.0, 1.0),
}


def _scaled(path: str, factors: tuple[float, ...], folder: Path, **runtime: Any) -> str:
    """Write a copy of a result in which each process takes so many times the first one's time."""
    header, *lines = Path(path).read_text().splitlines()
    first = json.loads(lines[0])
    document = json.loads(header)
    document["runtime"].update(runtime)
    copies = [document]
    for factor in factors:
        blocks = [
            {**block, "durations_ns": encode((decode(block["durations_ns"]) * factor).astype("u8"))}
            for block in first["blocks"]
        ]
        copies.append({**first, "blocks": blocks})
    copy = folder / f"{factors[0]}-{len(runtime)}.edgeloop.jsonl"
    copy.write_text("".join(f"{json.dumps(one)}\n" for one in [*copies, json.loads(lines[-1])]))
    return str(copy)


@pytest.mark.parametrize("verdict", FIVE_VERDICTS)
def test_each_verdict_is_printed_with_its_reason(
    verdict: str, stored: list[str], tmp_path: Path, command_line: Any
) -> None:
    (tmp_path / "b").mkdir()
    conditions = {"threads": 4} if verdict == "not comparable" else {}
    a = _scaled(stored[0], (1.0, 1.0, 1.0), tmp_path)
    b = _scaled(stored[0], FIVE_VERDICTS[verdict], tmp_path / "b", **conditions)
    unwanted = [word.replace(" ", "-") for word in FIVE_VERDICTS if word != "equivalent"]
    done = command_line("compare", a, b, *(f"--fail-on={word}" for word in unwanted))
    assert done.returncode == int(verdict != "equivalent"), done.stderr
    assert (f"--fail-on {verdict}: " in done.stderr) == (verdict != "equivalent")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("verdict ")]
    assert verdict in line
    for word in ("because", "note: not interleaved"):
        assert word in done.stdout
    assert ("to settle it" in done.stdout) == (verdict == "inconclusive")


def _changed(path: str, tmp_path: Path, **runtime: Any) -> str:
    header, *rest = Path(path).read_text().splitlines()
    document = json.loads(header)
    document["runtime"].update(runtime)
    copy = tmp_path / "changed.edgeloop.jsonl"
    copy.write_text("\n".join([json.dumps(document), *rest]) + "\n")
    return str(copy)


def test_unlike_conditions_are_not_comparable_unless_allowed(
    stored: list[str], tmp_path: Path
) -> None:
    other = _changed(stored[1], tmp_path, threads=4)
    compared = compare_stored(stored[0], other, 0.05, ())
    assert compared.comparison.verdict == "not comparable"
    assert "--allow threads" in compared.comparison.reason
    allowed = compare_stored(stored[0], other, 0.05, ("threads",))
    assert allowed.comparison.verdict != "not comparable"
    with pytest.raises(UsageError, match="threads"):
        compare_stored(stored[0], other, 0.05, ("thread",))


def test_fail_on_exits_with_one(stored: list[str], command_line: Any) -> None:
    slower = command_line("compare", *stored, "--fail-on", "slower:2%")
    assert slower.returncode == 1, slower.stderr
    assert "slower" in slower.stdout
    assert command_line("compare", *stored, "--fail-on", "slower:90%").returncode == 0
    assert command_line("compare", *reversed(stored), "--fail-on", "slower").returncode == 0
    assert command_line("compare", *stored, "--fail-on", "worse").returncode == 2
    assert command_line("compare", stored[0], "null").returncode == 2


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("0.5 %", 0.005), ("0.02", 0.02)])
def test_a_difference_is_read_as_a_share(text: str, share: float) -> None:
    assert parse_delta(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "two", "200%", "0", "-1%", "2%%"])
def test_a_bad_difference_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write 2%"):
        parse_delta(text)
