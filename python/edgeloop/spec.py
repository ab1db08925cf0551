"""What the user said (RunSpec) and what will be done (ResolvedSpec, nothing optional)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Optional, Union

from edgeloop.control import UNCONTROLLED, Control, cluster_cpus, parse_cpus, parse_priority
from edgeloop.data.options import X_KEY, Y_KEY, InputSource, parse_layout, parse_preprocess
from edgeloop.delegate_choice import (
    delegates_of,
    providers_of,
    require_edgetpu_delegate,
    required_share,
)
from edgeloop.delegates import NONE, XNNPACK
from edgeloop.errors import ModelError, UsageError
from edgeloop.metrics.options import MetricOptions, metric_options
from edgeloop.names import canonical, nearest
from edgeloop.runtimes import runtime
from edgeloop.runtimes._base import ANY, LOOPS, NULL_MODEL, LoadOptions
from edgeloop.runtimes.choice import choose_runtimes, reads_any_format, split_entry
from edgeloop.runtimes.interpreter import interpreter_of
from edgeloop.spec_limits import EFFORTS, require_schedulable, require_sound_numbers
from edgeloop.torch_choice import TORCH, missing_loops, torch_modes

# Format → its runtimes, in the order in which the default is sought.
RUNTIMES_OF_FORMAT: Mapping[str, Sequence[str]] = {
    "null": ("null",),
    "tflite": ("litert", "tflite", "tflite-runtime"),
    "edgetpu": ("tflite", "tflite-runtime", "litert", "coral"),
    "onnx": ("onnxruntime",),
    "pytorch": ("torch",),
    "aotinductor": ("aotinductor",),
    "tensorrt": ("tensorrt",),
}

# The format of a file that only the runtime that was named may know.
OTHER_FORMAT = "other"


@dataclass(frozen=True)
class RunSpec:
    """What the user asked for; None and empty mean "choose for me"."""

    model: str
    runtimes: Sequence[str] = ()
    """Names, "all", or plugin=PATH."""
    loops: Sequence[str] = ()
    threads: Optional[int] = None
    batch_size: Optional[int] = None
    instances: Optional[int] = None
    """eval: so many of the model share the data set, each in a thread of its own."""
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    delegate: Union[str, Sequence[str], None] = None
    """TFLite runtimes: NAME[=PATH][:key=value,...], one or several; "none" leaves XNNPACK out."""
    provider: Union[str, Sequence[str], None] = None
    """ONNX Runtime: NAME[:key=value,...], one or several before the CPU's."""
    require_delegate: Union[str, float, None] = None
    """Fail where delegates or providers run less than this share of the model; "any": nothing."""
    torch_mode: Union[str, Sequence[str], None] = None
    """torch: eager, script, compile or aotinductor, one or several; None: as the file has it."""
    package: Optional[str] = None
    """torch: an AOTInductor package of the same model, for the native loop."""
    device: Optional[str] = None
    """torch: "cpu", "cuda" or "cuda:N"."""
    settings: Mapping[str, str] = field(default_factory=dict)
    library: Optional[str] = None
    python: Optional[str] = None
    data: Optional[str] = None
    x_key: str = X_KEY
    y_key: str = Y_KEY
    y_file: Optional[str] = None
    data_layout: Optional[str] = None
    resize: Union[str, int, Sequence[int], None] = None
    crop: Union[str, float, Sequence[int], None] = None
    color: Optional[str] = None
    scale: Union[str, float, None] = None
    mean: Union[str, float, Sequence[float], None] = None
    std: Union[str, float, Sequence[float], None] = None
    labels: Optional[str] = None
    """A file with the names of the classes, one a line."""
    label_offset: int = 0
    task: Optional[str] = None
    """ "classification" or "regression"; None: told from the labels."""
    top_k: int = 5
    softmax: bool = False
    effort: str = "standard"
    budget_s: Optional[float] = None
    rate_hz: Optional[float] = None
    runs: Optional[int] = None
    warmup: Optional[int] = None
    processes: Optional[int] = None
    percentiles: Sequence[float] = (50.0, 90.0, 99.0)
    seed: int = 0
    timeout_s: float = 600.0
    model_class_path: Optional[str] = None
    model_class_name: Optional[str] = None
    trust_pickle: bool = False
    cpus: Union[str, Sequence[int], None] = None
    """CPUs that the worker may use: "2,3", "0-3", or their numbers."""
    cluster: Optional[str] = None
    """"big" or "little": the CPUs of the fastest or the slowest cluster."""
    priority: Optional[str] = None
    """A nice value, "-10", or a real-time policy with its priority, "fifo:50"."""
    mlock: bool = False
    governor: Optional[str] = None
    """CPU governor for the time of the run; root only."""
    regime: Optional[str] = None
    """"burst": cool before each block; "sustained": soaked with heat; None: as it comes."""
    cool_down_c: Optional[float] = None
    """Wait before each process (in a burst: each block) until the CPU is at most this warm."""
    power_command: Optional[str] = None
    """A program that prints the power in W, where the machine has no meter of its own."""
    peak_gflops: Optional[float] = None
    """The most that the device can do, in GFLOP/s (GOP/s for int8), where no table knows it."""
    strict: bool = False
    """Fail where an impossible latency, or a picture that cannot be read, is else only told."""
    host: Optional[str] = None
    """USER@BOARD to measure on, over ssh; None: this machine."""


@dataclass(frozen=True)
class FixedCount:
    """The classic fixed count: so many runs recorded after so many that are not."""

    runs: int
    warmup: int


@dataclass(frozen=True)
class Model:
    """The model file; for the null runtime a name without a file."""

    path: str
    format: str
    sha256: Optional[str]
    bytes: Optional[int]


@dataclass(frozen=True)
class ResolvedSpec:
    """One model in one runtime, with everything decided."""

    command: str
    model: Model
    runtime: str
    options: LoadOptions
    loops: tuple[str, ...]
    python: str
    inputs: InputSource
    effort: str
    budget_s: Optional[float]
    """The most that warm-up and measuring may take, instead of the effort's."""
    rate_hz: Optional[float]
    """Open loop: a run is due so often, and latency counts from then. None: one after the other."""
    fixed: Optional[FixedCount]
    processes: Optional[int]
    """Number of worker processes where the user fixed it; None: the effort decides."""
    percentiles: tuple[float, ...]
    seed: int
    timeout_s: float
    choices: tuple[str, ...]
    """What was chosen for the user, one sentence each."""
    metrics: MetricOptions = field(default_factory=MetricOptions)
    require_delegate: Optional[float] = None
    """The least share that delegates or providers must run; 0: at least one node."""
    instances: int = 1
    """Of the model, which share the data set; they run beside each other."""
    control: Control = UNCONTROLLED
    regime: Optional[str] = None
    cool_down_c: Optional[float] = None
    power_command: Optional[str] = None
    peak_gflops: Optional[float] = None
    strict: bool = False

    @property
    def title(self) -> str:
        """The configuration as one string, the same wherever it is named."""
        engine = self.runtime
        if self.options.library is not None and engine == "plugin":
            engine = f"plugin={Path(self.options.library).name}"
        parts = [f"{Path(self.model.path).name}@{engine}", f"threads={self.options.threads}"]
        if runtime(self.runtime).delegates:
            parts += [f"delegate={name}" for name in self.options.delegates]
            own = XNNPACK not in runtime(self.runtime).delegates
            if not self.options.delegates or not (own or self.options.xnnpack):
                parts.append(f"delegate={NONE}")
        parts += [f"provider={name}" for name in self.options.providers]
        if self.options.torch_mode is not None:
            parts.append(f"torch-mode={self.options.torch_mode}")
        if self.options.device is not None:
            parts.append(f"device={self.options.device}")
        if self.options.batch_size:
            parts.append(f"batch-size={self.options.batch_size}")
        if self.instances > 1:
            parts.append(f"instances={self.instances}")
        if self.control.cpus is not None:
            parts.append(f"cpus={'+'.join(str(cpu) for cpu in self.control.cpus)}")
        if self.control.governor is not None:
            parts.append(f"governor={self.control.governor}")
        if self.regime is not None:
            parts.append(f"regime={self.regime}")
        if self.rate_hz is not None:
            parts.append(f"rate={self.rate_hz:g}")
        parts += [f"shape={_shape_text(*item)}" for item in self.options.shapes.items()]
        parts += [f"{key}={value}" for key, value in self.options.settings.items()]
        return ",".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        document = asdict(self)
        document["title"] = self.title
        return document


def resolve(spec: RunSpec, command: str) -> list[ResolvedSpec]:
    """Decide everything the user left open; one resolved spec for each runtime.

    Raises UsageError, ModelError, or NotAvailableError where a named runtime (or every runtime
    that could read the model) is not there.
    """
    if spec.host is not None:
        raise UsageError(
            f"{command} runs here only; --host is for bench, overhead, compare, doctor and suite"
        )
    if spec.effort not in EFFORTS:
        raise UsageError(f"no effort is called '{spec.effort}'; {nearest(spec.effort, EFFORTS)}")
    require_sound_numbers(spec)
    if spec.instances is not None and command != "eval":
        raise UsageError("--instances is for eval: instances beside each other disturb a latency")
    if spec.rate_hz is not None:
        require_schedulable(spec, spec.rate_hz, command)
    model = _model(str(spec.model), reads_any_format(spec.runtimes))
    candidates = RUNTIMES_OF_FORMAT.get(model.format, ())
    if model.format == "edgetpu" and not reads_any_format(spec.runtimes):
        require_edgetpu_delegate(spec)
    names, choices = choose_runtimes(spec, model, candidates)
    modes = torch_modes(spec, names)
    return [
        _resolve_one(spec, command, model, entry, choices, mode)
        for entry in names
        for mode in (modes if entry == TORCH else (None,))
    ]


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Read NAME=1x3x224x224, or 1x3x224x224 for the only input.

    Raises UsageError that shows the right form.
    """
    name, _, dims = text.rpartition("=")
    try:
        shape = tuple(int(dim) for dim in dims.lower().split("x"))
    except ValueError:
        shape = ()
    if not shape or any(dim <= 0 for dim in shape):
        raise UsageError(f"'{text}' is no shape; write NAME=1x3x224x224 (or 1x3x224x224)")
    return name, shape


def parse_setting(text: str) -> tuple[str, str]:
    """Read KEY=VALUE. Raises UsageError that shows the right form."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"'{text}' is no setting; write KEY=VALUE")
    return canonical(key), value


def parse_percentiles(text: str) -> tuple[float, ...]:
    """Read 50,90,99.9. Raises UsageError that shows the right form."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"'{text}' are no percentiles; write 50,90,99.9") from None


def _model(path: str, any_format: bool) -> Model:
    if path == NULL_MODEL:
        return Model(path=NULL_MODEL, format="null", sha256=None, bytes=None)
    from edgeloop.models.formats import detect_format, model_bytes, sha256_of

    try:
        found = detect_format(path).format
    except ModelError:
        if not any_format or not model_bytes(path):
            raise
        found = OTHER_FORMAT
    return Model(
        path=str(Path(path).resolve()),
        format=found,
        sha256=sha256_of(path),
        bytes=model_bytes(path),
    )


def _resolve_one(
    spec: RunSpec,
    command: str,
    model: Model,
    entry: str,
    choices: Sequence[str],
    mode: Optional[str],
) -> ResolvedSpec:
    name, library = split_entry(entry)
    said = list(choices)
    loops = _loops(spec, command, name, said)
    instances = _instances(spec, name, loops)
    required = required_share(spec, name)
    providers = providers_of(spec, name)
    on_cpu = any(canonical(provider.name).startswith("cpu") for provider in providers)
    control = _control(spec)
    options = LoadOptions(
        model=model.path,
        threads=_threads(spec, command, control, said),
        batch_size=spec.batch_size or 0,
        shapes={key: list(shape) for key, shape in spec.shapes.items()},
        delegates=delegates_of(spec, name, said),
        providers=providers,
        cpu_fallback=name != "onnxruntime" or on_cpu or required != 1.0,
        library=_absolute(library or spec.library),
        torch_mode=mode,
        package=_absolute(spec.package),
        device=spec.device,
        settings=_settings(spec, name),
        model_class_path=_absolute(spec.model_class_path),
        model_class_name=spec.model_class_name,
        trust_pickle=spec.trust_pickle,
    )
    # A named runtime that is not here fails before anything runs.
    python = spec.python or interpreter_of(name, options.library, said)
    fixed = None
    if spec.runs is not None:
        fixed = FixedCount(spec.runs, 1 if spec.warmup is None else spec.warmup)
    return ResolvedSpec(
        command=command,
        model=model,
        runtime=name,
        options=options,
        loops=loops,
        python=python,
        inputs=_inputs(spec, model, said),
        effort=spec.effort,
        budget_s=spec.budget_s,
        rate_hz=spec.rate_hz,
        fixed=fixed,
        processes=spec.processes,
        percentiles=tuple(spec.percentiles),
        seed=spec.seed,
        timeout_s=spec.timeout_s,
        choices=tuple(said),
        metrics=metric_options(spec.task, spec.top_k, spec.softmax),
        require_delegate=required,
        instances=instances,
        control=control,
        regime=spec.regime,
        cool_down_c=spec.cool_down_c,
        power_command=spec.power_command,
        peak_gflops=spec.peak_gflops,
        strict=spec.strict,
    )


def inputs_of(spec: RunSpec) -> InputSource:
    """Return the data of a spec. Raises UsageError, ModelError where it is not there."""
    preprocess = parse_preprocess(
        resize=spec.resize,
        crop=spec.crop,
        color=spec.color,
        scale=spec.scale,
        mean=spec.mean,
        std=spec.std,
    )
    return replace(
        input_source(spec.seed, spec.data, spec.x_key, spec.y_key, spec.data_layout),
        y_file=_absolute(spec.y_file),
        labels=_absolute(spec.labels),
        label_offset=spec.label_offset,
        strict=spec.strict,
        preprocess=preprocess,
    )


def input_source(
    seed: int,
    data: Optional[str],
    x_key: str = X_KEY,
    y_key: str = Y_KEY,
    data_layout: Optional[str] = None,
) -> InputSource:
    """Check where inputs come from. Raises UsageError, ModelError where the data is not there."""
    path = _absolute(data)
    if path is not None and not Path(path).exists():
        raise ModelError(f"the data {data} does not exist")
    return InputSource(seed, path, x_key, y_key, parse_layout(data_layout))


def _inputs(spec: RunSpec, model: Model, said: list[str]) -> InputSource:
    """Take the data as the source of a converted model has it, where its channels were moved."""
    if spec.data_layout is not None or spec.data is None or model.sha256 is None:
        return inputs_of(spec)
    from edgeloop.models.provenance import layout_of_the_source

    layout = layout_of_the_source(model.path)
    if layout is not None:
        said.append(f"data layout {layout}: that of the model before its conversion")
    return inputs_of(replace(spec, data_layout=layout))


def _loops(spec: RunSpec, command: str, name: str, said: list[str]) -> tuple[str, ...]:
    missing = missing_loops(spec, name)
    wanted = [canonical(loop) for loop in spec.loops]
    for loop in wanted:
        if loop not in LOOPS:
            raise UsageError(f"no loop is called '{loop}'; {nearest(loop, LOOPS)}")
        if loop in missing:
            raise UsageError(f"{name} has no {loop} loop: {missing[loop]}")
    if len(wanted) > 1 and command in ("eval", "classify"):
        raise UsageError(f"{command} runs the data through one loop: name one with --loops")
    if wanted:
        return tuple(dict.fromkeys(wanted))
    if command == "overhead":
        said.extend(f"no {loop} loop: {reason}" for loop, reason in missing.items())
        return tuple(loop for loop in LOOPS if loop not in missing)
    if "native" not in missing:
        return ("native",)
    loop = "framework" if spec.rate_hz is None else "callable"
    said.append(f"loop {loop}: {name} has no native loop ({missing['native']})")
    return (loop,)


def _instances(spec: RunSpec, name: str, loops: Sequence[str]) -> int:
    instances = spec.instances or 1
    if instances > 1 and loops[0] != "native":
        missing = missing_loops(spec, name).get("native")
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


def _threads(spec: RunSpec, command: str, control: Control, said: list[str]) -> int:
    if spec.threads is not None:
        return spec.threads
    if command == "overhead":
        said.append("threads 1: more would hide the loop behind the waiting for threads")
        return 1
    if (spec.instances or 1) > 1:
        said.append("threads 1 for each instance: instances share the CPUs better than threads do")
        return 1
    if control.cpus is not None:
        said.append(f"threads {len(control.cpus)}: the CPUs that were given")
        return len(control.cpus)
    from edgeloop.host.affinity import fastest_cluster

    cluster = fastest_cluster()
    threads = max(1, len(cluster.cpus))
    cpus = ",".join(str(cpu) for cpu in cluster.cpus)
    said.append(f"threads {threads}: the CPUs of the fastest cluster in reach ({cpus})")
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


def _shape_text(name: str, shape: Sequence[int]) -> str:
    """Write a shape as a configuration does: NAME:1x3x224x224, or 1x3x224x224."""
    dims = "x".join(str(dim) for dim in shape)
    return f"{name}:{dims}" if name else dims


def _absolute(path: Optional[str]) -> Optional[str]:
    return None if path is None else str(Path(path).resolve())
