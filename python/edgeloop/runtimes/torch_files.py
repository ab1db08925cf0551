"""PyTorch's file kinds as modules: TorchScript, torch.export, weights with a class, whole modules.

Pickles are loaded as plain weights unless the user trusts the file.
"""

from __future__ import annotations

import inspect
import io
import pickle
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

from edgeloop.errors import ModelError, UsageError
from edgeloop.models.formats import detect_format
from edgeloop.models.zip_members import opened_zip
from edgeloop.runtimes._torch_script_trust import files_in_script
from edgeloop.runtimes._torch_trust import code_in_export
from edgeloop.runtimes.class_file import brief, import_file
from edgeloop.spec.load import LoadOptions

_MEMBER = "traced_inputs.pkl"
_MAX_BYTES = 1 << 20  # some hundred bytes an input

_STORAGES = {
    "BoolStorage": "bool",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "ShortStorage": "int16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
}

# Under which a training checkpoint keeps the weights of the network.
_WEIGHT_KEYS = ("state_dict", "model_state_dict", "model")
# What a prefix of all names says about who saved them.
_WRAPPERS = {"module.": " of DataParallel", "_orig_mod.": " of torch.compile"}
_QUOTED_KEYS = 3  # of each kind in a message; a wrong class differs in hundreds
_DANGER = "unpickling runs whatever code the file holds: add --trust-pickle only if you trust it"


@dataclass(frozen=True)
class DeclaredInput:
    """What the file says of an input."""

    name: str
    shape: Optional[tuple[Optional[int], ...]] = None
    """Its default shape, None where a dimension must be given; None as a whole: not stated."""
    static: Optional[tuple[Optional[int], ...]] = None
    """The dimensions that cannot be changed, None for the others; None as a whole: all can."""
    dtype: Optional[str] = None


@dataclass(frozen=True)
class LoadedModule:
    """A module that is ready for inference."""

    module: Any
    inputs: tuple[DeclaredInput, ...]
    keywords: tuple[str, ...] = ()
    """Names of the last inputs, which are passed by keyword."""
    notes: tuple[str, ...] = ()
    """What was decided on the way, one sentence each."""


def load_module(torch: Any, options: LoadOptions) -> LoadedModule:
    """Load the file. Raises ModelError, and UsageError where the user has to say more."""
    path = Path(options.model)
    found = detect_format(path)
    if found.kind in ("torchscript", "export") and options.model_class_path:
        raise UsageError(
            f"{path} holds the network itself: leave --model-class-path out, which is for files "
            "that hold only weights"
        )
    if found.kind == "torchscript":
        return _torchscript(torch, path, options)
    if found.kind == "export":
        return _exported(torch, path, options)
    if found.kind in ("checkpoint", "legacy-checkpoint"):
        return _checkpoint(torch, path, options)
    raise ModelError(f"{path} is not a PyTorch file but {found.format}; torch cannot run it")


def _torchscript(torch: Any, path: Path, options: LoadOptions) -> LoadedModule:
    found = None if options.trust_pickle else files_in_script(path)
    if found is not None:
        raise ModelError(
            f"{path} was not loaded, because it holds {found}: it may read and write files that "
            "its author chose; add --trust-pickle only if you trust it"
        )
    try:
        with warnings.catch_warnings():
            # The file is what it is: whoever measures it cannot follow the advice.
            warnings.filterwarnings("ignore", r"`torch\.jit\.load` is", DeprecationWarning)
            module = torch.jit.load(str(path), map_location="cpu").eval()
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"torch cannot load the TorchScript file {path}: {brief(error)}"
        ) from error
    arguments = list(module.forward.schema.arguments)[1:]
    names = []
    for argument in arguments:
        if str(argument.type) == "Tensor":
            names.append(argument.name)
        elif not argument.has_default_value():
            raise ModelError(
                f"{path}: input '{argument.name}' of forward is {argument.type}, not a tensor; "
                "wrap the model in one whose inputs are tensors"
            )
    traced = traced_inputs(path)
    if traced is None or len(traced) != len(names):
        return LoadedModule(module, tuple(DeclaredInput(name) for name in names))
    return LoadedModule(
        module,
        tuple(
            DeclaredInput(name, shape=example.shape, dtype=example.dtype)
            for name, example in zip(names, traced)
        ),
        notes=("shapes and dtypes are those of the inputs with which the model was traced",),
    )


