"""`edgeloop profile`."""

from typing import Annotated, Optional

import typer

from edgeloop.cli import options
from edgeloop.cli.output import TerminalObserver, require_writable, show, write_json
from edgeloop.spec.run import RunSpec, parse_setting, parse_shape

Top = Annotated[int, typer.Option("--top", min=1, help="Operators of each table that are shown.")]
Trace = Annotated[
    Optional[str],
    typer.Option(
        "--trace",
        metavar="FILE",
        help="Write the last run as a Chrome trace (chrome://tracing, Perfetto).",
        show_default=False,
    ),
]


def profile(
    model: options.Model,
    runtime: options.Runtime = None,
    threads: options.Threads = None,
    batch_size: options.BatchSize = None,
    shape: options.Shapes = None,
    delegate: options.Delegate = None,
    use_armnn: options.UseArmnn = False,
    armnn_path: options.ArmnnPath = None,
    provider: options.Provider = None,
    require_delegate: options.RequireDelegate = None,
    settings: options.Settings = None,
    library: options.Library = None,
    python: options.Python = None,
    data: options.Data = None,
    x_key: options.XKey = "x_data",
    y_key: options.YKey = "y_data",
    data_layout: options.DataLayout = None,
    effort: options.Effort = "quick",
    budget: options.Budget = None,
    processes: options.Processes = None,
    seed: options.Seed = 0,
    timeout: options.Timeout = 600.0,
    model_class_path: options.ModelClassPath = None,
    model_class_name: options.ModelClassName = None,
    trust_pickle: options.TrustPickle = False,
    top: Top = 10,
    trace: Trace = None,
    json: options.Json = None,
) -> None:
    """Say which operators take the time, and who ran them: the runtime's own profiler.

    Mean time per run of every operator and of every partition that a delegate took, by type and by
    node, with intervals. The profiler slows the model down: pairs of blocks with and without it
    say by how much, and these times are never mixed into those of bench.

    Examples:

      edgeloop profile model.tflite

      edgeloop profile model.tflite --delegate none --threads 1 --top 20

      edgeloop profile model.onnx --effort standard --json profile.json --trace trace.json
    """
    require_writable(json)
    require_writable(trace, "--trace")
    from edgeloop.api import profile_one
    from edgeloop.cli.pages.profile import profile_page
    from edgeloop.measure.profile.chrome_trace import chrome_trace
    from edgeloop.measure.record import failed_requirement
    from edgeloop.runtimes.choice.resolution import resolve

    spec = RunSpec(
        model=model,
        runtimes=() if runtime is None else (runtime,),
        threads=threads,
        batch_size=batch_size,
        shapes=dict(parse_shape(text) for text in shape or ()),
        delegate=options.delegates(delegate, use_armnn, armnn_path),
        provider=tuple(provider or ()),
        require_delegate=require_delegate,
        settings=dict(parse_setting(text) for text in settings or ()),
        library=library,
        python=python,
        data=data,
        x_key=x_key,
        y_key=y_key,
        data_layout=data_layout,
        effort=effort,
        budget_s=budget,
        processes=processes,
        seed=seed,
        timeout_s=timeout,
        model_class_path=model_class_path,
        model_class_name=model_class_name,
        trust_pickle=trust_pickle,
    )
    observer = TerminalObserver()
    resolved = resolve(spec, "profile")[0]
    for choice in resolved.choices:
        observer.phase(choice)
    found = profile_one(resolved, observer)
    observer.clear()
    show(lambda: profile_page(found, top), found.as_dict, json)
    if trace is not None:
        write_json(chrome_trace(found), trace, "--trace")
    error = failed_requirement(resolved, found.document)
    if error is not None:
        raise error
