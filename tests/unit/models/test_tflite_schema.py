"""Our schema numbers and readings are those of the generated packages, where they are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from edgeloop.models import tflite_schema as schema
from edgeloop.models.tflite_reader import read_model


def generated():
    """Return the modules with generated enums: PyPI's tflite, and the one in ai-edge-litert."""
    modules = []
    try:
        import tflite

        modules.append(tflite)
    except ImportError:
        pass
    spec = importlib.util.find_spec("ai_edge_litert")
    if spec is not None and spec.submodule_search_locations:
        # Importing the package would load its runtime; the schema is a file of its own.
        file = Path(next(iter(spec.submodule_search_locations))) / "schema_py_generated.py"
        if file.is_file():
            own = importlib.util.spec_from_file_location("litert_schema", file)
            module = importlib.util.module_from_spec(own)
            own.loader.exec_module(module)
            modules.append(module)
    if not modules:
        pytest.skip("neither the package tflite nor ai-edge-litert is installed")
    return modules


def test_operators_and_types_have_the_numbers_of_the_schema():
    for module in generated():
        for enum, ours in (
            (module.BuiltinOperator, schema.BUILTIN_OPERATORS),
            (module.TensorType, [name.upper() for name in schema.TENSOR_TYPES]),
        ):
            theirs = {n: v for n, v in vars(enum).items() if isinstance(v, int)}
            assert len(theirs) > 18
            assert {name: ours.index(name) for name in theirs} == theirs
        assert module.BuiltinOptions.BatchMatMulOptions == schema.BATCH_MATMUL_OPTIONS


@pytest.mark.parametrize(
    ("table", "slots"),
    [
        ("Model", {"Version": 0, "OperatorCodes": 1, "Subgraphs": 2, "Description": 3}),
        ("Model", {"Buffers": 4, "Metadata": 6, "SignatureDefs": 7}),
        ("OperatorCode", {"DeprecatedBuiltinCode": 0, "CustomCode": 1, "BuiltinCode": 3}),
        ("SubGraph", {"Tensors": 0, "Inputs": 1, "Outputs": 2, "Operators": 3, "Name": 4}),
        ("Operator", {"OpcodeIndex": 0, "Inputs": 1, "Outputs": 2}),
        ("Operator", {"BuiltinOptionsType": 3, "BuiltinOptions": 4}),
        ("Tensor", {"Shape": 0, "Type": 1, "Buffer": 2, "Name": 3, "Quantization": 4}),
        ("Tensor", {"Sparsity": 6, "ShapeSignature": 7, "HasRank": 8}),
        ("QuantizationParameters", {"Scale": 2, "ZeroPoint": 3, "QuantizedDimension": 6}),
        ("Buffer", {"Data": 0, "Offset": 1, "Size": 2}),
        ("SignatureDef", {"Inputs": 0, "Outputs": 1, "SignatureKey": 2, "SubgraphIndex": 4}),
        ("TensorMap", {"Name": 0, "TensorIndex": 1}),
        ("Metadata", {"Name": 0, "Buffer": 1}),
    ],
)
def test_slots_are_those_of_the_generated_builders(table, slots):
    flatbuffers = pytest.importorskip("flatbuffers")
    litert = generated()[-1]
    if not hasattr(litert, f"{table}Start"):
        pytest.skip("the installed package has no builders in one module")
    recorded = {}

    class Recorder(flatbuffers.Builder):
        def _record(self, slot, *_):
            recorded["slot"] = slot

        PrependUOffsetTRelativeSlot = PrependInt8Slot = PrependUint8Slot = _record
        PrependInt32Slot = PrependUint32Slot = PrependUint64Slot = PrependBoolSlot = _record

    for field, slot in slots.items():
        getattr(litert, f"{table}Add{field}")(Recorder(0), 0)
        assert recorded["slot"] == slot, field


@pytest.mark.parametrize("name", ["digits_float32.tflite", "digits_int8.tflite"])
def test_a_real_model_reads_as_the_generated_package_reads_it(asset, name):
    tflite = pytest.importorskip("tflite")
    theirs = tflite.Model.GetRootAsModel(asset(name).read_bytes(), 0)
    ours = read_model(asset(name))
    assert ours.version == theirs.Version()
    assert ours.description == theirs.Description().decode()
    assert len(ours.subgraphs) == theirs.SubgraphsLength()
    graph, other = ours.subgraphs[0], theirs.Subgraphs(0)
    assert list(graph.inputs) == list(other.InputsAsNumpy())
    assert list(graph.outputs) == list(other.OutputsAsNumpy())
    assert len(graph.tensors) == other.TensorsLength()
    for index, tensor in enumerate(graph.tensors):
        expected = other.Tensors(index)
        assert tensor.name == expected.Name().decode()
        assert list(tensor.shape) == [expected.Shape(i) for i in range(expected.ShapeLength())]
        assert schema.TENSOR_TYPES.index(tensor.dtype) == expected.Type()
        assert tensor.stored_bytes == theirs.Buffers(expected.Buffer()).DataLength()
    names = [
        tflite.opcode2name(theirs.OperatorCodes(other.Operators(i).OpcodeIndex()).BuiltinCode())
        for i in range(other.OperatorsLength())
    ]
    assert [operator.name for operator in graph.operators] == names
