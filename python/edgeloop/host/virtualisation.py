"""Detect whether this process runs in a container, a virtual machine or an emulated CPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.clocksource import clocksource
from edgeloop.host.cpuinfo import cpu_entries
from edgeloop.host.document import Document
from edgeloop.host.pseudofile import children, read_text, read_words

NONE = "none"

# Beginning of a DMI string -> hypervisor. Product name goes before vendor: QEMU's vendor string
# hides that it is KVM.
_DMI_NAMES = (
    ("KVM", "kvm"),
    ("OpenStack", "kvm"),
    ("KubeVirt", "kvm"),
    ("QEMU", "qemu"),
    ("Standard PC (", "qemu"),
    ("Amazon EC2", "amazon"),
    ("Google Compute Engine", "google"),
    ("VMware", "vmware"),
    ("innotek GmbH", "virtualbox"),
    ("VirtualBox", "virtualbox"),
    ("Xen", "xen"),
    ("Bochs", "bochs"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"),
    ("Hyper-V", "hyper-v"),
    ("Apple Virtualization", "apple"),
)
_DMI_FILES = ("product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version")

# A paravirtual clock in the list of clock sources names the hypervisor where no DMI does, as in
# Firecracker.
_PARAVIRTUAL_CLOCKS = (("kvm-clock", "kvm"), ("hyperv_clocksource", "hyper-v"), ("xen", "xen"))

_CGROUP_WORDS = (
    ("kubepods", "kubernetes"),
    ("docker", "docker"),
    ("libpod", "podman"),
    ("containerd", "containerd"),
    ("/lxc", "lxc"),
    ("machine.slice", "systemd-nspawn"),
)

# Directory of the file that a container engine mounts over /etc/hosts -> engine.
_HOSTS_FILES = (
    ("/kubelet/pods/", "kubernetes"),
    ("/docker/containers/", "docker"),
    ("/overlay-containers/", "podman"),
)

# Kernel architecture -> what uname may say to a 32-bit process on it.
_NATIVE_MACHINES = {
    "aarch64": {"aarch64", "armv8l", "armv7l", "armv6l"},
    "x86_64": {"x86_64", "i686", "i586", "i386"},
}


@dataclass(frozen=True)
class Virtualisation(Document):
    """What lies between this process and the hardware: names, or `none` where none was seen.

    `*_evidence` is where it was seen. A guest whose host hides itself looks like hardware.
    """

    container: str
    container_evidence: str | None
    virtual_machine: str
    virtual_machine_evidence: str | None
    emulation: str
    emulation_evidence: str | None


def virtualisation(root: Path = Path("/"), machine: str | None = None) -> Virtualisation:
    """Look for the usual traces; `machine` is what uname reports to this process."""
    container, container_evidence = _container(root) or (NONE, None)
    hypervisor, hypervisor_evidence = _virtual_machine(root) or (NONE, None)
    emulation, emulation_evidence = _emulation(root, machine) or (NONE, None)
    return Virtualisation(
        container,
        container_evidence,
        hypervisor,
        hypervisor_evidence,
        emulation,
        emulation_evidence,
    )


def _container(root: Path) -> tuple[str, str] | None:
    for marker, name in ((".dockerenv", "docker"), ("run/.containerenv", "podman")):
        if read_text(root / marker).value is not None:
            return name, f"/{marker}"
    systemd = read_text(root / "run/systemd/container").value
    if systemd:
        return systemd, "/run/systemd/container"
    for variable in (read_text(root / "proc/1/environ").value or "").split("\0"):
        name, _, value = variable.partition("=")
        if name == "container" and value:
            return value, "/proc/1/environ"
    if "microsoft" in (read_text(root / "proc/sys/kernel/osrelease").value or "").lower():
        return "wsl", "/proc/sys/kernel/osrelease"
    groups = read_text(root / "proc/1/cgroup").value or ""
    for word, name in _CGROUP_WORDS:
        if word in groups:
            return name, "/proc/1/cgroup"
    return _from_hosts_file(root)


def _from_hosts_file(root: Path) -> tuple[str, str] | None:
    for line in (read_text(root / "proc/self/mountinfo").value or "").splitlines():
        fields = line.split()
        if len(fields) > 4 and fields[4] == "/etc/hosts":
            for directory, name in _HOSTS_FILES:
                if directory in fields[3]:
                    return name, "/proc/self/mountinfo"
    return None


def _virtual_machine(root: Path) -> tuple[str, str] | None:
    # The first domain of Xen runs on the hardware as well as Xen lets anyone.
    if "control_d" in (read_text(root / "proc/xen/capabilities").value or ""):
        return None
    found = _from_dmi(root) or _from_device_tree(root)
    if found:
        return found
    hypervisor = read_text(root / "sys/hypervisor/type").value
    if hypervisor:
        return hypervisor, "/sys/hypervisor/type"
    for available in clocksource(root).available or ():
        for clock, name in _PARAVIRTUAL_CLOCKS:
            if available.startswith(clock):
                return name, f"clock source {available}"
    if any("hypervisor" in entry.flags for entry in cpu_entries(root)):
        return "unknown", "CPU flag `hypervisor`"
    return None


def _from_dmi(root: Path) -> tuple[str, str] | None:
    directory = root / "sys/class/dmi/id"
    texts = {name: read_text(directory / name).value or "" for name in _DMI_FILES}
    if ".metal" in texts["product_name"]:  # EC2's bare-metal instances carry its vendor string
        return None
    if texts["sys_vendor"].startswith("Microsoft") and texts["product_name"] == "Virtual Machine":
        return "hyper-v", "/sys/class/dmi/id/product_name"
    for file_name, text in texts.items():
        for beginning, name in _DMI_NAMES:
            if text.startswith(beginning):
                return name, f"/sys/class/dmi/id/{file_name}"
    return None


def _from_device_tree(root: Path) -> tuple[str, str] | None:
    tree = root / "proc/device-tree"
    for compatible in read_words(tree / "hypervisor/compatible").value or ():
        return compatible.rpartition(",")[2], "/proc/device-tree/hypervisor"
    if children(tree, "fw-cfg*"):
        return "qemu", "/proc/device-tree/fw-cfg"
    if "linux,dummy-virt" in (read_words(tree / "compatible").value or ()):
        return "qemu", "/proc/device-tree/compatible"
    return None


def _emulation(root: Path, machine: str | None) -> tuple[str, str] | None:
    """Compare uname, which qemu-user answers itself, with what the kernel says in a file."""
    kernel = read_text(root / "proc/sys/kernel/arch").value  # since Linux 6.1
    if not kernel or not machine or machine in _NATIVE_MACHINES.get(kernel, {kernel}):
        return None
    return f"{machine} on {kernel}", "/proc/sys/kernel/arch"
