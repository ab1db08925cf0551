"""The builder's side of the stand-in: an ONNX file becomes a plan that tells what was asked for.

Its version decides what there is: no memory pools in 8.2, no precision flags and no calibrator
in 11.
"""

from __future__ import annotations

from enum import Enum, IntEnum


class NetworkDefinitionCreationFlag(IntEnum):
    EXPLICIT_BATCH = 0


class LayerType(Enum):
    QUANTIZE = 1
    OTHER = 2


class DeviceType(Enum):
    GPU = 0
    DLA = 1


class MemoryPoolType(Enum):
    WORKSPACE = 0


class BuilderFlag(Enum):
    FP16 = 0
    INT8 = 1
    GPU_FALLBACK = 2


class NewBuilderFlag(Enum):
    GPU_FALLBACK = 2


class IInt8EntropyCalibrator2:
    def __init__(self):
        pass


class Tensor:
    def __init__(self, value):
        self.name = value.name
        self.dtype = "float32"
        self.shape = tuple(dim.dim_value or -1 for dim in value.type.tensor_type.shape.dim)


class Layer:
    num_outputs = 1

    def __init__(self, node, half):
        self.name = node.name
        self.type = LayerType.QUANTIZE if node.op_type == "QuantizeLinear" else LayerType.OTHER
        self._half = half

    def get_output_type(self, index):
        return "float16" if self._half else "float32"


class Network:
    def __init__(self, flags):
        self.flags = flags
        self.inputs, self.outputs, self.layers = [], [], []

    num_inputs = property(lambda self: len(self.inputs))
    num_outputs = property(lambda self: len(self.outputs))
    num_layers = property(lambda self: len(self.layers))

    def get_input(self, index):
        return self.inputs[index]

    def get_output(self, index):
        return self.outputs[index]

    def get_layer(self, index):
        return self.layers[index]


class OnnxParser:
    def __init__(self, network, logger):
        self._network, self._errors = network, []

    num_errors = property(lambda self: len(self._errors))

    def get_error(self, index):
        return self._errors[index]

    def parse_from_file(self, path):
        import onnx

        graph = onnx.load(path).graph
        unknown = [node.op_type for node in graph.node if node.domain]
        if unknown:
            self._errors = [f"No importer registered for op: {unknown[0]}"]
            return False
        half = any(node.op_type == "Cast" for node in graph.node)
        self._network.inputs = [Tensor(value) for value in graph.input]
        self._network.outputs = [Tensor(value) for value in graph.output]
        self._network.layers = [Layer(node, half) for node in graph.node]
        return True


class Profile:
    def __init__(self):
        self.shapes = {}

    def set_shape(self, name, least, best, most):
        assert tuple(least) == tuple(best) == tuple(most)
        self.shapes[name] = tuple(most)


class Cache:
    def __init__(self, content):
        self._content = content

    def serialize(self):
        return b"timed " + self._content


class Config:
    default_device_type = DeviceType.GPU
    DLA_core = -1
    int8_calibrator = None
    max_workspace_size = None

    def __init__(self):
        self.flags, self.profiles, self.cache = [], [], None

    def set_flag(self, flag):
        self.flags.append(flag.name)

    def set_memory_pool_limit(self, pool, size):
        self.max_workspace_size = size

    def add_optimization_profile(self, profile):
        self.profiles.append(profile)

    def create_timing_cache(self, content):
        return Cache(content)

    def set_timing_cache(self, cache, ignore_mismatch):
        self.cache = cache

    def can_run_on_DLA(self, layer):  # noqa: N802
        return layer.name != "left"


class Builder:
    num_DLA_cores = 1  # noqa: N815

    def __init__(self, logger):
        self._logger = logger

    def create_network(self, flags):
        return Network(flags)

    def create_builder_config(self):
        return Config()

    def create_optimization_profile(self):
        return Profile()

    def build_serialized_network(self, network, config):
        if any(layer.name == "impossible" for layer in network.layers):
            from tensorrt import ILogger

            self._logger.log(ILogger.Severity.ERROR, "no implementation for node impossible")
            return None
        fixed = {name: shape for p in config.profiles for name, shape in p.shapes.items()}
        lines = [f"gpu Fake Orin\nnote explicit-batch {network.flags}"]
        for side, tensors in (("input", network.inputs), ("output", network.outputs)):
            for tensor in tensors:
                shape = "x".join(map(str, fixed.get(tensor.name, tensor.shape)))
                lines.append(f"{side} {tensor.name} {tensor.dtype} {shape}")
        lines += [f"note flag {name}" for name in config.flags]
        lines.append(f"note workspace {config.max_workspace_size}")
        lines.append(f"note dla {config.DLA_core} {config.default_device_type.name}")
        if config.int8_calibrator is not None:
            lines.append(f"note batches {self._calibrate(config.int8_calibrator, network)}")
        head = b"ftrt" + bytes(20) + bytes((10, 3, 0, 0))
        return head + "\n".join([*lines, "end\n"]).encode()

    def _calibrate(self, calibrator, network):
        names = [tensor.name for tensor in network.inputs]
        given = 0
        while (addresses := calibrator.get_batch(names)) is not None:
            assert len(addresses) == len(names)
            assert calibrator.get_batch_size() == 1
            given += 1
        calibrator.write_calibration_cache(b"ranges")
        return given
