"""Compile the TensorRT engine against NVIDIA's own headers: `python tensorrt_headers.py FOLDER`.

FOLDER holds one folder per version (8.2.1, 10.16, ...) with TensorRT's include/ in it, taken from
the public repository (git archive TAG include). For each version the engine is compiled as on a
board (C++14, warnings are errors), and the stand-in libnvinfer is built over the same headers, so
that the engine can run with the virtual tables of that version. Prints one line for each; both
libraries lie under --out.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENGINE = ROOT / "cpp" / "plugins" / "tensorrt"
CUDA = ROOT / "third_party" / "cuda"
INTERFACES = ("VRuntime", "VCudaEngine", "VExecutionContext")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_PURE = re.compile(r"\bvirtual\s+([^;{}]*?)\s*=\s*0\s*;")


def versions(folder: Path) -> list[Path]:
    """Return the include folders in it, by version."""
    return sorted(path.parent for path in folder.glob("*/include/NvInfer.h"))


def stubs(include: Path) -> str:
    """Return a header with a body for every pure virtual function of the interfaces."""
    text = _COMMENT.sub("", (include / "NvInferImpl.h").read_text("utf-8", "replace"))
    parts = ["#include <cstdlib>\nnamespace stubs {\nusing namespace nvinfer1;"]
    for name in INTERFACES:
        found = re.search(rf"class {name} : public VRoot\s*{{(.*?)\n}};", text, re.DOTALL)
        assert found, f"{include} has no {name}"
        functions = [" ".join(function.split()) for function in _PURE.findall(found[1])]
        parts.append(f"class {name} : public nvinfer1::apiv::{name} {{\n public:")
        parts += [f"  {function} override {{ std::abort(); }}" for function in functions]
        parts.append("};")
    return "\n".join([*parts, "}  // namespace stubs\n"])


def build(include: Path, out: Path) -> tuple[Path, Path]:
    """Compile the engine and the stand-in over the headers in `include`; return both libraries."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "NvInferStubs.h").write_text(stubs(include), encoding="utf-8")
    engine, library = out / "libedgeloop_tensorrt.so", out / "libnvinfer.so"
    common = ["-O1", "-fPIC", "-shared", "-isystem", str(include), "-isystem", str(CUDA)]
    commands = (
        ["g++", "-std=c++14", "-Wall", "-Wextra", "-Werror", *common,
         f"-I{ROOT / 'cpp/include'}", *map(str, sorted(ENGINE.glob("*.cpp"))), "-o", str(engine)],
        ["g++", "-std=c++17", "-Wall", "-Werror", *common, "-DEDGELOOP_STUBS", f"-I{out}",
         str(ROOT / "tests/fakes/fake_nvinfer.cpp"), "-o", str(library)],
    )  # fmt: skip
    for command in commands:
        subprocess.run([*command, "-ldl"], check=True)
    return engine, library


def main() -> None:
    """Build every version that is there; exit code 3 where there is none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    found = versions(arguments.folder)
    if not found:
        print(f"skipped: {arguments.folder} holds no VERSION/include/NvInfer.h", file=sys.stderr)
        sys.exit(3)
    for include in found:
        version = include.parent.name
        build(include, arguments.out / version)
        print(f"ok {version}: engine (C++14, -Wall -Wextra -Werror) and stand-in compiled")


if __name__ == "__main__":
    main()
