"""Trees of /proc and /sys as boards show them, written into a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

CPUS = "sys/devices/system/cpu"
THERMAL = "sys/class/thermal"

ARM_CPU = """processor\t: {cpu}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: {part}
CPU revision\t: 3

"""

X86_CPU = """processor\t: {cpu}
vendor_id\t: GenuineIntel
model name\t: {name}
flags\t\t: fpu vme tsc{flags}

"""


class FakeSysfs:
    """Write the files that one machine shows."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> FakeSysfs:
        """Write one file; the kernel ends nearly all of them with a line feed."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text if text.endswith(("\n", "\0")) else text + "\n", encoding="utf-8")
        return self

    def files(self, directory: str, **contents: object) -> FakeSysfs:
        for name, content in contents.items():
            self.write(f"{directory}/{name}", str(content))
        return self

    def device_tree(self, model: str, *compatible: str) -> FakeSysfs:
        self.write("proc/device-tree/model", model + "\0")
        return self.write("proc/device-tree/compatible", "".join(f"{c}\0" for c in compatible))

    def cpus(self, online: str, cpuinfo: str, allowed: str | None = None) -> FakeSysfs:
        self.write(f"{CPUS}/online", online).write("proc/cpuinfo", cpuinfo)
        mask = online if allowed is None else allowed
        return self.write("proc/self/status", f"Name:\tpython3\nCpus_allowed_list:\t{mask}\n")

    def policy(
        self, first: int, cpus: str, governor: str, low: int, high: int, **other: int
    ) -> None:
        values = {"scaling_cur_freq": high, "cpuinfo_min_freq": low, "cpuinfo_max_freq": high}
        self.files(
            f"{CPUS}/cpufreq/policy{first}",
            affected_cpus=cpus,
            related_cpus=cpus,
            scaling_governor=governor,
            scaling_min_freq=low,
            scaling_max_freq=high,
            **{**values, **other},
        )

    def zone(self, number: int, kind: str, millidegrees: int | str, **trips: int) -> None:
        directory = f"{THERMAL}/thermal_zone{number}"
        self.files(directory, type=kind, temp=millidegrees)
        for index, (trip, temperature) in enumerate(trips.items()):
            self.write(f"{directory}/trip_point_{index}_type", trip.rstrip("0123456789"))
            self.write(f"{directory}/trip_point_{index}_temp", str(temperature))

    def cooling(self, number: int, kind: str, state: int, high: int) -> str:
        directory = f"{THERMAL}/cooling_device{number}"
        self.files(directory, type=kind, cur_state=state, max_state=high)
        return directory

    def system(self, kernel: str, architecture: str, clock: str, *other_clocks: str) -> FakeSysfs:
        self.files(
            "proc/sys/kernel",
            osrelease=kernel,
            arch=architecture,
            randomize_va_space=2,
            hostname="secret-name",
        )
        return self.files(
            "sys/devices/system/clocksource/clocksource0",
            current_clocksource=clock,
            available_clocksource=" ".join((clock, *other_clocks)) + " ",
        )

    def memory(self, total_mib: int, available_mib: int, swap_mib: int, swap_used_mib: int) -> None:
        self.write(
            "proc/meminfo",
            f"MemTotal:       {total_mib * 1024} kB\n"
            f"MemFree:        {available_mib * 512} kB\n"
            f"MemAvailable:   {available_mib * 1024} kB\n"
            f"SwapTotal:      {swap_mib * 1024} kB\n"
            f"SwapFree:       {(swap_mib - swap_used_mib) * 1024} kB\n",
        )
        self.write("proc/loadavg", "0.52 0.58 0.59 2/612 4242")
        self.write("proc/uptime", "35021.17 138022.91")


@pytest.fixture
def fake(tmp_path: Path) -> FakeSysfs:
    """An empty machine."""
    root = tmp_path / "machine"
    root.mkdir()
    return FakeSysfs(root)


@pytest.fixture
def pi4(fake: FakeSysfs) -> Path:
    """Raspberry Pi 4: throttled and under-voltage since the start, quiet now."""
    fake.device_tree("Raspberry Pi 4 Model B Rev 1.4", "raspberrypi,4-model-b", "brcm,bcm2711")
    trailer = "Hardware\t: BCM2835\nRevision\t: c03114\nSerial\t\t: 10000000deadbeef\n"
    fake.cpus("0-3", "".join(ARM_CPU.format(cpu=n, part="0xd08") for n in range(4)) + trailer)
    fake.policy(0, "0 1 2 3", "ondemand", 600000, 1800000)
    fake.zone(0, "cpu-thermal", 48200, critical=110000)
    fake.write("sys/devices/platform/soc/soc:firmware/get_throttled", "50000")
    fake.files("sys/class/hwmon/hwmon0", name="cpu_thermal", temp1_input=48200)
    fake.files("sys/class/hwmon/hwmon1", name="rpi_volt", in0_lcrit_alarm=0)
    fake.system("6.12.47+rpt-rpi-v8", "aarch64", "arch_sys_counter")
    fake.memory(total_mib=3792, available_mib=3200, swap_mib=512, swap_used_mib=0)
    fake.write("etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n')
    return fake.root


@pytest.fixture
def pi5(fake: FakeSysfs) -> Path:
    """Raspberry Pi 5 under load: hot, under-voltage now, fan on."""
    fake.device_tree("Raspberry Pi 5 Model B Rev 1.0", "raspberrypi,5-model-b", "brcm,bcm2712")
    fake.cpus("0-3", "".join(ARM_CPU.format(cpu=n, part="0xd0b") for n in range(4)))
    fake.policy(0, "0 1 2 3", "performance", 1500000, 2400000)
    fake.zone(0, "cpu-thermal", 81400, active0=50000, active1=60000, critical=110000)
    fake.cooling(0, "pwm-fan", state=4, high=4)
    fake.write("sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled", "d000d")
    fake.files("sys/class/hwmon/hwmon2", name="rpi_volt", in0_lcrit_alarm=1)
    fake.system("6.12.47+rpt-rpi-2712", "aarch64", "arch_sys_counter")
    fake.memory(total_mib=8062, available_mib=7000, swap_mib=2048, swap_used_mib=10)
    return fake.root


@pytest.fixture
def rock5(fake: FakeSysfs) -> Path:
    """Radxa Rock 5B: RK3588, four A55 and two pairs of A76 that are binned apart."""
    fake.device_tree("Radxa ROCK 5B", "radxa,rock-5b", "rockchip,rk3588")
    parts = ["0xd05"] * 4 + ["0xd0b"] * 4
    fake.cpus("0-7", "".join(ARM_CPU.format(cpu=n, part=part) for n, part in enumerate(parts)))
    fake.policy(0, "0 1 2 3", "performance", 408000, 1800000)
    fake.policy(4, "4 5", "performance", 408000, 2256000)
    fake.policy(6, "6 7", "performance", 408000, 2400000)
    for cpu, capacity in enumerate([414] * 4 + [962] * 2 + [1024] * 2):
        fake.write(f"{CPUS}/cpu{cpu}/cpu_capacity", str(capacity))
    for number, kind in enumerate(("soc", "bigcore0", "bigcore1", "littlecore", "npu")):
        fake.zone(number, f"{kind}-thermal", 40000 + number * 1000, passive0=75000, passive1=85000)
    stats = fake.cooling(0, "cpufreq-cpu0", state=0, high=7) + "/stats"
    fake.files(stats, total_trans=0, time_in_state_ms="state0\t3502117\nstate1\t0")
    stats = fake.cooling(1, "cpufreq-cpu4", state=0, high=9) + "/stats"
    fake.files(stats, total_trans=6, time_in_state_ms="state0\t3501117\nstate1\t1000")
    fake.cooling(10, "pwm-fan", state=1, high=5)
    fake.system("6.1.43-15-rk2312", "aarch64", "arch_sys_counter")
    fake.memory(total_mib=15960, available_mib=14000, swap_mib=0, swap_used_mib=0)
    return fake.root


@pytest.fixture
def jetson_nano(fake: FakeSysfs) -> Path:
    """Jetson Nano with JetPack 4 in its 5 W mode: two CPUs are off."""
    names = ("nvidia,p3450-0000", "nvidia,jetson-nano", "nvidia,tegra210")
    fake.device_tree("NVIDIA Jetson Nano Developer Kit", *names)
    block = ARM_CPU.replace("BogoMIPS", "model name\t: ARMv8 Processor rev 1 (v8l)\nBogoMIPS")
    fake.cpus("0-1", block.format(cpu=0, part="0xd07") + block.format(cpu=1, part="0xd07"), "0-3")
    fake.policy(0, "0 1", "schedutil", 102000, 918000, cpuinfo_max_freq=1479000)
    for number, (kind, temperature) in enumerate(
        (
            ("AO-therm", 41500),
            ("CPU-therm", 34000),
            ("GPU-therm", -256000),
            ("PLL-therm", 31500),
            ("PMIC-Die", 100000),
            ("thermal-fan-est", 33000),
        )
    ):
        fake.zone(number, kind, temperature, passive=97000, critical=102500)
    fake.cooling(0, "cpu-balanced", state=0, high=21)
    fake.system("4.9.253-tegra", "aarch64", "arch_sys_counter")
    (fake.root / "proc/sys/kernel/arch").unlink()  # only since Linux 6.1
    fake.memory(total_mib=3956, available_mib=300, swap_mib=1978, swap_used_mib=400)
    return fake.root


@pytest.fixture
def guest(fake: FakeSysfs) -> Path:
    """A KVM guest: no cpufreq, no sensors, a paravirtual clock."""
    cpu = X86_CPU.replace("{name}", "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz")
    fake.cpus("0-1", "".join(cpu.format(cpu=n, flags=" hypervisor") for n in range(2)), "0-127")
    fake.files("sys/class/dmi/id", product_name="Standard PC (Q35 + ICH9, 2009)", sys_vendor="QEMU")
    fake.system("6.1.0-30-amd64", "x86_64", "kvm-clock", "tsc", "acpi_pm")
    fake.memory(total_mib=2048, available_mib=1500, swap_mib=0, swap_used_mib=0)
    return fake.root


@pytest.fixture
def container(fake: FakeSysfs) -> Path:
    """A Docker container on a PC with SMT: 8 CPUs seen, 1.5 granted, 2 GiB of memory."""
    cpu = X86_CPU.replace("{name}", "Intel(R) Core(TM) i7-4790 CPU @ 3.60GHz")
    fake.cpus("0-7", "".join(cpu.format(cpu=n, flags="") for n in range(8)))
    for number in range(8):
        fake.policy(number, str(number), "powersave", 800000, 4000000)
        directory = f"{CPUS}/cpu{number}"
        siblings = f"{number % 4},{number % 4 + 4}"
        fake.files(f"{directory}/topology", thread_siblings_list=siblings, physical_package_id=0)
        fake.files(
            f"{directory}/thermal_throttle",
            core_throttle_count=number % 4,
            package_throttle_count=9,
        )
    fake.write("sys/devices/system/cpu/intel_pstate/no_turbo", "0")
    fake.zone(0, "acpitz", 27800, critical=119000)
    fake.zone(1, "x86_pkg_temp", 51000, passive=0)
    fake.write(".dockerenv", "")
    fake.write("proc/self/cgroup", "0::/")
    mount = "31 23 0:28 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate"
    fake.write("proc/self/mountinfo", mount)
    fake.files("sys/fs/cgroup", **{"cpu.max": "150000 100000", "memory.max": 2 << 30})
    fake.system("6.8.0-51-generic", "x86_64", "tsc", "hpet", "acpi_pm")
    fake.memory(total_mib=32000, available_mib=20000, swap_mib=2048, swap_used_mib=0)
    return fake.root
