from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeloop.stats.run_times import RunTimes, joined
from edgeloop.stats.summary import summarise

REPORTED = [
    "median_ns", "median_ci95_ns", "median_ci95_within_ns", "median_ci95_between_ns", "p90_ns",
    "p90_ci95_ns", "p99_ns", "p99_ci95_ns", "min_ns", "max_ns", "mean_ns", "stddev_ns", "iqr_ns",
    "mad_ns", "n", "n_eff", "processes", "runs_per_s", "items_per_s", "steady_state",
    "stop_reason", "energy_j",
]  # fmt: skip


def measured(
    processes: int = 5,
    blocks: int = 20,
    per_block: int = 50,
    seed: int = 0,
    noise: float = 0.05,
    per_sample: int = 1,
) -> list[list[RunTimes]]:
    rng = np.random.default_rng(seed)
    return [
        [
            RunTimes.of_samples(rng.lognormal(14, noise, per_block).astype(np.uint64), per_sample)
            for _ in range(blocks)
        ]
        for _ in range(processes)
    ]


def scaled(block: RunTimes, factor: float) -> RunTimes:
    return RunTimes(block.ns * factor, block.runs_per_sample)


def test_every_reported_figure_is_there_and_json_can_hold_it() -> None:
    document = json.loads(json.dumps(summarise(measured()).as_dict()))
    assert set(REPORTED) <= set(document)
    for name in REPORTED:
        assert (document[name] is None) == (f"{name}_reason" in document), name


def test_figures_are_those_of_numpy() -> None:
    processes = measured()
    pooled = joined(block for blocks in processes for block in blocks)
    medians = [np.median(joined(blocks)) for blocks in processes]
    summary = summarise(processes)
    assert summary.median_ns == pytest.approx(np.exp(np.mean(np.log(medians))), rel=1e-12)
    assert summary.p90_ns == pytest.approx(np.quantile(pooled, 0.9), rel=1e-12)
    assert summary.p99_ns == pytest.approx(np.quantile(pooled, 0.99), rel=1e-12)
    assert (summary.min_ns, summary.max_ns) == (pooled.min(), pooled.max())
    assert summary.mean_ns == pytest.approx(pooled.mean(), rel=1e-12)
    assert summary.stddev_ns == pytest.approx(pooled.std(ddof=1), rel=1e-9)
    assert summary.iqr_ns == pytest.approx(np.subtract(*np.quantile(pooled, [0.75, 0.25])))
    assert summary.mad_ns == pytest.approx(np.median(np.abs(pooled - np.median(pooled))))
    assert (summary.n, summary.n_left_out, summary.processes) == (5000, 0, 5)
    assert summary.runs_per_s == pytest.approx(1e9 / pooled.mean())
    assert summary.steady_state == "flat"


@given(st.permutations(range(10)))
def test_order_of_blocks_changes_the_effective_samples_only(order: list[int]) -> None:
    # Noise far below 1 %: no order of these blocks looks like a warm-up.
    (blocks,) = measured(processes=1, blocks=10, seed=3, noise=0.005)
    before = summarise([blocks]).as_dict()
    after = summarise([[blocks[i] for i in order]]).as_dict()
    for name in ("median_ns", "min_ns", "max_ns", "stddev_ns", "iqr_ns", "mad_ns", "n", "mean_ns"):
        # Sums in another order round differently.
        assert after[name] == pytest.approx(before[name], rel=1e-12), name


def test_any_percentile_is_reported_by_name() -> None:
    summary = summarise(measured(per_block=300), percentiles=(50, 75, 99.9, 99.99))
    assert list(summary.percentiles) == ["50", "75", "99.9", "99.99"]
    assert summary.percentiles["50"].value == summary.median_ns
    assert summary.percentiles["99.9"].interval is not None
    assert summary.percentiles["99.99"].value is None
    document = summary.as_dict()["percentiles"]["99.99"]
    assert document["value_ns"] is None
    assert document["reason"].startswith("not enough samples (need ")
    assert summary.p90_ns is None
    assert summary.reasons["p90_ns"] == "not asked for"


def test_tail_of_few_samples_is_words() -> None:
    summary = summarise(measured(processes=1, blocks=10, per_block=50))
    assert summary.p90_ns is not None
    assert summary.p99_ns is None
    assert summary.p99_ci95_ns is None
    assert summary.reasons["p99_ns"].startswith("not enough samples (need ")


