from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("data", ["iid", "AR(1) 0.5", "AR(1) 0.9", "bursty", "rare bursts"])
def test_true_quantiles_are_those_of_the_simulated_data(data: str) -> None:
    coverage = script("interval_coverage")
    x = coverage.GENERATORS[data]((200, 2000), np.random.default_rng(0))
    for p in (0.5, 0.9, 0.99):
        share = np.mean(x <= coverage.true_quantile(data, p))
        # Three standard errors of a share of 400,000 samples worth a tenth of that.
        assert share == pytest.approx(p, abs=3 * np.sqrt(p * (1 - p) / 40_000))


def test_simulated_sides_differ_by_the_effect() -> None:
    alarms = script("false_alarms")
    setting = alarms.Setting("quick", luck=0.0, effect=0.02)
    d = alarms.log_ratios(setting, 500, np.random.default_rng(1))
    assert d.shape == (500, alarms.PAIRS)
    # 10,000 pairs that scatter by 1.4 % each: a standard error of 0.014 %.
    assert np.mean(d) == pytest.approx(np.log(1.02), abs=0.0005)
    lucky = alarms.log_ratios(alarms.Setting("quick", luck=0.02), 500, np.random.default_rng(2))
    # Two workers: the square root of two times the luck of one, known to 3 % from 500 sessions.
    assert np.std(np.median(lucky, axis=1)) == pytest.approx(0.02 * np.sqrt(2), rel=0.12)


@pytest.mark.parametrize("name", ["interval_coverage", "false_alarms"])
def test_scripts_write_what_they_print(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    module = script(name)
    path = tmp_path / "rows.json"
    code = module.main(["--repeats", "5", "--seed", "1", "--json", str(path)])
    tables = json.loads(path.read_text())["tables"]
    printed = capsys.readouterr().out
    rows = [row for table in tables.values() for row in table]
    assert code == int(any(row["outcome"] == "MISS" for row in rows))
    assert printed.count(" MISS\n") == sum(row["outcome"] == "MISS" for row in rows)
    assert all(title in printed for title in tables)
