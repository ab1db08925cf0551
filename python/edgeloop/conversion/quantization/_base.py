"""What a method of quantisation is asked for, and how it reads its samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgeloop.errors import ModelError, one_line

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class QuantizeRequest:
    """One model to quantise; JSON-able, because the work is done in a worker."""

    source: str
    target: str
    """Where the file is written: a temporary name, which the caller renames."""
    precision: str
    """One of methods.PRECISIONS."""
    io: str = "int8"
    """TFLite, int8: dtype of the inputs and outputs: int8, uint8 or float32."""
    activations: str = "asymmetric"
    """ONNX, int8: asymmetric (for ONNX Runtime) or symmetric (for TensorRT)."""
    reduce_range: bool = False
    """ONNX: weights of 7 bits."""
    samples: str = ""
    """An .npz of calibration samples, as samples.py writes it; empty where none are needed."""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return asdict(self)


class MethodModule(Protocol):
    """What the module of a method offers."""

    def quantize(self, request: QuantizeRequest) -> list[str]:
        """Write `request.target`; return what was decided on the way, one sentence each.

        Raises ModelError where the tool cannot quantise the model, with its own words.
        """
        ...


def feeds(path: str, names: Sequence[str]) -> Iterator[dict[str, npt.NDArray[np.float32]]]:
    """Yield what each run of the model takes: one of `names` → array, as real values.

    The samples go to the inputs by their names where all are the same, else by their position.
    Raises ModelError where there is another number of inputs.
    """
    with np.load(path, allow_pickle=False) as arrays:
        given = [str(name) for name in arrays["input_names"]]
        if len(given) != len(names):
            raise ModelError(
                f"the model has {len(names)} inputs ({', '.join(names)}), the calibration samples "
                f"are for {len(given)} ({', '.join(given)})"
            )
        order = [given.index(name) for name in names] if set(given) == set(names) else None
        stored = [arrays[f"input_{index}"] for index in order or range(len(names))]
    for run in range(len(stored[0])):
        yield {
            # ascontiguousarray would make a list of a scalar.
            name: np.asarray(values[run], dtype=_real(values.dtype), order="C")
            for name, values in zip(names, stored)
        }


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return what a float model takes: float32, or whole numbers where its input is of these."""
    return np.dtype(np.float32) if dtype.kind == "f" else dtype


def refused(
    request: QuantizeRequest, tool: str, error: BaseException, hint: str = ""
) -> ModelError:
    """Return the error for a model that a tool cannot quantise, with the tool's own words."""
    advice = hint or "try --method dynamic or fp16, which leave the activations in float"
    return ModelError(f"{tool} cannot quantise {request.source}: {one_line(error, 500)}; {advice}")


def strip_unused_opsets(model: Any) -> None:
    """Remove imports of domains that no node is of; a strict reader refuses what it cannot know.

    onnxruntime's preparation adds eight of them.
    """
    used = {_canonical(node.domain) for node in _nodes(model.graph)}
    used.update(_canonical(f.domain) for f in model.functions)
    used.update(_canonical(n.domain) for f in model.functions for n in f.node)
    kept = [entry for entry in model.opset_import if _canonical(entry.domain) in {"", *used}]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _nodes(inner)


def _canonical(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain
