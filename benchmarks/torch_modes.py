"""Digits and ResNet20 in eager PyTorch, TorchScript, torch.compile, AOTInductor and other runtimes.

One table from one run: every conversion is made by edgeloop here, every configuration is measured
in worker processes of its own, one after the other, on one thread. The last column is the factor to
AOTInductor's native loop. With --json the figures are written as well.

    python benchmarks/torch_modes.py [--effort quick] [--resnet20 FILE.pt]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

import edgeloop
from edgeloop.conversion.edge import ConversionOptions
from edgeloop.conversion.run import ConversionSpec, convert
from edgeloop.demo import ASSETS
from edgeloop.errors import EdgeloopError
from edgeloop.measure.observer import Silence

RESNET20 = (
    Path(__file__).parents[2] / "shared" / "data" / "cifar10_resnet" / "resnet20_torchscript.pt"
)
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


def measured(name: str, code: str, loop: str, path: Path, **options: object) -> Row:
    """Measure one loop of one configuration."""
    try:
        result = edgeloop.bench(str(path), loops=(loop,), threads=1, **options)
    except EdgeloopError as error:
        return Row(name, code, loop, reason=str(error))
    summary = result.summary["summary"]
    low, high = summary["median_ci95_ns"] or (None, None)
    return Row(name, code, loop, summary["median_ns"], low, high)


def converted(source: Path, to: str, folder: Path, shape: tuple[int, ...]) -> Path:
    """Convert with edgeloop, at a fixed shape; return the file."""
    target = folder / f"{source.stem}.{'pt2' if to == 'aotinductor' else to}"
    options = ConversionOptions(shapes={"": shape})
    spec = ConversionSpec(str(source), to, out=str(target), options=options)
    report = convert(spec, Silence())
    print(f"converted {source.name} to {to}: {report.total_ns / 1e9:.3g} s", flush=True)
    return Path(report.path)


def rows_of(
    name: str, source: Path, shape: tuple[int, ...], folder: Path, effort: str
) -> Iterator[Row]:
    """Yield the rows of one model."""
    package = converted(source, "aotinductor", folder, shape)
    same = {"runtime": "torch", "shapes": {"": shape}, "package": str(package), "effort": effort}
    yield measured(name, "AOTInductor", "native", source, **same)
    for mode in MODES:
        yield measured(name, mode, "framework", source, torch_mode=mode, **same)
    for to, runtime in (("onnx", "onnxruntime"), ("tflite", "litert")):
        bundled = ASSETS / f"digits_float32.{to}"
        try:
            path = bundled if name == "digits" else converted(source, to, folder, shape)
        except EdgeloopError as error:
            yield Row(name, runtime, "native", reason=str(error))
            continue
        for loop in ("native", "framework"):
            yield measured(name, runtime, loop, path, runtime=runtime, effort=effort)


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
    parser.add_argument("--resnet20", type=Path, default=RESNET20, help="TorchScript of ResNet20")
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args()
    models = [("digits", ASSETS / "digits_float32.pt", (1, 1, 8, 8))]
    if chosen.resnet20.is_file():
        models.append(("resnet20", chosen.resnet20, (1, 3, 32, 32)))
    else:
        print(f"no ResNet20: {chosen.resnet20} is not here")
    kept: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, source, shape in models:
            reference_ns = float("nan")
            for row in rows_of(name, source, shape, Path(folder), chosen.effort):
                if row.code == "AOTInductor" and row.median_ns is not None:
                    reference_ns = row.median_ns
                print(line_of(row, reference_ns), flush=True)
                kept.append(row)
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in kept], indent=2) + "\n")


if __name__ == "__main__":
    main()