def test_samples_of_several_runs_have_no_tail() -> None:
    summary = summarise(measured(per_sample=10))
    assert summary.median_ns == pytest.approx(np.exp(14) / 10, rel=0.01)
    assert summary.runs_per_s == pytest.approx(10 / np.exp(14) * 1e9, rel=0.01)
    for name in ("p90_ns", "p99_ns", "p99_ci95_ns", "min_ns", "max_ns", "stddev_ns", "iqr_ns"):
        assert getattr(summary, name) is None
        assert summary.reasons[name].startswith("samples are means of 10 runs")


def test_tail_samples_of_single_runs_carry_tail_and_spread() -> None:
    singles = measured(seed=9)
    summary = summarise(measured(noise=0.001, per_sample=10), tail_processes=singles)
    pooled = joined(block for blocks in singles for block in blocks)
    assert summary.p99_ns == pytest.approx(np.quantile(pooled, 0.99))
    assert summary.max_ns == pooled.max()
    assert summary.median_ns == pytest.approx(np.exp(14) / 10, rel=0.001)
    assert summary.n == 5000


def test_warm_up_is_left_out_and_counted() -> None:
    processes = measured(processes=3, blocks=40)
    for blocks in processes:
        for i in range(6):
            blocks[i] = scaled(blocks[i], 2)
    summary = summarise(processes)
    assert summary.steady_state == "warm-up"
    assert summary.n_left_out == 3 * 6 * 50
    assert summary.median_ns == pytest.approx(np.exp(14), rel=0.01)
    assert [state.used.start for state in summary.steady_states] == [6, 6, 6]


def test_least_steady_process_names_the_class() -> None:
    processes = measured(processes=3, blocks=40)
    processes[1] = [scaled(b, 2) if i >= 30 else b for i, b in enumerate(processes[1])]
    summary = summarise(processes)
    assert summary.steady_state == "slow-down"
    assert summary.n_left_out == 0


def test_too_few_blocks_have_a_reason_instead_of_a_class() -> None:
    summary = summarise(measured(blocks=2))
    assert summary.steady_state is None
    assert summary.reasons["steady_state"] == "not enough blocks (need 6, have 2)"


def test_one_sample_is_a_median_and_nothing_else() -> None:
    summary = summarise([[RunTimes.of_samples([1_000_000], 1)]])
    assert summary.median_ns == pytest.approx(1_000_000)
    for name in ("median_ci95_ns", "p90_ns", "stddev_ns", "iqr_ns", "mad_ns", "min_ns"):
        assert getattr(summary, name) is None
        assert summary.reasons[name]


def test_clock_that_never_ticked_is_said_so() -> None:
    summary = summarise([[RunTimes.of_samples(np.zeros(50), 1)] * 10])
    assert summary.median_ns == 0.0
    assert summary.runs_per_s is None
    assert "too coarse" in summary.reasons["median_ci95_ns"]
    assert "too coarse" in summary.reasons["runs_per_s"]


def test_empty_blocks_and_processes_do_not_count() -> None:
    processes = measured(processes=2)
    empty = RunTimes.of_samples([], 1)
    padded = [[], [empty], *[[*blocks, empty] for blocks in processes]]
    assert summarise(padded).as_dict() == summarise(processes).as_dict()


def test_elapsed_time_and_items_give_the_rates() -> None:
    summary = summarise(measured(), elapsed_s=10.0, items_per_run=8, stop_reason="converged")
    assert summary.runs_per_s == 500.0
    assert summary.items_per_s == 4000.0
    assert summary.stop_reason == "converged"


def test_nothing_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        summarise([[], []])


@pytest.mark.parametrize("percentile", [0, 100, -1])
def test_percentile_outside_the_open_range_is_refused(percentile: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        summarise(measured(), percentiles=(percentile,))


def test_sample_of_no_run_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 run"):
        RunTimes.of_samples([1000], 0)


def test_processes_with_other_runs_per_sample_are_not_mixed_up() -> None:
    # 18, 19 and 18 runs a sample, as three processes of one model chose by themselves.
    run_ns, rates = 1806.0, (18, 19, 18)
    processes = [[RunTimes.of_samples(np.full(50, run_ns * k), k)] * 10 for k in rates]
    summary = summarise(processes)
    assert summary.median_ns == pytest.approx(run_ns, rel=1e-12)
    assert summary.mean_ns == pytest.approx(run_ns, rel=1e-12)
    assert summary.runs_per_s == pytest.approx(1e9 / run_ns, rel=1e-12)
    assert [s.segments[0].median for s in summary.steady_states] == pytest.approx([run_ns] * 3)
    assert summary.runs_per_sample == 19


def test_the_mean_counts_runs_and_not_samples() -> None:
    slow, fast = RunTimes.of_samples([2000.0], 1), RunTimes.of_samples([9000.0], 9)
    assert summarise([[slow, fast]]).mean_ns == pytest.approx(11_000 / 10)
