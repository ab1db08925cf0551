"""`eval`: from what the user said to the accuracy of a model and its agreement with another."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from edgeloop.measure.evaluate import evaluate_one
from edgeloop.measure.observer import Observer
from edgeloop.metrics.scikit_learn import require_sklearn
from edgeloop.results.schema import Result
from edgeloop.results.store import open_result
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.run import ResolvedSpec, RunSpec


def evaluate_all(
    spec: RunSpec,
    *,
    reference: Optional[str],
    include_preprocess: bool,
    save: bool,
    out: Optional[str],
    observer: Observer,
) -> Result:
    """Evaluate the first runtime of a spec; what ended it early is in the result's `error`."""
    require_sklearn()
    resolved = resolve(spec, "eval")[0]
    for choice in resolved.choices:
        observer.note(choice)
    other = None if reference is None else _reference(reference, spec)
    if not save:
        return evaluate_one(resolved, other, include_preprocess, observer, None)
    with open_result(out, resolved.model.path, resolved.runtime) as writer:
        return evaluate_one(resolved, other, include_preprocess, observer, writer)


def _reference(text: str, spec: RunSpec) -> ResolvedSpec:
    """Resolve MODEL@config with the data of a spec, and nothing of its own runtime's options."""
    defaults = replace(
        spec,
        runtimes=(),
        loops=(),
        output=None,
        instances=None,
        shapes={},
        delegate=None,
        provider=None,
        require_delegate=None,
        settings={},
        library=None,
    )
    return resolve(parse_configuration(text, defaults), "eval")[0]
