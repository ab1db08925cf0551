"""Containers, virtual machines, emulators."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.host.virtualisation import virtualisation


def write(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return root


def test_a_board_is_bare(pi4: Path) -> None:
    seen = virtualisation(pi4, "aarch64")
    assert (seen.container, seen.virtual_machine, seen.emulation) == ("none", "none", "none")
    assert seen.as_dict()["container_evidence"] is None


def test_guest_and_where_it_was_seen(guest: Path) -> None:
    seen = virtualisation(guest, "x86_64")
    assert seen.virtual_machine == "qemu"
    assert seen.virtual_machine_evidence == "/sys/class/dmi/id/product_name"
    assert seen.container == "none"


def test_docker_on_hardware(container: Path) -> None:
    seen = virtualisation(container, "x86_64")
    assert (seen.container, seen.container_evidence) == ("docker", "/.dockerenv")
    assert seen.virtual_machine == "none"


@pytest.mark.parametrize(
    ("path", "text", "name"),
    [
        ("run/.containerenv", "", "podman"),
        ("run/systemd/container", "systemd-nspawn\n", "systemd-nspawn"),
        ("proc/1/environ", "PATH=/bin\0container=lxc\0", "lxc"),
        ("proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n", "wsl"),
        ("proc/1/cgroup", "4:cpu:/kubepods/burstable/pod1234\n", "kubernetes"),
        (
            "proc/self/mountinfo",
            "10 9 8:1 /var/lib/kubelet/pods/1/etc-hosts /etc/hosts rw - ext4 /dev/sda1 rw\n",
            "kubernetes",
        ),
        # The host of a cluster has such mounts too, but elsewhere.
        (
            "proc/self/mountinfo",
            "10 9 0:9 / /var/lib/kubelet/pods/1/volumes/token rw - tmpfs tmpfs rw\n",
            "none",
        ),
    ],
)
def test_containers(tmp_path: Path, path: str, text: str, name: str) -> None:
    assert virtualisation(write(tmp_path, path, text)).container == name


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"product_name": "KVM", "sys_vendor": "QEMU"}, "kvm"),
        ({"product_name": "t3.large", "sys_vendor": "Amazon EC2"}, "amazon"),
        ({"product_name": "m5.metal", "sys_vendor": "Amazon EC2"}, "none"),
        ({"product_name": "Virtual Machine", "sys_vendor": "Microsoft Corporation"}, "hyper-v"),
        ({"product_name": "Surface Pro 7", "sys_vendor": "Microsoft Corporation"}, "none"),
        ({"product_name": "VMware7,1", "sys_vendor": "VMware, Inc."}, "vmware"),
    ],
)
def test_firmware_names(tmp_path: Path, files: dict[str, str], name: str) -> None:
    for file, text in files.items():
        write(tmp_path, f"sys/class/dmi/id/{file}", text + "\n")
    assert virtualisation(tmp_path).virtual_machine == name


@pytest.mark.parametrize(
    ("path", "text", "name"),
    [
        ("proc/device-tree/hypervisor/compatible", "linux,kvm\0", "kvm"),
        ("proc/device-tree/fw-cfg@9020000/compatible", "qemu,fw-cfg-mmio\0", "qemu"),
        ("proc/device-tree/compatible", "linux,dummy-virt\0", "qemu"),
        ("sys/hypervisor/type", "xen\n", "xen"),
        ("proc/cpuinfo", "processor : 0\nflags : fpu hypervisor lahf_lm\n", "unknown"),
        (
            "sys/devices/system/clocksource/clocksource0/available_clocksource",
            "tsc kvm-clock \n",
            "kvm",
        ),
    ],
)
def test_machines_without_firmware_names(tmp_path: Path, path: str, text: str, name: str) -> None:
    assert virtualisation(write(tmp_path, path, text)).virtual_machine == name


def test_the_first_domain_of_xen_is_hardware(tmp_path: Path) -> None:
    write(tmp_path, "sys/hypervisor/type", "xen\n")
    assert virtualisation(tmp_path).virtual_machine == "xen"
    write(tmp_path, "proc/xen/capabilities", "control_d\n")
    assert virtualisation(tmp_path).virtual_machine == "none"


def test_emulated_arm_on_a_pc(container: Path) -> None:
    seen = virtualisation(container, "aarch64")
    assert seen.emulation == "aarch64 on x86_64"


@pytest.mark.parametrize("machine", ["aarch64", "armv8l", "armv7l", None])
def test_a_32_bit_process_is_not_emulated(pi4: Path, machine: str | None) -> None:
    assert virtualisation(pi4, machine).emulation == "none"
