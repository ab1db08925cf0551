"""Whether scikit-learn is installed, without importing it before anything was measured."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Optional

from edgeloop.errors import NotAvailableError

_INSTALL = "install it with: python -m pip install 'edgeloop[eval]'"


def why_no_sklearn() -> Optional[str]:
    """Return why the metrics that scikit-learn computes are missing; None where it is installed."""
    return (
        None if find_spec("sklearn") is not None else f"scikit-learn is not installed; {_INSTALL}"
    )


def require_sklearn() -> None:
    """Raise NotAvailableError, with the command that installs it, where it is missing."""
    reason = why_no_sklearn()
    if reason is not None:
        raise NotAvailableError(f"the metrics are computed by scikit-learn: {reason}")
