"""What a PyTorch file may run, and what it may not unless the user trusts it."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest

from edgeloop.errors import ModelError, UsageError
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LoadOptions

torch = pytest.importorskip("torch", reason="pip install torch")

# The tests write TorchScript files with functions that PyTorch 2.13 calls deprecated.
pytestmark = pytest.mark.filterwarnings(r"ignore:`torch\.jit:DeprecationWarning")

NETWORK = str(Path(__file__).parent / "models" / "small_network.py")
NETWORK_CLASS = {"model_class_path": NETWORK, "model_class_name": "Small"}
X = (1, 3, 8, 8)


@pytest.fixture
def files(torch_files):
    return torch_files


def load(path, **options):
    return runtime("torch").load_framework(LoadOptions(model=str(path), **options))


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "code-ran"


def rewritten(source, target, change):
    """Copy an archive; `change` maps (member, content) to new content."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


def saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_a_pickled_module_needs_trust(files):
    path = files / "whole.pt"
    with pytest.raises(ModelError, match=r"small_network\.Small.*--trust-pickle.*trust it"):
        load(path, shapes={"": X}, **NETWORK_CLASS)
    framework = load(path, shapes={"": X}, trust_pickle=True, **NETWORK_CLASS)
    framework.invoke()
    assert framework.outputs()[0].shape == (1, 5)


@pytest.mark.parametrize("home", ["__main__", "nosuchmodule"])
def test_a_pickled_module_of_a_script(files, tmp_path, home):
    def change(name, content):
        moved = f"c{home}\nSmall\n".encode()
        return content.replace(b"csmall_network\nSmall\n", moved) if "data.pkl" in name else content

    path = rewritten(files / "whole.pt", tmp_path / "whole.pt", change)
    options = {"shapes": {"": X}, "trust_pickle": True}
    with pytest.raises(ModelError, match=rf"{home}.*--model-class-path"):
        load(path, **options)
    if home == "__main__":
        assert load(path, **options, **NETWORK_CLASS).inputs[0].shape == X


def test_a_pickle_runs_nothing_unless_it_is_trusted(files, tmp_path, marker):
    path = tmp_path / "evil.pth"
    path.write_bytes(saved({"weight": torch.zeros(1), "more": Evil(marker)}))
    with pytest.raises(ModelError, match="--trust-pickle"):
        load(path, **NETWORK_CLASS)
    assert not marker.exists()
    with pytest.raises(ModelError):
        load(path, trust_pickle=True, **NETWORK_CLASS)
    assert marker.exists()


def program_with(**changes):
    def change(name, content):
        if "/models/" not in name:
            return content
        return json.dumps({**json.loads(content), **changes}).encode()

    return change


def test_an_export_runs_nothing_unless_it_is_trusted(files, tmp_path, marker):
    code = f"__import__('os').mkdir('{marker}')"

    def evil_example(name, content):
        return saved({"a": Evil(marker)}) if "/sample_inputs/" in name else content

    def evil_weight(name, content):
        if name.endswith("weights_config.json"):
            return content.replace(b'"use_pickle": false', b'"use_pickle": true', 1)
        return saved(Evil(marker)) if name.endswith("/weight_0") else content

    def evil_object(name, content):
        if name.endswith("constants_config.json"):
            payload = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": False}
            return json.dumps({"config": {"o": {**payload, "tensor_meta": None}}}).encode()
        return content

    def evil_size(name, content):
        return content.replace(b"Symbol('s", code.encode() + b" or Symbol('s")

    def evil_function(name, content):
        call = f"lambdify(Symbol('a'),Function('ex' 'ec')(Symbol('a')))({code!r}) or Symbol('s"
        return content.replace(b"Symbol('s", call.encode())

    def evil_operator(name, content):
        return content.replace(b"torch.ops.aten.linear.default", b"torch.ops.load_library")

    def evil_size_of_a_tensor_with_the_name_of_a_text(name, content):
        if "/models/" not in name:
            return content
        document = json.loads(evil_size(name, content))
        values = document["graph_module"]["graph"]["tensor_values"]
        values["metadata"] = values.pop("x")
        return json.dumps(document).encode()

    changes = {
        "function": evil_function, "operator": evil_operator,
        "quoted": evil_size_of_a_tensor_with_the_name_of_a_text,
        "example": evil_example, "weight": evil_weight, "object": evil_object, "size": evil_size,
        "guard": program_with(guards_code=[code]),
        "name": program_with(opset_version={f"x'] ; {code} #": 1}),
    }  # fmt: skip
    for label, change in changes.items():
        path = rewritten(files / "dynamic.pt2", tmp_path / f"{label}.pt2", change)
        with pytest.raises(ModelError, match="--trust-pickle"):
            load(path)
        assert not marker.exists(), label


def test_a_trusted_export_is_loaded_as_it_is(files, tmp_path):
    path = rewritten(
        files / "dynamic.pt2", tmp_path / "x.pt2", program_with(guards_code=["len([1])"])
    )
    with pytest.raises(ModelError, match=r"len\(\[1\]\).*--trust-pickle"):
        load(path)
    assert load(path, trust_pickle=True).inputs[0].shape == X


def test_sources_beside_a_program_are_code(files, tmp_path):
    path = tmp_path / "sources.pt2"
    path.write_bytes((files / "dynamic.pt2").read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("dynamic/data/aotinductor/model/x.wrapper.cpp", "int x;")
    with pytest.raises(ModelError, match=r"compiles or runs.*x\.wrapper\.cpp.*--trust-pickle"):
        load(path)


def test_an_unknown_member_is_code(files, tmp_path):
    path = tmp_path / "unknown.pt2"
    path.write_bytes((files / "dynamic.pt2").read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("dynamic/data/executorch/x.pte", "")
    with pytest.raises(ModelError, match=r"does not write.*--trust-pickle"):
        load(path)


def test_two_lists_of_members_are_refused(files, tmp_path):
    """zipfile reads the last archive of the file, PyTorch the one at the offset that it names."""
    content = (files / "dynamic.pt2").read_bytes()
    path = tmp_path / "two.pt2"
    path.write_bytes(content + content)
    with pytest.raises(ModelError, match="two lists of members"):
        load(path)


def test_script_that_writes_files_is_refused(tmp_path, marker):
    class Writer(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.save(x, "code-ran")
            return x + 1

    path = tmp_path / "writer.pt"
    torch.jit.script(Writer()).save(str(path))
    with pytest.raises(ModelError, match=r"'save', which touches files.*--trust-pickle"):
        load(path, shapes={"": X})
    assert load(path, shapes={"": X}, trust_pickle=True).inputs[0].shape == X


def test_members_of_the_same_name_are_refused(files, tmp_path):
    path = tmp_path / "twice.pt2"
    path.write_bytes((files / "dynamic.pt2").read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("dynamic/models/MODEL.json", "{}")
    with pytest.raises(ModelError, match="same name"):
        load(path)


def test_traced_inputs_run_nothing(files, tmp_path, marker):
    def change(name, content):
        return pickle.dumps(Evil(marker), 2) if name.endswith("traced_inputs.pkl") else content

    path = rewritten(files / "traced.pt", tmp_path / "evil.pt", change)
    with pytest.raises(UsageError, match="does not say the shape"):
        load(path)
    assert not marker.exists()
