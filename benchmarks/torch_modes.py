"""Digits and ResNet20 in eager PyTorch, TorchScript, torch.compile, AOTInductor and other runtimes.

One table from one run: every configuration is measured in worker processes of its own, one after
the other, on one thread. The package, and ResNet20's TFLite model, are made by edgeloop here; the
other files are the demo's, and those of ../shared/data beside the repository. The last column is
the factor to AOTInductor's native loop. With --json the figures are written as well.

    python benchmarks/torch_modes.py [--effort quick] [--budget 1] [--resnet20 FOLDER]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

import edgeloop
from edgeloop.conversion.edge import ConversionOptions
from edgeloop.conversion.run import ConversionSpec, convert
from edgeloop.demo import ASSETS
from edgeloop.errors import EdgeloopError, ModelError
from edgeloop.measure.observer import Silence

ROOT = Path(__file__).parents[1]
RESNET20 = ROOT.parent / "shared" / "data" / "cifar10_resnet"
RESNET20_CLASS = ROOT / "tests" / "integration" / "models" / "resnet20.py"
MODES = ("eager", "script", "compile", "aotinductor")


@dataclass(frozen=True)
class Row:
    """One configuration; times in ns, None where it could not be measured."""

    model: str
    code: str
    loop: str
    median_ns: Optional[float] = None
    low_ns: Optional[float] = None
    high_ns: Optional[float] = None
    reason: str = ""


@dataclass(frozen=True)
class Model:
    """One network in the formats that are there."""

    name: str
    torch: Path
    shape: tuple[int, ...]
    onnx: Path
    tflite: Optional[Path]
    """None: it is converted here."""
    torch_class: Mapping[str, str] = field(default_factory=dict)
    """What the PyTorch file needs where it holds weights only."""


def measured(model: Model, code: str, loop: str, path: Path, **options: Any) -> Row:
    """Measure one loop of one configuration."""
    try:
        result = edgeloop.bench(str(path), loops=(loop,), threads=1, **options)
    except EdgeloopError as error:
        return Row(model.name, code, loop, reason=str(error))
    summary = result.summary["summary"]
    low, high = summary["median_ci95_ns"] or (None, None)
    return Row(model.name, code, loop, summary["median_ns"], low, high)


def converted(model: Model, to: str, folder: Path) -> Path:
    """Convert with edgeloop, at a fixed shape; return the file. Raises EdgeloopError.

    A result that does not agree with its source is none: ModelError.
    """
    target = folder / f"{model.name}.{'pt2' if to == 'aotinductor' else to}"
    options = ConversionOptions(shapes={"": model.shape}, **model.torch_class)
    report = convert(
        ConversionSpec(str(model.torch), to, out=str(target), options=options), Silence()
    )
    if report.verification.passed is False:
        raise ModelError(f"{to}: {report.verification.faults[0]}")
    print(f"converted {model.torch.name} to {to}: {report.total_ns / 1e9:.3g} s", flush=True)
    return Path(report.path)


def rows_of(model: Model, folder: Path, effort: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the rows of one model."""
    same = {"runtime": "torch", "shapes": {"": model.shape}, **model.torch_class, **effort}
    same["package"] = str(converted(model, "aotinductor", folder))
    yield measured(model, "AOTInductor", "native", model.torch, **same)
    for mode in MODES:
        yield measured(model, mode, "framework", model.torch, torch_mode=mode, **same)
    for loop in ("native", "framework"):
        yield measured(model, "onnxruntime", loop, model.onnx, runtime="onnxruntime", **effort)
    try:
        tflite = model.tflite or converted(model, "tflite", folder)
    except EdgeloopError as error:
        yield Row(model.name, "litert", "native", reason=f"no TFLite model: {error}")
        return
    for loop in ("native", "framework"):
        yield measured(model, "litert", loop, tflite, runtime="litert", **effort)


def models_of(folder: Path) -> Iterator[Model]:
    """Yield the models that are here."""
    digits = [ASSETS / f"digits_float32.{ending}" for ending in ("pt", "onnx", "tflite")]
    yield Model("digits", digits[0], (1, 1, 8, 8), digits[1], digits[2])
    weights = folder / "resnet20_state_dict.pth"
    if not weights.is_file():
        print(f"no ResNet20: {weights} is not here")
        return
    given = {"model_class_path": str(RESNET20_CLASS), "model_class_name": "ResNet20"}
    yield Model("resnet20", weights, (1, 3, 32, 32), folder / "resnet20.onnx", None, given)


def line_of(row: Row, reference_ns: float) -> str:
    """Return a row as text, every figure in µs with its interval."""
    head = f"{row.model:9} {row.code:12} {row.loop:10}"
    if row.median_ns is None:
        return f"{head} {row.reason}"
    interval = "(no interval)"
    if row.low_ns is not None and row.high_ns is not None:
        interval = f"[{row.low_ns / 1e3:.4g}, {row.high_ns / 1e3:.4g}]"
    factor = row.median_ns / reference_ns
    return f"{head} {row.median_ns / 1e3:9.4g} µs {interval:22} {factor:6.3g} x"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effort", default="standard", help="quick, standard or rigorous")
    parser.add_argument("--budget", type=float, help="s per row, instead of the effort's")
    parser.add_argument(
        "--resnet20", type=Path, default=RESNET20, help="folder with its weights and its ONNX"
    )
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args()
    effort = {"effort": chosen.effort, "budget_s": chosen.budget}
    kept: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for model in models_of(chosen.resnet20):
            reference_ns = float("nan")
            for row in rows_of(model, Path(folder), effort):
                if row.code == "AOTInductor" and row.median_ns is not None:
                    reference_ns = row.median_ns
                print(line_of(row, reference_ns), flush=True)
                kept.append(row)
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in kept], indent=2) + "\n")


if __name__ == "__main__":
    main()