def _exported(torch: Any, path: Path, options: LoadOptions) -> LoadedModule:
    if not options.trust_pickle:
        code = code_in_export(torch, path)
        if code is not None:
            raise ModelError(
                f"{path} was not loaded, because it holds {code}: loading may run code from the "
                "file; add --trust-pickle only if you trust it"
            )
    try:
        # A stream, because a path must end in .pt2.
        with path.open("rb") as stream:
            program = torch.export.load(stream)
        module = program.module()
    except Exception as error:
        # Schema, operator and archive errors are of many classes, some of them private.
        raise ModelError(
            f"torch cannot load the torch.export file {path}: {type(error).__name__}: "
            f"{brief(error)}; a file of another PyTorch version may have to be exported again"
        ) from error
    nodes = program.graph_signature.user_inputs
    keywords = _keywords(torch, program, len(nodes), path)
    names = [*nodes[: len(nodes) - len(keywords)], *keywords]
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    examples = torch.utils._pytree.tree_leaves(program.example_inputs) or [None] * len(nodes)
    inputs = []
    for name, node, example in zip(names, nodes, examples):
        value = values.get(node)
        if not isinstance(value, torch.Tensor):
            raise ModelError(
                f"{path}: input '{name}' of the program is not a tensor but {value!r}; export a "
                "module whose inputs are tensors"
            )
        inputs.append(_exported_input(name, value, example, program.range_constraints))
    return LoadedModule(module, tuple(inputs), keywords)


def _keywords(torch: Any, program: Any, inputs: int, path: Path) -> tuple[str, ...]:
    """Return the names of the inputs that are passed by keyword. Raises ModelError for nests."""
    positions = list(range(inputs))
    tree = torch.utils._pytree
    arguments, keywords = tree.tree_unflatten(positions, program.call_spec.in_spec)
    if [*arguments, *keywords.values()] != positions:
        raise ModelError(
            f"{path}: the program takes lists or dictionaries of tensors; export a module whose "
            "forward takes each tensor as an argument of its own"
        )
    return tuple(keywords)


def _exported_input(
    name: str, value: Any, example: Any, constraints: Mapping[Any, Any]
) -> DeclaredInput:
    """Describe one input; open dimensions take the example's size, a batch is 1 where allowed."""
    static = tuple(dim if isinstance(dim, int) else None for dim in value.shape)
    shape: list[Optional[int]] = list(static)
    for axis, dim in enumerate(value.shape):
        if static[axis] is None and example is not None:
            limits = constraints.get(dim.node.expr)
            any_size = dim.node.expr.is_Symbol and (limits is None or limits.lower <= 1)
            batch_of_one = axis == 0 and any_size
            shape[axis] = None if batch_of_one else int(example.shape[axis])
    return DeclaredInput(name, tuple(shape), static, str(value.dtype).replace("torch.", "", 1))


def _checkpoint(torch: Any, path: Path, options: LoadOptions) -> LoadedModule:
    file = options.model_class_path
    source = None if file is None else import_file(Path(file))
    with _offered_in_main(source):
        content = _unpickle(torch, path, options.trust_pickle)
    if isinstance(content, torch.nn.Module):
        return LoadedModule(content.eval(), _forward_inputs(content))
    if not isinstance(content, Mapping):
        raise ModelError(
            f"{path} holds a {type(content).__name__}, neither weights nor a module; save the "
            "model's state_dict(), or the model with torch.export.save"
        )
    if source is None or file is None:
        raise UsageError(
            f"{path} holds weights, not the network: name the file and the class that make it "
            "with --model-class-path FILE --model-class-name NAME"
        )
    module = _construct(torch, source, file, options.model_class_name)
    weights, notes = _weights(content, module)
    _load_weights(module, weights, path, type(module).__name__)
    return LoadedModule(module.eval(), _forward_inputs(module), notes=tuple(notes))


@contextmanager
def _offered_in_main(source: Optional[ModuleType]) -> Iterator[None]:
    """Let a pickle find the user's classes: those of the script that saved it are __main__'s."""
    main = sys.modules["__main__"]
    lent = {} if source is None else {k: v for k, v in vars(source).items() if not hasattr(main, k)}
    vars(main).update(lent)
    try:
        yield
    finally:
        for name in lent:
            delattr(main, name)


def _unpickle(torch: Any, path: Path, trusted: bool) -> Any:
    try:
        return torch.load(str(path), map_location="cpu", weights_only=not trusted)
    except Exception as error:
        # A pickle may raise anything; its own words are the best there is.
        if trusted:
            raise ModelError(
                f"{path} cannot be unpickled: {type(error).__name__}: {brief(error)}; the classes "
                "that it names must be importable (--model-class-path gives a file of them)"
            ) from error
        refused = "Weights only load failed" in str(error)
        if not refused:
            raise ModelError(f"torch cannot load {path}: {brief(error)}") from error
        raise ModelError(
            f"{path} holds more than weights ({_refused_name(str(error))}), so it was not loaded: "
            f"{_DANGER}, or save the model with torch.export.save or its state_dict() alone"
        ) from error


def _refused_name(text: str) -> str:
    """Return PyTorch's words for what it refused to unpickle."""
    for line in text.splitlines():
        if "nsupported" in line or "not allowed" in line:
            return " ".join(line.split("Please")[0].split()).rstrip(". ")
    return "objects of other classes"


