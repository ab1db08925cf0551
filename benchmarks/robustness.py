"""Count what mutated models and results do to the readers: a table of tried and failed.

    python benchmarks/robustness.py [--models N] [--results N] [--readers N] [--seed S]

Every seed file is one of the demo's assets, the golden result, or a small right file of another
kind that we read. A mutant is the file with a few bytes flipped, replaced, cut or repeated
(results: with one field replaced or removed). Failed means
an exception that is no sentence of edgeloop's, more than 5 s of CPU time or more than 500 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edgeloop.cli.pages.table import result_page
from edgeloop.errors import EdgeloopError
from edgeloop.models.inspect import inspect_model
from edgeloop.report.markdown import markdown_page
from edgeloop.results.collection import collect
from edgeloop.results.document import odd_fields

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from fakes.mutated_results import mutants  # noqa: E402 (it lies beside, in no package)
from fakes.readers import damaged, readers  # noqa: E402

ASSETS = ROOT / "python/edgeloop/demo/assets"
GOLDEN = ROOT / "tests/golden/v1-null-bench.edgeloop.jsonl"
MODELS = ("digits_int8.tflite", "digits_float32.tflite", "digits_float32.pt", "digits_int8.onnx")

MOST_CPU_S = 5
MOST_BYTES = 500 << 20

DONE, REFUSED, FAILED, COSTLY = range(4)


_KINDS = (0, 0, 0, 1, 1, 3, 4, 4)  # see `mutated`


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Return the bytes with one to four changes; few are cut short, which is told at once."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data))
        kind = 2 if chance.random() < 0.02 else chance.choice(_KINDS)
        if kind == 0:
            data[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            odd = chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, len(data)))
            data[place : place + 4] = odd.to_bytes(4, "little")
        elif kind == 2:
            del data[place + 1 :]
        elif kind == 3:
            data[place:place] = data[place : place + chance.randint(1, 64)]
        else:
            data[place : place + 8] = chance.randbytes(8)
    return bytes(data)


def inspect(path: Path) -> None:
    """Look into a model, and write what `inspect --json` would."""
    json.dumps(inspect_model(path).as_dict(), allow_nan=False)


def report(path: Path) -> None:
    """Read a result and make its pages."""
    collected = collect([str(path)])
    with odd_fields(str(path)):
        pages = [result_page(collected.results[0]), markdown_page(collected.rows)]
        pages.append(json.dumps(collected.results[0].as_dict(), allow_nan=False))
    assert not any("\x1b" in page for page in pages)


def outcome(read: Callable[[Path], Any], path: Path) -> int:
    """Read a file in a fork with limits on time and memory; say how it ended."""
    child = os.fork()
    if child == 0:
        status = FAILED
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S + 1))
            read(path)
            status = DONE
        except EdgeloopError:
            status = REFUSED
        except BaseException as error:  # whatever it is, it is counted
            print(f"{path.name}: {type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(status)
    _, status, usage = os.wait4(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    if ended < 0 or usage.ru_maxrss * 1024 > MOST_BYTES:
        return COSTLY
    return ended


def result_mutants(n: int, seed: int) -> Iterator[bytes]:
    """Yield the golden result with one field each replaced or removed."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in GOLDEN.read_text().splitlines()]
    for mutant in mutants(lines, n, seed):
        yield "".join(json.dumps(line) + "\n" for line in mutant).encode()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=500, help="mutants of each model")
    parser.add_argument("--results", type=int, default=500)
    parser.add_argument("--readers", type=int, default=500, help="mutants of each other file")
    parser.add_argument("--seed", type=int, default=20261201)
    chosen = parser.parse_args()
    print("| file | tried | read | refused with a sentence | failed | past 5 s or 500 MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            chance = random.Random(chosen.seed)
            content = (ASSETS / name).read_bytes()
            row(name, inspect, (mutated(content, chance) for _ in range(chosen.models)), folder)
        results = result_mutants(chosen.results, chosen.seed)
        row(GOLDEN.name, report, results, folder)
        for reader in readers():
            chance = random.Random(chosen.seed)
            reader.prepare(Path(folder))
            contents = (damaged(reader.seed, chance, reader.text) for _ in range(chosen.readers))
            row(reader.name, reader.read, contents, folder)


def row(name: str, read: Callable[[Path], Any], contents: Iterator[bytes], folder: str) -> None:
    """Print the counts of one file."""
    counts = [0, 0, 0, 0]
    path = Path(folder) / name
    for content in contents:
        path.write_bytes(content)
        counts[outcome(read, path)] += 1
    print(f"| {name} | {sum(counts)} | " + " | ".join(map(str, counts)) + " |", flush=True)


if __name__ == "__main__":
    main()
