"""What the user asks for: every option of a run, declared once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional, Union

from edgeloop.errors import UsageError, canonical
from edgeloop.spec.inputs import FITS, X_KEY, Y_KEY
from edgeloop.spec.option import (
    ACCELERATOR,
    DATA,
    METRICS,
    OUTPUT,
    PICTURES,
    PLACEMENT,
    PRECISION,
    PYTORCH,
    RUNTIME,
    SURROUNDINGS,
    Shorthand,
    argument,
    option,
)


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
        raise UsageError(f"'{text}' is not a shape; write NAME=1x3x224x224 (or 1x3x224x224)")
    return name, shape


def parse_setting(text: str) -> tuple[str, str]:
    """Read KEY=VALUE. Raises UsageError that shows the right form."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"'{text}' is not a setting; write KEY=VALUE")
    return canonical(key), value


def parse_feedback(text: str) -> tuple[str, str]:
    """Read OUTPUT=INPUT. Raises UsageError that shows the right form."""
    output, equals, given = text.rpartition("=")
    if not equals or not output or not given:
        raise UsageError(f"'{text}' names no output and input; write OUTPUT=INPUT")
    return output, given


def parse_percentiles(text: str) -> tuple[float, ...]:
    """Read 50,90,99.9. Raises UsageError that shows the right form."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"'{text}' are not percentiles; write 50,90,99.9") from None


EFFORTS = ("quick", "standard", "rigorous")

# Which heat a number holds for: see measure.regime.
REGIMES = ("burst", "sustained")

# TFLite counts a dimension in 32 bits.
MOST_DIM = 2**31 - 1


@dataclass(frozen=True)
class RunSpec:
    """What the user asked for; None and empty mean "choose for me".

    Each field declares how it is given: see edgeloop.spec.option.
    """

    model: str = argument(
        metavar="MODEL",
        help="Model file (any format), or 'null' for none.",
        file=True,
    )
    runtimes: Sequence[str] = option(
        (),
        "--runtime",
        "-r",
        section=RUNTIME,
        metavar="NAME",
        help="A runtime, plugin=PATH, or 'all' found. Repeatable.",
        repeat=True,
        commas=True,
    )
    loops: Sequence[str] = option(
        (),
        "--loops",
        section=RUNTIME,
        metavar="LOOP,...",
        help="native, binding, callable, framework, framework-io.",
        commas=True,
        more=True,
    )
    threads: Optional[int] = option(
        None,
        "--threads",
        "-t",
        section=RUNTIME,
        help="Default: the CPUs of the fastest cluster.",
        bounds=(1, 1024),
        configured=True,
    )
    batch_size: Optional[int] = option(
        None,
        "--batch-size",
        section=RUNTIME,
        help="Fix the first dimension of every input.",
        bounds=(1, MOST_DIM),
        configured=True,
        more=True,
    )
    instances: Optional[int] = option(
        None,
        "--instances",
        section=RUNTIME,
        help="Instances of the model that share the data, each in a thread of its own: the whole "
        "set is done sooner where there are CPUs, while each run takes longer. Native loop.",
        bounds=(1, 1024),
        configured=True,
        more=True,
    )
    shapes: Mapping[str, Sequence[int]] = option(
        dict,
        "--shape",
        section=RUNTIME,
        metavar="NAME=SHAPE",
        help="Fix an input's shape: x=1x3x224x224. Repeatable.",
        parse_pair=parse_shape,
    )
    delegate: Union[str, Sequence[str], None] = option(
        None,
        "--delegate",
        section=ACCELERATOR,
        metavar="NAME",
        help="xnnpack, armnn, edgetpu, gpu, a path, or none. Repeatable.",
        repeat=True,
        configured=True,
        shorthands=(
            Shorthand("--use-armnn", "armnn", "The same as --delegate armnn: Arm NN's delegate."),
            Shorthand(
                "--armnn-path",
                "armnn={}",
                "Arm NN's delegate from this libarmnnDelegate.so, or from its folder.",
                "PATH",
            ),
        ),
    )
    provider: Union[str, Sequence[str], None] = option(
        None,
        "--provider",
        section=ACCELERATOR,
        metavar="NAME",
        help="ONNX Runtime's, before the CPU's: NAME or PATH.so[:DEVICE], then :KEY=VALUE,... "
        "Repeatable.",
        repeat=True,
        configured=True,
    )
    require_delegate: Union[str, float, None] = option(
        None,
        "--require-delegate",
        section=ACCELERATOR,
        metavar="SHARE",
        help="Exit 1 where the delegates or providers run less than this share of the model (0.9, "
        "90%, or any: at least one node).",
        more=True,
    )
    torch_mode: Union[str, Sequence[str], None] = option(
        None,
        "--torch-mode",
        section=PYTORCH,
        metavar="MODE",
        help="eager, script (TorchScript), compile (torch.compile) or aotinductor (needs "
        "--package); several make one table. Default: as the file has it.",
        repeat=True,
        commas=True,
        configured=True,
        more=True,
    )
    package: Optional[str] = option(
        None,
        "--package",
        section=PYTORCH,
        metavar="FILE",
        help="AOTInductor package of this model (convert --to aotinductor), which the native loop "
        "runs. It is machine code: one of others needs --trust-pickle.",
        file=True,
        configured=True,
        more=True,
    )
    device: Optional[str] = option(
        None,
        "--device",
        section=RUNTIME,
        help="torch: cpu, cuda or cuda:N. openvino: CPU, GPU, NPU, GPU.1 or AUTO. Each call ends "
        "with the wait for it.",
        configured=True,
        more=True,
    )
    settings: Mapping[str, str] = option(
        dict,
        "--set",
        section=RUNTIME,
        metavar="KEY=VALUE",
        help="A setting that only this runtime has; an unknown one lists them. Repeatable.",
        parse_pair=parse_setting,
        more=True,
    )
    library: Optional[str] = option(
        None,
        "--library",
        section=RUNTIME,
        metavar="PATH",
        help="The runtime's native library, where it is not the usual one.",
        program=True,
        configured=True,
        more=True,
    )
    python: Optional[str] = option(
        None,
        "--python",
        section=RUNTIME,
        metavar="PATH",
        help="Interpreter of the worker process; it needs edgeloop and the runtime.",
        program=True,
        configured=True,
        more=True,
    )
    data: Optional[str] = option(
        None,
        "--data",
        section=DATA,
        metavar="PATH",
        help="Inputs, and accuracy where it has labels; else random inputs.",
        file=True,
        configured=True,
    )
    x_key: str = option(
        X_KEY, "--x-key", section=DATA, help="Array of the samples in an .npz.", more=True
    )
    y_key: str = option(
        Y_KEY, "--y-key", section=DATA, help="Array of the labels in an .npz.", more=True
    )
    y_file: Optional[str] = option(
        None,
        "--y-file",
        section=DATA,
        metavar="FILE",
        help="Labels of an .npy, in another .npy. Default: y.npy beside x.npy.",
        file=True,
        more=True,
    )
    images: Optional[str] = option(
        None,
        "--images",
        section=DATA,
        metavar="DIR",
        help="Folder of the pictures that a data set of boxes names, where it is not beside it.",
        file=True,
        more=True,
    )
    data_layout: Optional[str] = option(
        None,
        "--data-layout",
        section=DATA,
        help="nhwc or nchw. Arrays: their layout, where it is not the model's; they are "
        "transposed. Pictures: the model's, where its shape does not tell.",
        more=True,
    )
    resize: Union[str, int, Sequence[int], None] = option(
        None,
        "--resize",
        section=PICTURES,
        metavar="HxW",
        help="Height x width, or one number for the shorter side. Default: the model's.",
        more=True,
    )
    crop: Union[str, float, Sequence[int], None] = option(
        None,
        "--crop",
        section=PICTURES,
        metavar="HxW",
        help="Keep the middle: pixels after the resizing (224), or a share of the shorter side "
        "before it (87.5%).",
        more=True,
    )
    color: Optional[str] = option(
        None,
        "--color",
        section=PICTURES,
        help="rgb, bgr or gray. Default: rgb, gray for a model of one channel.",
        more=True,
    )
    fit: Optional[str] = option(
        None,
        "--fit",
        section=PICTURES,
        metavar="HOW",
        help="stretch to the model's size, or letterbox: keep the aspect and fill with gray. "
        "Default: letterbox for YOLO, else stretch; reported.",
        choices=FITS,
        more=True,
    )
    scale: Union[str, float, None] = option(
        None,
        "--scale",
        section=PICTURES,
        help="Values become (value * scale - mean) / std, which are real numbers: 1/255.",
        more=True,
    )
    mean: Union[str, float, Sequence[float], None] = option(
        None,
        "--mean",
        section=PICTURES,
        help="One, or one per channel: 0.485,0.456,0.406.",
        more=True,
    )
    std: Union[str, float, Sequence[float], None] = option(
        None,
        "--std",
        section=PICTURES,
        help="One, or one per channel: 0.229,0.224,0.225.",
        more=True,
    )
    labels: Optional[str] = option(
        None,
        "--labels",
        section=METRICS,
        metavar="FILE",
        help="Names of the classes, one per line, in the order of the model's outputs.",
        file=True,
        more=True,
    )
    label_offset: int = option(
        0,
        "--label-offset",
        section=METRICS,
        help="Add this to every label: 1 where only the model has a background class.",
        more=True,
    )
    keep_state: bool = option(
        False,
        "--keep-state",
        section=DATA,
        help="Samples are one stream: a model with variables keeps them from one to the next.",
        more=True,
    )
    feedback: Mapping[str, str] = option(
        dict,
        "--feedback",
        section=DATA,
        metavar="OUT=IN",
        help="Samples are one stream: the output OUT of one is the input IN of the next, zeros for "
        "the first. Repeatable; for eval.",
        parse_pair=parse_feedback,
        more=True,
    )
    task: Optional[str] = option(
        None,
        "--task",
        section=METRICS,
        help="classification, regression, segmentation or detection. Default: from the labels, and "
        "reported.",
        more=True,
    )
    top_k: int = option(
        5,
        "--top-k",
        section=METRICS,
        help="A label among the k best counts for top-k accuracy.",
        more=True,
    )
    softmax: bool = option(
        False,
        "--softmax",
        section=METRICS,
        help="The outputs are logits: take their softmax for the log loss.",
        more=True,
    )
    output: Optional[str] = option(
        None,
        "--output",
        section=METRICS,
        metavar="NAME",
        help="The output that is judged, of a model with several (edgeloop inspect lists them). "
        "Default: the one that fits the labels.",
        configured=True,
        more=True,
    )
    decoder: Optional[str] = option(
        None,
        "--decoder",
        section=METRICS,
        metavar="NAME[:K=V]",
        help="What reads a detector's outputs: tflite-postprocess, yolo, tf-detection, ssd-raw or "
        "detr, and settings behind colons (yolo:version=8:score=0.25). Default: from their names "
        "and shapes, and reported.",
        more=True,
    )
    per_class: bool = option(
        False,
        "--per-class",
        section=METRICS,
        help="Detection: the average precision of each class, too.",
        more=True,
    )
    effort: str = option(
        "standard",
        "--effort",
        section=PRECISION,
        metavar="LEVEL",
        help="quick (5 s), standard (60 s), rigorous (10 min).",
        choices=EFFORTS,
    )
    budget_s: Optional[float] = option(
        None,
        "--budget",
        section=PRECISION,
        metavar="SECONDS",
        help="Cap on warm-up and measuring.",
    )
    rate_hz: Optional[float] = option(
        None,
        "--rate",
        section=PRECISION,
        metavar="HZ",
        help="Open loop: runs are due at this rate, and latency counts from when one was due.",
        more=True,
    )
    runs: Optional[int] = option(
        None,
        "--runs",
        section=PRECISION,
        help="Fixed count: record exactly this number of runs in one process.",
        bounds=(1, 10**12),
        more=True,
    )
    warmup: Optional[int] = option(
        None,
        "--warmup",
        section=PRECISION,
        help="With --runs: runs before it that are not recorded (default 1).",
        bounds=(0, 10**12),
        more=True,
    )
    processes: Optional[int] = option(
        None,
        "--processes",
        section=PRECISION,
        help="Worker processes, instead of the effort's.",
        bounds=(1, 1000),
        more=True,
    )
    percentiles: Sequence[float] = option(
        (50.0, 90.0, 99.0),
        "--percentiles",
        section=PRECISION,
        help="Comma-separated, each with its interval: 50,90,99,99.9.",
        parse=parse_percentiles,
        shown_default="50,90,99",
        more=True,
    )
    seed: int = option(
        0,
        "--seed",
        section=PRECISION,
        help="Seed of the random inputs and orders.",
        bounds=(0, 2**64 - 1),
        more=True,
    )
    timeout_s: float = option(
        600.0,
        "--timeout",
        section=PRECISION,
        metavar="SECONDS",
        help="What one step (load, block) of a worker may take.",
        more=True,
    )
    model_class_path: Optional[str] = option(
        None,
        "--model-class-path",
        section=PYTORCH,
        metavar="FILE",
        help="Python file that defines the model's class (for a state dict). It is executed.",
        file=True,
        more=True,
    )
    model_class_name: Optional[str] = option(
        None,
        "--model-class-name",
        section=PYTORCH,
        metavar="NAME",
        help="Name of the class in that file.",
        more=True,
    )
    trust_pickle: bool = option(
        False,
        "--trust-pickle",
        section=PYTORCH,
        help="Let the model's file run the code in it: pickles, Lambda layers, machine code that "
        "edgeloop did not compile here. Only for files you made.",
        more=True,
    )
    cpus: Union[str, Sequence[int], None] = option(
        None,
        "--cpus",
        section=PLACEMENT,
        metavar="2,3",
        help="Pin the worker to these CPUs.",
        more=True,
    )
    cluster: Optional[str] = option(
        None,
        "--cluster",
        section=PLACEMENT,
        metavar="big|little",
        help="Pin the worker to the fastest or the slowest cluster of CPUs.",
        more=True,
    )
    priority: Optional[str] = option(
        None,
        "--priority",
        section=PLACEMENT,
        metavar="NICE|fifo:N|rr:N",
        help="A nice value (-20 to 19) or a real-time policy (1 to 99).",
        more=True,
    )
    mlock: bool = option(
        False,
        "--mlock",
        section=PLACEMENT,
        help="Keep the worker's memory from being swapped out.",
        more=True,
    )
    governor: Optional[str] = option(
        None,
        "--governor",
        section=PLACEMENT,
        metavar="NAME",
        help="Set the CPU governor (performance) for the run and restore it after; needs root.",
        more=True,
    )
    regime: Optional[str] = option(
        None,
        "--regime",
        section=SURROUNDINGS,
        metavar="burst|sustained",
        help="burst: cool down before each block, and take the headline from clean blocks. "
        "sustained: run 5 minutes unrecorded first. Default: as it comes.",
        choices=REGIMES,
        more=True,
    )
    cool_down_c: Optional[float] = option(
        None,
        "--cool-down",
        section=SURROUNDINGS,
        metavar="CELSIUS",
        help="Wait before each process (in a burst: each block) until the CPU is this cool.",
        more=True,
    )
    power_command: Optional[str] = option(
        None,
        "--power-command",
        section=SURROUNDINGS,
        metavar="COMMAND",
        help="A program that prints the power in W, run once a second without a shell. Default: "
        "the meter on the board, where there is one.",
        more=True,
    )
    peak_gflops: Optional[float] = option(
        None,
        "--peak-gflops",
        section=SURROUNDINGS,
        metavar="GFLOP/S",
        help="The most that the device can do (GOP/s for an int8 model), where no table knows it: "
        "a latency beyond it is impossible, and its headline is withheld.",
        more=True,
    )
    strict: bool = option(
        False,
        "--strict",
        section=OUTPUT,
        help="Exit 1 where the latency is impossible for the device, and at a picture of the data "
        "that cannot be read; else both are reported.",
        more=True,
    )
    host: Optional[str] = option(
        None,
        "--host",
        section=RUNTIME,
        metavar="USER@BOARD",
        help="Measure on this board, over ssh: edgeloop help boards.",
    )
