"""OpenVINO's IR read without OpenVINO: a small graph written here, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.errors import ModelError
from edgeloop.models.formats import detect_format
from edgeloop.models.inspect import inspect_model


def _port(number: int, shape: str, more: str = "") -> str:
    dims = "".join(f"<dim>{size}</dim>" for size in shape.split("x"))
    return f'<port id="{number}" precision="FP32"{more}>{dims}</port>'


def _const(number: int, element_type: str, shape: str, size: int) -> str:
    return (
        f'<layer id="{number}" name="c{number}" type="Const" version="opset1">'
        f'<data element_type="{element_type}" shape="" offset="0" size="{size}"/>'
        f"<output>{_port(0, shape)}</output></layer>"
    )


# x(?x3x8x8) * w(4x3x3x3), stored in half precision behind a Convert, on 6x6 outputs.
GRAPH = f"""<?xml version="1.0"?>
<net name="small" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data element_type="f32"/>
<output>{_port(0, "-1x3x8x8", ' names="image"')}</output></layer>
{_const(1, "f16", "4x3x3x3", 216)}
<layer id="2" name="up" type="Convert" version="opset1">
<input>{_port(0, "4x3x3x3")}</input><output>{_port(1, "4x3x3x3")}</output></layer>
<layer id="3" name="conv" type="Convolution" version="opset1">
<input>{_port(0, "-1x3x8x8")}{_port(1, "4x3x3x3")}</input>
<output>{_port(2, "-1x4x6x6", ' names="scores"')}</output></layer>
<layer id="4" name="odd" type="Mine" version="extension">
<input>{_port(0, "-1x4x6x6")}</input>
<output>{_port(1, "-1x4x6x6", ' names="scores"')}</output></layer>
<layer id="5" name="y" type="Result" version="opset1"><input>{_port(0, "-1x4x6x6")}</input></layer>
</layers><edges>
<edge from-layer="0" from-port="0" to-layer="3" to-port="0"/>
<edge from-layer="1" from-port="0" to-layer="2" to-port="0"/>
<edge from-layer="2" from-port="1" to-layer="3" to-port="1"/>
<edge from-layer="3" from-port="2" to-layer="4" to-port="0"/>
<edge from-layer="4" from-port="1" to-layer="5" to-port="0"/>
</edges></net>"""


def _written(folder: Path, text: str = GRAPH, weights: bool = True) -> Path:
    path = folder / "model.xml"
    path.write_text(text)
    if weights:
        path.with_suffix(".bin").write_bytes(bytes(216))
    return path


def test_tensors_operators_parameters_and_macs(tmp_path: Path) -> None:
    path = _written(tmp_path)
    assert detect_format(path).format == "openvino"
    found = inspect_model(path)
    assert [(t.name, t.dtype, t.shape) for t in found.inputs or ()] == [
        ("image", "float32", (None, 3, 8, 8))
    ]
    assert [(t.name, t.shape) for t in found.outputs or ()] == [("scores", (None, 4, 6, 6))]
    assert found.parameters == 4 * 3 * 3 * 3
    assert found.parameter_bytes == 216
    assert found.macs == 4 * 6 * 6 * 3 * 3 * 3
    assert found.precision == "fp16"
    assert found.custom_operators == ("Mine",)
    assert found.bytes == path.stat().st_size + 216


@pytest.mark.parametrize(
    ("text", "weights", "words"),
    [
        (GRAPH, False, "needs its weights beside it, in model.bin"),
        (GRAPH[:300], True, "not well-formed XML"),
        ('<?xml version="1.0"?><network/><net/>', True, "not well-formed XML"),
        ('<netlist version="11"/>', True, "it begins with <netlist>"),
        ('<net name="x" version="11"/>', True, "without layers"),
        ('<!DOCTYPE net [<!ENTITY a "b">]><net/>', True, "declares XML entities"),
        (GRAPH.replace(_port(1, "4x3x3x3"), ""), True, "not a valid OpenVINO IR"),
        (GRAPH.replace('id="0" name="x"', 'id="zero" name="x"'), True, "not a valid OpenVINO IR"),
    ],
)
def test_damaged_files_are_one_sentence(
    text: str, weights: bool, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=words):
        inspect_model(_written(tmp_path, text, weights))
