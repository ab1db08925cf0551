"""One profiled run as a trace that chrome://tracing and Perfetto show."""

from __future__ import annotations

from typing import Any

from edgeloop.measure.profile.summary import Profile


def chrome_trace(profile: Profile) -> dict[str, Any]:
    """Return the last run as complete events; times in us, as the format has them.

    Of what a profiler tells no start, each begins where the one before it ended, and those inside
    a partition follow one another from its beginning.
    """
    events = []
    outer_end_ns = 0.0
    inner_end_ns = 0.0
    for row, (told_ns, duration_ns) in zip(profile.operators, profile.last_run):
        inside = row["inside"] is not None
        start_ns = told_ns
        if start_ns is None:
            start_ns = inner_end_ns if inside else outer_end_ns
        if inside:
            inner_end_ns = start_ns + duration_ns
        else:
            inner_end_ns, outer_end_ns = start_ns, start_ns + duration_ns
        events.append({
            "name": row["operator"],
            "cat": row["owner"],
            "ph": "X",
            "ts": start_ns / 1000,
            "dur": duration_ns / 1000,
            "pid": 1,
            "tid": 1,
            "args": {
                "name": row["name"],
                "owner": row["owner"],
                "node": row["node"],
                "nodes": row["nodes"],
                "subgraph": row["subgraph"],
                "start_told": told_ns is not None,
            },
        })  # fmt: skip
    title = str(profile.document["title"])
    return {
        "traceEvents": [
            {"name": "process_name", "ph": "M", "pid": 1, "args": {"name": f"edgeloop {title}"}},
            *events,
        ],
        "displayTimeUnit": "ns",
        "otherData": {
            "title": title,
            "created": profile.document["created"],
            "resolution": profile.document["profile"]["resolution"],
        },
    }
