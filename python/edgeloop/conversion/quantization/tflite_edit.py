"""Small edits of .tflite files: old ones made new, uint8 inputs and outputs, names kept."""

from __future__ import annotations

from typing import Any

# What TensorFlow's converter calls the only signature of a model.
_SIGNATURE = "serving_default"

# int8 and uint8 store the same values 128 apart.
_UINT8_OFFSET = 128


def as_written_today(content: bytes) -> bytes:
    """Return the model as converters of today write it, which ai-edge-quantizer counts on.

    It calibrates by signature, and takes an operator for what `builtin_code` says. Files of before
    2021 have no signature, and their operators' numbers in `deprecated_builtin_code` alone: every
    operator would be taken for number 0, ADD, and its weights for activations.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    for code in model.operatorCodes:
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
    if not model.signatureDefs:
        model.signatureDefs = [_signature(model.subgraphs[0], schema)]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _signature(graph: Any, schema: Any) -> Any:
    """Return a signature that calls inputs and outputs by the names of their tensors."""

    def entries(indexes: Any) -> list[Any]:
        made = []
        for index in indexes:
            entry = schema.TensorMapT()
            entry.name = graph.tensors[index].name
            entry.tensorIndex = index
            made.append(entry)
        return made

    signature = schema.SignatureDefT()
    signature.signatureKey = _SIGNATURE.encode()
    signature.subgraphIndex = 0
    signature.inputs = entries(graph.inputs)
    signature.outputs = entries(graph.outputs)
    return signature


def with_names_of(content: bytes, original: bytes) -> bytes:
    """Return the model with its inputs and outputs under the names that they have in `original`.

    Where conversions were put before and behind the quantised part, the tool leaves the names to
    the tensors inside.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    kept = flatbuffer_utils.read_model_from_bytearray(bytearray(original)).subgraphs[0]
    for ours, theirs in ((graph.inputs, kept.inputs), (graph.outputs, kept.outputs)):
        for index, other in zip(ours, theirs):
            _rename(graph.tensors, int(index), kept.tensors[int(other)].name)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _rename(tensors: Any, index: int, name: bytes) -> None:
    for place, tensor in enumerate(tensors):
        if place != index and tensor.name == name:
            tensor.name = name + b"_quantized"
    tensors[index].name = name


def with_uint8_io(content: bytes) -> bytes:
    """Return an int8 model whose int8 inputs and outputs are uint8, by one QUANTIZE each."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    quantize = _operator_code(model, schema)
    before, after, renumbered = [], [], {}
    for place in range(len(graph.inputs)):
        inner = int(graph.inputs[place])
        outer = _uint8_twin(graph, inner, schema)
        if outer is not None:
            graph.inputs[place] = outer
            renumbered[inner] = outer
            before.append(_requantize(schema, quantize, outer, inner))
    for place in range(len(graph.outputs)):
        inner = int(graph.outputs[place])
        outer = _uint8_twin(graph, inner, schema)
        if outer is not None:
            graph.outputs[place] = outer
            renumbered[inner] = outer
            after.append(_requantize(schema, quantize, inner, outer))
    graph.operators = [*before, *graph.operators, *after]
    for signature in model.signatureDefs or ():
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex = renumbered.get(entry.tensorIndex, entry.tensorIndex)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _operator_code(model: Any, schema: Any) -> int:
    """Return the index of QUANTIZE among the model's operator codes, added where it is not."""
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == schema.BuiltinOperator.QUANTIZE:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.QUANTIZE
    code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _uint8_twin(graph: Any, index: int, schema: Any) -> Any:
    """Add a uint8 tensor of the same real values, under the same name; None for other dtypes."""
    inner = graph.tensors[index]
    if inner.type != schema.TensorType.INT8 or inner.quantization is None:
        return None
    outer = schema.TensorT()
    outer.name, inner.name = inner.name, inner.name + b"_quantized"
    outer.type = schema.TensorType.UINT8
    outer.shape, outer.shapeSignature = inner.shape, inner.shapeSignature
    outer.hasRank = inner.hasRank
    outer.buffer = 0  # the empty buffer of every file
    outer.quantization = schema.QuantizationParametersT()
    outer.quantization.scale = inner.quantization.scale
    outer.quantization.zeroPoint = [int(z) + _UINT8_OFFSET for z in inner.quantization.zeroPoint]
    graph.tensors.append(outer)
    return len(graph.tensors) - 1


def _requantize(schema: Any, code: int, source: int, target: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = code
    operator.inputs, operator.outputs = [source], [target]
    operator.builtinOptionsType = schema.BuiltinOptions.QuantizeOptions
    operator.builtinOptions = schema.QuantizeOptionsT()
    return operator
