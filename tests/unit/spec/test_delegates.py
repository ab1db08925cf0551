"""How delegates and providers are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.runtimes._onnx_providers import full_name, require_providers
from edgeloop.runtimes.choice.delegates import resolved_delegates
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.delegates import DelegateSpec, parse_delegate, parse_provider, parse_share
from edgeloop.spec.load import LoadOptions
from edgeloop.spec.run import RunSpec


@pytest.mark.parametrize(
    ("text", "name", "path", "options"),
    [
        ("xnnpack", "xnnpack", None, {}),
        ("XNNPACK", "xnnpack", None, {}),
        ("armnn", "armnn", None, {}),
        ("armnn:backends=CpuAcc,CpuRef", "armnn", None, {"backends": "CpuAcc,CpuRef"}),
        (
            "armnn=/opt/x.so:backends=CpuAcc,CpuRef,logging-severity=info",
            "armnn",
            "/opt/x.so",
            {"backends": "CpuAcc,CpuRef", "logging-severity": "info"},
        ),
        ("edgetpu:device=usb:0", "edgetpu", None, {"device": "usb:0"}),
        ("/opt/npu/libvx.so:a=1;b=2", "libvx.so", "/opt/npu/libvx.so", {"a": "1", "b": "2"}),
        ("libvx.so.3", "libvx.so.3", "libvx.so.3", {}),
        ("vx=/opt/libvx.so", "vx", "/opt/libvx.so", {}),
    ],
)
def test_forms(text: str, name: str, path: str, options: dict[str, str]) -> None:
    found = parse_delegate(text)
    assert (found.name, found.path, dict(found.options)) == (name, path, options)
    again = parse_delegate(str(found))
    assert (again.path, again.options) == (found.path, found.options)


@pytest.mark.parametrize("text", ["armn", "", "armnn=", "armnn:backends", "xnnpack:a=1", "x:=1"])
def test_wrong_forms_say_the_right_one(text: str) -> None:
    with pytest.raises(UsageError):
        parse_delegate(text)


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_delegate("./lib/x.so").path == str(tmp_path / "lib" / "x.so")
    (tmp_path / "x.so").touch()
    assert parse_delegate("x.so").path == str(tmp_path / "x.so")


def test_the_order_of_delegates() -> None:
    def names(asked: list[str], runtime: str) -> list[str]:
        return [delegate.name for delegate in resolved_delegates(asked, runtime)]

    assert names([], "tflite") == ["xnnpack"]
    assert resolved_delegates([], "tflite")[0].implied
    assert not resolved_delegates(["xnnpack"], "tflite")[0].implied
    assert names(["none"], "tflite") == []
    assert names(["/a.so", "armnn"], "tflite") == ["a.so", "armnn", "xnnpack"]
    assert names(["none", "/a.so"], "tflite") == ["a.so"]
    assert names(["/a.so"], "litert") == ["a.so"]  # there XNNPACK would go first
    with pytest.raises(UsageError, match="before any other"):
        resolved_delegates(["/a.so", "xnnpack"], "litert")
    with pytest.raises(UsageError, match="contradict"):
        resolved_delegates(["none", "xnnpack"], "tflite")


def test_shares() -> None:
    assert [parse_share(text) for text in ("any", "0.5", "90%", "1", "100%")] == [0, 0.5, 0.9, 1, 1]
    for wrong in ("0", "1.1", "x", "-1", "5%%", "nan"):
        with pytest.raises(UsageError, match="is not a share"):
            parse_share(wrong)


def test_a_configuration_names_several() -> None:
    spec = parse_configuration(
        "m.tflite@tflite,delegate=armnn:backends=CpuAcc,CpuRef;a=b,delegate=none,threads=3",
        RunSpec(model=""),
    )
    assert spec.delegate == ("armnn:backends=CpuAcc,CpuRef;a=b", "none")
    assert spec.threads == 3
    assert parse_configuration("m@onnxruntime,provider=acl", RunSpec(model="")).provider == ("acl",)


def test_load_options_take_text_objects_and_json() -> None:
    spec = DelegateSpec("x.so", "/x.so", {"a": "1"})
    json = {"name": "x.so", "path": "/x.so", "options": {"a": "1"}, "implied": False}
    for given in (spec, json, "/x.so:a=1"):
        assert LoadOptions(model="m", delegates=(given,)).delegates == (spec,)  # type: ignore[arg-type]
    assert LoadOptions(model="m").xnnpack
    assert not LoadOptions(model="m", delegates=()).xnnpack


def test_providers() -> None:
    assert parse_provider("OpenVINO:device_type=CPU").options == {"device_type": "CPU"}
    assert (
        full_name("xnnpack") == full_name("XnnpackExecutionProvider") == "XnnpackExecutionProvider"
    )
    assert full_name("cuda") == "CUDAExecutionProvider"
    assert full_name("New") == "NewExecutionProvider"
    for wrong in ("", "a=b"):
        with pytest.raises(UsageError, match="is not a provider"):
            parse_provider(wrong)


def test_a_provider_that_the_package_dropped_is_not_available() -> None:
    class Session:
        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    require_providers(Session(), LoadOptions(model="m"), {})
    options = LoadOptions(model="m", providers=(parse_provider("cuda:device_id=7"),))
    with pytest.raises(NotAvailableError, match="CUDAExecutionProvider with device_id=7"):
        require_providers(Session(), options, {})
