"""The options that several commands share, each with the words that --help prints."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Model file (.tflite, .onnx, TorchScript, torch.export or state dict; told from its "
        "content), or 'null' for no model at all.",
        show_default=False,
    ),
]
ModelFile = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Model file or SavedModel folder; its format is told from its content.",
        show_default=False,
    ),
]
Via = Annotated[
    Optional[list[str]],
    typer.Option(
        "--via",
        metavar="FORMAT",
        help="Convert by way of this format, or 'direct' for a single step: PyTorch to TFLite goes "
        "both ways. Repeatable.",
        show_default=False,
    ),
]
Opset = Annotated[
    Optional[int],
    typer.Option("--opset", help="ONNX opset to write (default 18; 13 to 17 suit older runtimes)."),
]
Layout = Annotated[
    str,
    typer.Option(
        "--layout",
        help="keep: inputs as the model has them. nhwc: channels of images at the end, as TFLite "
        "models have them; edgeloop then transposes the data by itself.",
    ),
]
Runtimes = Annotated[
    Optional[list[str]],
    typer.Option(
        "--runtime",
        "-r",
        help="Runtime: null, litert, tflite, tflite-runtime, onnxruntime, torch, aotinductor, "
        "tensorrt, coral, plugin=PATH, one of an installed package, or 'all' found. Repeat for "
        "several. Default: the first found for the model's format.",
        show_default=False,
    ),
]
Loops = Annotated[
    Optional[str],
    typer.Option(
        "--loops",
        help="Comma-separated: native, binding, callable, framework, framework-io.",
        show_default=False,
    ),
]
Threads = Annotated[
    Optional[int],
    typer.Option("--threads", "-t", help="Threads of the runtime.", show_default=False),
]
BatchSize = Annotated[
    Optional[int],
    typer.Option(
        "--batch-size", help="Fix the first dimension of every input.", show_default=False
    ),
]
Shapes = Annotated[
    Optional[list[str]],
    typer.Option(
        "--shape",
        metavar="NAME=1x3x224x224",
        help="Fix the shape of an input; without NAME= for the only input. Repeatable.",
        show_default=False,
    ),
]
Delegate = Annotated[
    Optional[list[str]],
    typer.Option(
        "--delegate",
        metavar="NAME[=PATH][:KEY=VALUE,...]",
        help="TFLite runtimes: xnnpack (the default), armnn, edgetpu, gpu, the path of any "
        "external delegate, or none for plain kernels. External ones claim nodes before XNNPACK, "
        "in the order given. Repeatable.",
        show_default=False,
    ),
]
UseArmnn = Annotated[
    bool, typer.Option("--use-armnn", help="The same as --delegate armnn: Arm NN's delegate.")
]
ArmnnPath = Annotated[
    Optional[str],
    typer.Option(
        "--armnn-path",
        metavar="PATH",
        help="Arm NN's delegate from this libarmnnDelegate.so, or from the folder it is in.",
        show_default=False,
    ),
]
Provider = Annotated[
    Optional[list[str]],
    typer.Option(
        "--provider",
        metavar="NAME[:KEY=VALUE,...]",
        help="ONNX Runtime: an execution provider of the installed library, before the CPU's; an "
        "unknown one lists them. Repeatable.",
        show_default=False,
    ),
]
RequireDelegate = Annotated[
    Optional[str],
    typer.Option(
        "--require-delegate",
        metavar="SHARE",
        help="Exit 1 where the delegates or providers run less than this share of the model (0.9, "
        "90%, or any: at least one node).",
        show_default=False,
    ),
]
TorchMode = Annotated[
    Optional[list[str]],
    typer.Option(
        "--torch-mode",
        metavar="MODE",
        help="torch: eager, script (TorchScript), compile (torch.compile) or aotinductor (needs "
        "--package); several, also comma-separated, are one table. Default: as the file has it.",
        show_default=False,
    ),
]
Package = Annotated[
    Optional[str],
    typer.Option(
        "--package",
        metavar="FILE",
        help="torch: AOTInductor package of this model (convert --to aotinductor), which the "
        "native loop runs. It is machine code: only packages that you trust.",
        show_default=False,
    ),
]
Device = Annotated[
    Optional[str],
    typer.Option(
        "--device",
        help="torch: cpu, cuda or cuda:N; each call ends with the wait for the GPU.",
        show_default=False,
    ),
]
Settings = Annotated[
    Optional[list[str]],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting that only this runtime has; an unknown one lists them. Repeatable.",
        show_default=False,
    ),
]
Builder = Annotated[
    Optional[list[str]],
    typer.Option(
        "--builder",
        metavar="KEY=VALUE",
        help="TensorRT: precision=fp32|fp16|int8, workspace=MIB, timing-cache=FILE, dla-core=N "
        "(the rest on the GPU), calibration=FILE.npz. Repeatable.",
        show_default=False,
    ),
]
Library = Annotated[
    Optional[str],
    typer.Option(
        "--library",
        help="Path of the runtime's native library, where it is not the usual one.",
        show_default=False,
    ),
]
Python = Annotated[
    Optional[str],
    typer.Option(
        "--python",
        help="Interpreter of the worker process; it needs edgeloop and the runtime.",
        show_default=False,
    ),
]
Host = Annotated[
    Optional[str],
    typer.Option(
        "--host",
        metavar="USER@BOARD",
        help="Measure on this board, over the system's ssh: models and data are copied there once; "
        "--python (default python3), libraries and delegates are the board's.",
        show_default=False,
    ),
]
Data = Annotated[
    Optional[str],
    typer.Option(
        "--data",
        help="Data set (see `eval`): its first sample is the input, and with labels the accuracy "
        "is measured on the engine that was timed. Default: seeded random values.",
        show_default=False,
    ),
]
XKey = Annotated[str, typer.Option("--x-key", help="Array of the samples in an .npz.")]
YKey = Annotated[str, typer.Option("--y-key", help="Array of the labels in an .npz.")]
_DATA_LAYOUT_HELP = (
    "nhwc or nchw. Arrays: their layout, where it is not the model's; they are transposed. "
    "Pictures: the model's, where its shape does not tell."
)
DataLayout = Annotated[
    Optional[str], typer.Option("--data-layout", help=_DATA_LAYOUT_HELP, show_default=False)
]
# Where nothing is converted, "--layout" can only mean that of the data.
LayoutOfData = Annotated[
    Optional[str],
    typer.Option("--layout", "--data-layout", help=_DATA_LAYOUT_HELP, show_default=False),
]
ConvertTo = Annotated[
    Optional[str],
    typer.Option(
        "--to",
        metavar="FORMAT",
        help="Convert the model first: tflite, onnx, ... as edgeloop convert does; the result is "
        "kept.",
        show_default=False,
    ),
]
Quantize = Annotated[
    Optional[str],
    typer.Option(
        "--quantize",
        metavar="PRECISION",
        help="Quantise the model first: int8, int16x8, dynamic or fp16, as edgeloop quantize does.",
        show_default=False,
    ),
]
ModelOut = Annotated[
    Optional[str],
    typer.Option(
        "--model-out",
        metavar="PATH",
        help="With --to or --quantize: the file to write. Default: the model's name with the "
        "format's ending, here.",
        show_default=False,
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace the model file that is there under that name.")
]
RepresentativeData = Annotated[
    Optional[str],
    typer.Option(
        "--representative-data",
        "--representative-data-path",
        metavar="PATH",
        help="Samples that show the ranges of the activations, from the training set: an .npz, an "
        ".npy, a folder or a list (.csv) of pictures. Preprocessed like --data.",
        show_default=False,
    ),
]
Samples = Annotated[
    int, typer.Option("--samples", help="So many of --representative-data, drawn by --seed.")
]
Effort = Annotated[
    str,
    typer.Option("--effort", help="quick (5 s), standard (60 s at most), rigorous (10 min)."),
]
Budget = Annotated[
    Optional[float],
    typer.Option(
        "--budget",
        help="Seconds that warm-up and measuring may take, instead of the effort's.",
        show_default=False,
    ),
]
Rate = Annotated[
    Optional[float],
    typer.Option(
        "--rate",
        metavar="HZ",
        help="Open loop: a run is due so often, and its latency counts from when it was due.",
        show_default=False,
    ),
]
Percentiles = Annotated[
    str,
    typer.Option("--percentiles", help="Comma-separated, each with its interval: 50,90,99,99.9."),
]
Runs = Annotated[
    Optional[int],
    typer.Option(
        "--runs",
        help="Fixed count: record exactly so many runs in one process.",
        show_default=False,
    ),
]
Warmup = Annotated[
    Optional[int],
    typer.Option(
        "--warmup",
        help="With --runs: so many runs before it, not recorded (default 1).",
        show_default=False,
    ),
]
Processes = Annotated[
    Optional[int],
    typer.Option(
        "--processes", help="Worker processes, instead of the effort's.", show_default=False
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the random inputs and orders.")]
Timeout = Annotated[
    float,
    typer.Option("--timeout", help="Seconds that one step (load, block) of a worker may take."),
]
ModelClassPath = Annotated[
    Optional[str],
    typer.Option(
        "--model-class-path",
        help="Python file that defines the model's class (for a state dict). It is executed.",
        show_default=False,
    ),
]
ModelClassName = Annotated[
    Optional[str],
    typer.Option("--model-class-name", help="Name of the class in that file.", show_default=False),
]
TrustPickle = Annotated[
    bool,
    typer.Option(
        "--trust-pickle",
        help="Let torch.load execute the code pickled into the file. Only for files you made.",
    ),
]
Cpus = Annotated[
    Optional[str],
    typer.Option("--cpus", metavar="2,3", help="Pin the worker to these CPUs.", show_default=False),
]
Cluster = Annotated[
    Optional[str],
    typer.Option(
        "--cluster",
        metavar="big|little",
        help="Pin the worker to the fastest or the slowest cluster of CPUs.",
        show_default=False,
    ),
]
Priority = Annotated[
    Optional[str],
    typer.Option(
        "--priority",
        metavar="NICE|fifo:N|rr:N",
        help="Priority of the worker: a nice value (-20 to 19) or a real-time policy (1 to 99).",
        show_default=False,
    ),
]
Mlock = Annotated[
    bool, typer.Option("--mlock", help="Keep the worker's memory from being swapped out.")
]
Governor = Annotated[
    Optional[str],
    typer.Option(
        "--governor",
        metavar="NAME",
        help="Set the CPU governor (performance) for the run and restore it after; needs root.",
        show_default=False,
    ),
]
Regime = Annotated[
    Optional[str],
    typer.Option(
        "--regime",
        metavar="burst|sustained",
        help="burst: cool down before each block, and take the headline from unthrottled blocks. "
        "sustained: run 5 minutes unrecorded first. Default: as it comes, throttled blocks "
        "labelled.",
        show_default=False,
    ),
]
CoolDown = Annotated[
    Optional[float],
    typer.Option(
        "--cool-down",
        metavar="CELSIUS",
        help="Wait before each process (in a burst: each block) until the CPU is this cool.",
        show_default=False,
    ),
]
PowerCommand = Annotated[
    Optional[str],
    typer.Option(
        "--power-command",
        metavar="COMMAND",
        help="A program that prints the power in W, run once a second without a shell. Default: "
        "the meter on the board, where there is one.",
        show_default=False,
    ),
]
PeakGflops = Annotated[
    Optional[float],
    typer.Option(
        "--peak-gflops",
        metavar="GFLOP/S",
        help="The most that the device can do (GOP/s for an int8 model), where no table knows it: "
        "a latency beyond it is impossible, and its headline is withheld.",
        show_default=False,
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Exit 1 where the latency is impossible for the device, and at a picture of the data "
        "that cannot be read; else both are told.",
    ),
]
Json = Annotated[
    Optional[str],
    typer.Option(
        "--json",
        metavar="FILE",
        help="Write the whole result as JSON; '-' makes standard output pure JSON.",
        show_default=False,
    ),
]
Out = Annotated[
    Optional[str],
    typer.Option(
        "--out",
        metavar="PATH",
        help="Folder of the result, or its file (NAME.edgeloop.jsonl). "
        "Default: $XDG_DATA_HOME/edgeloop/results.",
        show_default=False,
    ),
]
Runtime = Annotated[
    Optional[str],
    typer.Option(
        "--runtime",
        "-r",
        help="Runtime: litert, tflite, tflite-runtime, onnxruntime, torch, or one of an installed "
        "package. Default: the first found for the model's format.",
        show_default=False,
    ),
]
NoSave = Annotated[bool, typer.Option("--no-save", help="Keep no result file.")]


def delegates(
    given: Optional[list[str]], use_armnn: bool, armnn_path: Optional[str]
) -> tuple[str, ...]:
    """Return the delegates, with what the friendly options say of Arm NN's."""
    asked = tuple(given or ())
    if armnn_path is not None:
        return (*asked, f"armnn={armnn_path}")
    return (*asked, "armnn") if use_armnn else asked
