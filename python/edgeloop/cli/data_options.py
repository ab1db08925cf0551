"""The options that say how a data set is read and judged, with the words that --help prints."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

YFile = Annotated[
    Optional[str],
    typer.Option(
        "--y-file",
        metavar="FILE",
        help="Labels of an .npy, in another .npy. Default: y.npy beside x.npy.",
        show_default=False,
    ),
]
Resize = Annotated[
    Optional[str],
    typer.Option(
        "--resize",
        metavar="HxW",
        help="Pictures: height x width, or one number for the shorter side. Default: the model's.",
        show_default=False,
    ),
]
Crop = Annotated[
    Optional[str],
    typer.Option(
        "--crop",
        metavar="HxW",
        help="Pictures: keep the middle: pixels after the resizing (224), or a share of the "
        "shorter side before it (87.5%).",
        show_default=False,
    ),
]
Color = Annotated[
    Optional[str],
    typer.Option(
        "--color",
        help="Pictures: rgb, bgr or gray. Default: rgb, gray for a model of one channel.",
        show_default=False,
    ),
]
Scale = Annotated[
    Optional[str],
    typer.Option(
        "--scale",
        help="Values become (value * scale - mean) / std, which are real numbers: 1/255.",
        show_default=False,
    ),
]
Mean = Annotated[
    Optional[str],
    typer.Option("--mean", help="One, or one per channel: 0.485,0.456,0.406.", show_default=False),
]
Std = Annotated[
    Optional[str],
    typer.Option("--std", help="One, or one per channel: 0.229,0.224,0.225.", show_default=False),
]
Labels = Annotated[
    Optional[str],
    typer.Option(
        "--labels",
        metavar="FILE",
        help="Names of the classes, one a line, in the order of the model's outputs.",
        show_default=False,
    ),
]
LabelOffset = Annotated[
    int,
    typer.Option(
        "--label-offset",
        help="Add this to every label: 1 where only the model has a background class.",
    ),
]
Task = Annotated[
    Optional[str],
    typer.Option(
        "--task",
        help="classification or regression. Default: told from the labels, and said.",
        show_default=False,
    ),
]
TopK = Annotated[
    int, typer.Option("--top-k", help="A label among the k best counts for top-k accuracy.")
]
Softmax = Annotated[
    bool,
    typer.Option("--softmax", help="The outputs are logits: take their softmax for the log loss."),
]
Output = Annotated[
    Optional[str],
    typer.Option(
        "--output",
        metavar="NAME",
        help="The output that is judged, of a model with several (edgeloop inspect lists them). "
        "Default: the one that fits the labels.",
        show_default=False,
    ),
]
Reference = Annotated[
    Optional[str],
    typer.Option(
        "--reference",
        metavar="MODEL[@CONFIG]",
        help="Agreement with another model on the same data: MODEL or MODEL@runtime,key=value.",
        show_default=False,
    ),
]
Instances = Annotated[
    Optional[int],
    typer.Option(
        "--instances",
        help="So many of the model share the data, each in a thread of its own (with --threads "
        "more, by default none): the whole set is done sooner where there are CPUs, while each "
        "run takes longer than alone. Native loop.",
        show_default=False,
    ),
]
IncludePreprocess = Annotated[
    bool,
    typer.Option(
        "--include-preprocess",
        help="Time decoding, resizing and quantising (with scaling) too, each by itself.",
    ),
]