def _construct(torch: Any, source: ModuleType, file: str, name: Optional[str]) -> Any:
    own = [
        key
        for key, value in vars(source).items()
        if callable(value) and getattr(value, "__module__", None) == source.__name__
    ]
    offered = ", ".join(own) or "no class and no function"
    if name is None:
        raise UsageError(
            f"say which of {file} makes the model with --model-class-name; it has {offered}"
        )
    factory = getattr(source, name, None)
    if not callable(factory):
        raise UsageError(f"{file} has no class '{name}'; it has {offered}")
    try:
        module = factory()
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{name}() of {file} raised {type(error).__name__}: {brief(error)}; it is called "
            "without arguments: name a function there that returns the finished model"
        ) from error
    if not isinstance(module, torch.nn.Module):
        raise UsageError(f"{name}() of {file} returned a {type(module).__name__}, not an nn.Module")
    return module


def _weights(content: Mapping[str, Any], module: Any) -> tuple[Mapping[str, Any], list[str]]:
    """Return the weights of a checkpoint under the names that the module has."""
    notes = []
    expected = set(module.state_dict())
    for key in _WEIGHT_KEYS:
        if key not in expected and isinstance(content.get(key), Mapping):
            content = content[key]
            notes.append(f"the weights are the checkpoint's entry '{key}'")
            break
    prefix = _common_prefix(list(map(str, content)), expected)
    if prefix:
        content = {str(key)[len(prefix) :]: value for key, value in content.items()}
        notes.append(
            f"the prefix '{prefix}'{_WRAPPERS.get(prefix, '')} was stripped from the names"
        )
    return content, notes


def _common_prefix(given: Sequence[str], expected: Set[str]) -> str:
    """Return what all given names begin with beyond the expected ones; "" for nothing.

    Trainers wrap the network: in DataParallel (module.), torch.compile (_orig_mod.), a Lightning
    module (model.), or in several of them.
    """
    if not given or not expected.isdisjoint(given):
        return ""
    ends = [place + 1 for place, character in enumerate(given[0]) if character == "."]
    for prefix in (given[0][:end] for end in ends):
        if not all(name.startswith(prefix) for name in given):
            break
        if not expected.isdisjoint(name[len(prefix) :] for name in given):
            return prefix
    return ""


def _load_weights(module: Any, weights: Mapping[str, Any], path: Path, name: str) -> None:
    expected = module.state_dict()
    unexpected = [key for key in weights if key not in expected]
    try:
        # It knows which names older files lack, but of a wrong class it reports the sizes only.
        missing = list(module.load_state_dict(weights, strict=False).missing_keys)
    except (RuntimeError, TypeError, AttributeError) as error:
        missing = [key for key in expected if key not in weights]
        if not unexpected:
            raise ModelError(f"the weights of {path} do not fit {name}: {brief(error)}") from error
    if missing or unexpected:
        raise ModelError(
            f"the weights of {path} do not fit {name}: {_quoted('missing', missing)}, "
            f"{_quoted('unexpected', unexpected)}; check --model-class-name"
        )


def _quoted(word: str, keys: Sequence[str]) -> str:
    shown = ", ".join(f"'{key}'" for key in islice(keys, _QUOTED_KEYS))
    more = ", ..." if len(keys) > _QUOTED_KEYS else ""
    return f"{len(keys)} {word} ({shown}{more})" if keys else f"0 {word}"


def _forward_inputs(module: Any) -> tuple[DeclaredInput, ...]:
    """Return the arguments of forward that have no default."""
    parameters = inspect.signature(module.forward).parameters.values()
    names = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return tuple(DeclaredInput(name) for name in names or ["input"])


@dataclass(frozen=True)
class TracedInput:
    """One tensor of the trace; `dtype` is None for those that no NumPy array holds."""

    shape: tuple[int, ...]
    dtype: Optional[str]


def traced_inputs(path: Path) -> Optional[list[TracedInput]]:
    """Return the inputs of `forward`, None where the file has none or other things than tensors."""
    with opened_zip(path) as members:
        name = members.inner.get(_MEMBER)
        if name is None or members.sizes[name] > _MAX_BYTES:
            return None
        pickled = members.read(name, _MAX_BYTES)
    try:
        inputs = _Reader(io.BytesIO(pickled)).load()["forward"]
    except (pickle.UnpicklingError, KeyError, TypeError, ValueError, EOFError, IndexError):
        return None
    if not isinstance(inputs, list) or not all(isinstance(item, TracedInput) for item in inputs):
        return None
    return inputs


def _tagged(value: Any, _type: str) -> Any:
    return value


def _tensor(storage: Any, _offset: int, size: tuple[int, ...], *_rest: Any) -> TracedInput:
    return TracedInput(tuple(int(dim) for dim in size), storage)


class _Reader(pickle.Unpickler):
    """Builds TracedInputs; every other name is refused before anything is called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.jit._pickle", "restore_type_tag"):
            return _tagged
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch" and name.endswith("Storage"):
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a tensor")

    def persistent_load(self, pid: Any) -> Optional[str]:
        return _STORAGES.get(pid[1])
