"""From what the user asked for to what will be done: everything left open is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from edgeloop.errors import ModelError, UsageError, canonical, nearest
from edgeloop.host.affinity import CpuCluster
from edgeloop.host.cpuinfo import parse_cpu_list
from edgeloop.runtimes import RUNTIME_NAMES, runtime
from edgeloop.runtimes.choice.data_shapes import shapes_of_data
from edgeloop.runtimes.choice.delegates import (
    delegates_of,
    providers_of,
    require_edgetpu_delegate,
    required_share,
)
from edgeloop.runtimes.choice.inputs import absolute, chosen_inputs
from edgeloop.runtimes.choice.runtimes import (
    choose_runtimes,
    format_of,
    interpreter_of,
    reads_any_format,
    split_entry,
)
from edgeloop.runtimes.choice.title import titled
from edgeloop.spec.control import Control, parse_priority
from edgeloop.spec.limits import require_schedulable, require_sound_numbers
from edgeloop.spec.load import ANY, LOOPS, NULL_MODEL, LoadOptions
from edgeloop.spec.metrics import metric_options
from edgeloop.spec.resolved import FixedCount, Model, ResolvedSpec
from edgeloop.spec.run import RunSpec

if TYPE_CHECKING:
    from edgeloop.spec.run import RunSpec

TORCH = "torch"

BIG, LITTLE = "big", "little"


CLUSTERS = (BIG, LITTLE)


def resolve(spec: RunSpec, command: str) -> list[ResolvedSpec]:
    """Decide everything the user left open; one resolved spec for each runtime.

    Raises UsageError, ModelError, or NotAvailableError where a named runtime (or every runtime
    that could read the model) is not there.
    """
    if spec.host is not None:
        raise UsageError(
            f"{command} runs here only; --host is for bench, overhead, compare, doctor and suite"
        )
    require_sound_numbers(spec)
    if spec.instances is not None and command != "eval":
        raise UsageError("--instances is for eval: instances beside each other disturb a latency")
    if spec.feedback and (command != "eval" or (spec.instances or 1) > 1):
        raise UsageError(
            "--feedback is for eval with one instance: a run that is timed has the same inputs "
            "each time"
        )
    if spec.rate_hz is not None:
        require_schedulable(spec, spec.rate_hz, command)
    model = _model(str(spec.model), spec.model_class_path, spec.runtimes)
    if model.format == "edgetpu" and not reads_any_format(spec.runtimes):
        require_edgetpu_delegate(spec)
    names, choices = choose_runtimes(spec, model)
    modes = torch_modes(spec, names)
    return [
        _resolve_one(spec, command, model, entry, choices, mode)
        for entry in names
        for mode in (modes if entry == TORCH else (None,))
    ]


def _resolve_one(
    spec: RunSpec,
    command: str,
    model: Model,
    entry: str,
    choices: Sequence[str],
    mode: Optional[str],
) -> ResolvedSpec:
    name, library = split_entry(entry)
    notes = list(choices)
    loops = _loops(spec, command, name, notes)
    instances = _instances(spec, name, loops)
    required = required_share(spec, name)
    providers = providers_of(spec, name)
    on_cpu = any(canonical(provider.name).startswith("cpu") for provider in providers)
    control = _control(spec)
    options = LoadOptions(
        model=model.path,
        threads=_threads(spec, command, control, notes),
        batch_size=spec.batch_size or 0,
        shapes={key: list(shape) for key, shape in spec.shapes.items()},
        delegates=delegates_of(spec, name, notes),
        providers=providers,
        cpu_fallback=not runtime(name).has_providers or on_cpu or required != 1.0,
        library=absolute(library or spec.library),
        torch_mode=mode,
        package=absolute(spec.package),
        device=spec.device,
        settings=_settings(spec, name),
        model_class_path=absolute(spec.model_class_path),
        model_class_name=spec.model_class_name,
        trust_pickle=spec.trust_pickle,
        keep_state=spec.keep_state,
        feedback=dict(spec.feedback),
    )
    choice = None if model.sha256 is None else runtime(name).choice_of(model.path)
    if choice is not None:
        notes.append(choice)
    inputs = chosen_inputs(spec, model, notes)
    if spec.data is not None and model.sha256 is not None:
        declared = runtime(name).declared_shapes(model.path)
        options = replace(options, shapes=shapes_of_data(declared, inputs, options, notes))
    state = None if spec.data is None else runtime(name).state_of(options)
    if state is not None:
        notes.append(
            f"the model has {state}: "
            + (
                "samples follow each other"
                if spec.keep_state
                else "each sample starts from a fresh state"
            )
            + ("" if spec.keep_state else " (--keep-state for a stream)")
        )
    notes.extend(
        f"output '{output}' of a sample is the input '{fed}' of the next, zeros for the first"
        for output, fed in spec.feedback.items()
    )
    # A named runtime that is missing fails before anything runs.
    python = spec.python or interpreter_of(name, options.library, notes)
    fixed = None
    if spec.runs is not None:
        fixed = FixedCount(spec.runs, 1 if spec.warmup is None else spec.warmup)
    return titled(ResolvedSpec(
        command=command,
        model=model,
        runtime=name,
        options=options,
        loops=loops,
        python=python,
        inputs=inputs,
        effort=spec.effort,
        budget_s=spec.budget_s,
        rate_hz=spec.rate_hz,
        fixed=fixed,
        processes=spec.processes,
        percentiles=tuple(spec.percentiles),
        seed=spec.seed,
        timeout_s=spec.timeout_s,
        choices=tuple(notes),
        metrics=metric_options(
            spec.task, spec.top_k, spec.softmax, spec.output, spec.decoder, spec.per_class
        ),
        require_delegate=required,
        instances=instances,
        control=control,
        regime=spec.regime,
        cool_down_c=spec.cool_down_c,
        power_command=spec.power_command,
        peak_gflops=spec.peak_gflops,
        strict=spec.strict,
    ))  # fmt: skip


def _model(path: str, class_path: Optional[str], entries: Sequence[str]) -> Model:
    found = format_of(path, entries)
    if path == NULL_MODEL:
        return Model(path=NULL_MODEL, format=found, sha256=None, bytes=None)
    from edgeloop.models.identity import identity_of, model_bytes

    return Model(
        path=str(Path(path).resolve()),
        format=found,
        sha256=identity_of(path, class_path),
        bytes=model_bytes(path),
    )


def _loops(spec: RunSpec, command: str, name: str, notes: list[str]) -> tuple[str, ...]:
    missing = runtime(name).engine_of(spec.package).missing_loops
    wanted = [canonical(loop) for loop in spec.loops]
    for loop in wanted:
        if loop not in LOOPS:
            raise UsageError(f"unknown loop '{loop}'; {nearest(loop, LOOPS)}")
        if loop in missing:
            raise UsageError(f"{name} has no {loop} loop: {missing[loop]}")
    if len(wanted) > 1 and command in ("eval", "predict"):
        raise UsageError(f"{command} runs the data through one loop: name one with --loops")
    if wanted:
        return tuple(dict.fromkeys(wanted))
    if command == "overhead":
        notes.extend(f"no {loop} loop: {reason}" for loop, reason in missing.items())
        return tuple(loop for loop in LOOPS if loop not in missing)
    if "native" not in missing:
        return ("native",)
    loop = "framework" if spec.rate_hz is None else "callable"
    notes.append(f"loop {loop}: {name} has no native loop ({missing['native']})")
    return (loop,)


def _instances(spec: RunSpec, name: str, loops: Sequence[str]) -> int:
    instances = spec.instances or 1
    if instances > 1 and loops[0] != "native":
        missing = runtime(name).engine_of(spec.package).missing_loops.get("native")
        raise UsageError(
            f"--instances needs the native loop, and this is the {loops[0]} loop"
            + (f": {name} has no native one ({missing})" if missing else "")
        )
    return instances


def _control(spec: RunSpec) -> Control:
    if spec.cpus is not None and spec.cluster is not None:
        raise UsageError("--cpus and --cluster both choose the CPUs: give one")
    cpus: Optional[tuple[int, ...]] = None
    if spec.cpus is not None:
        cpus = parse_cpus(spec.cpus) if isinstance(spec.cpus, str) else tuple(spec.cpus)
    elif spec.cluster is not None:
        from edgeloop.host.affinity import clusters

        cpus = cluster_cpus(spec.cluster, clusters())
    priority = None if spec.priority is None else parse_priority(spec.priority)
    return Control(cpus, priority, spec.mlock, spec.governor)


def _threads(spec: RunSpec, command: str, control: Control, notes: list[str]) -> int:
    if spec.threads is not None:
        return spec.threads
    if command == "overhead":
        notes.append("threads 1: more would hide the loop behind the waiting for threads")
        return 1
    if (spec.instances or 1) > 1:
        notes.append("threads 1 for each instance: instances share the CPUs better than threads do")
        return 1
    if control.cpus is not None:
        return _within_quota(len(control.cpus), "the CPUs that were given", notes)
    from edgeloop.host.affinity import fastest_cluster

    cluster = fastest_cluster()
    cpus = ",".join(str(cpu) for cpu in cluster.cpus)
    reason = f"the CPUs of the fastest cluster in reach ({cpus})"
    return _within_quota(max(1, len(cluster.cpus)), reason, notes)


def _within_quota(threads: int, reason: str, notes: list[str]) -> int:
    """Return as many threads as a control group's quota keeps running, and say why.

    More are stopped together once the quota of a period is used up.
    """
    from edgeloop.host.cgroup import cpu_quota

    quota = cpu_quota()
    if quota.cpus is not None and threads > max(1, int(quota.cpus)):
        threads = max(1, int(quota.cpus))
        reason = f"the control group {quota.source} grants {quota.cpus:g} CPUs"
    notes.append(f"threads {threads}: {reason}")
    return threads


def _settings(spec: RunSpec, name: str) -> dict[str, str]:
    known = runtime(name).settings
    settings = {canonical(key): str(value) for key, value in spec.settings.items()}
    for key in settings:
        if key not in known and ANY not in known:
            raise UsageError(
                f"{name} has no setting '{key}'; {nearest(key, known) if known else 'it has none'}"
            )
    return settings


def parse_cpus(text: str) -> tuple[int, ...]:
    """Read 2,3 or 0-3. Raises UsageError that shows the right form."""
    try:
        cpus = parse_cpu_list(text)
    except ValueError:
        cpus = ()
    if not cpus:
        raise UsageError(f"--cpus {text}: write numbers of CPUs, 2,3 or 0-3")
    return cpus


def cluster_cpus(name: str, clusters: Sequence[CpuCluster]) -> tuple[int, ...]:
    """Return the CPUs of the fastest ("big") or the slowest ("little") cluster.

    Raises UsageError for another name, or where the cores are all alike.
    """
    if name not in CLUSTERS:
        raise UsageError(f"unknown cluster '{name}'; {nearest(name, CLUSTERS)}")
    if len(clusters) < 2:
        raise UsageError(f"--cluster {name}: the cores of this machine are all alike; use --cpus")
    return clusters[0 if name == BIG else -1].cpus


def torch_modes(spec: RunSpec, names: Sequence[str]) -> tuple[Optional[str], ...]:
    """Return the modes in which torch measures the model, each a result of its own.

    Raises UsageError where an option for PyTorch is given to other runtimes, or is none;
    ModelError where the package is not there.
    """
    given = [spec.torch_mode] if isinstance(spec.torch_mode, str) else spec.torch_mode or ()
    modes = [canonical(part) for text in given for part in text.split(",") if part.strip()]
    if spec.device is not None:
        _require_device(spec.device, names)
    options = {"--torch-mode": modes, "--package": spec.package}
    for option, value in options.items():
        if value and TORCH not in names:
            raise UsageError(f"{option} is for the runtime torch, not for {', '.join(names)}")
    if not any(options.values()):
        return (None,)
    from edgeloop.runtimes.torch_modes import MODES, NO_PACKAGE_MODE

    for mode in modes:
        if mode not in MODES:
            raise UsageError(f"unknown torch mode '{mode}'; {nearest(mode, MODES)}")
    if "aotinductor" in modes and spec.package is None:
        raise UsageError(NO_PACKAGE_MODE)
    if spec.package is not None:
        _require_package(spec.package)
    on_cpu = spec.device in (None, "cpu")
    if not on_cpu and (spec.package is not None or "aotinductor" in modes):
        raise UsageError("--package is compiled for the CPU: leave it or --device out")
    return tuple(dict.fromkeys(modes)) or (None,)


def _require_device(device: str, names: Sequence[str]) -> None:
    takers = [one for one in map(runtime, names) if one.takes_device]
    if not takers:
        known = [name for name in RUNTIME_NAMES if runtime(name).takes_device]
        raise UsageError(f"--device is for {' and '.join(known)}, not for {', '.join(names)}")
    for one in takers:
        one.require_device_form(device)


def _require_package(path: str) -> None:
    from edgeloop.models.formats import detect_format

    found = detect_format(Path(path)).format
    if found != "aotinductor":
        raise ModelError(
            f"--package names {path}, which is not an AOTInductor package but {found}; make one "
            "with 'edgeloop convert MODEL --to aotinductor'"
        )
