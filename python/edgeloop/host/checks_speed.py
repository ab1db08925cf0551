"""Judge what decides how fast the CPUs run: clock, heat, voltage, kinds of cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeloop.host.cpuinfo import format_cpu_list
from edgeloop.host.finding import Finding
from edgeloop.host.frequency import FrequencyPolicy
from edgeloop.host.info import HostInfo
from edgeloop.host.thermal import ThermalZone
from edgeloop.host.throttle import UNDER_VOLTAGE, Throttling

# Below this a warm-up alone can reach the limit.
_MARGIN_C = 5.0

# The Raspberry Pi's firmware slows the cores from here on; the kernel's trip points do not know.
# Source: Raspberry Pi documentation, "Frequency management and thermal control".
_RASPBERRY_PI_LIMIT_C = 80.0

# Below this ARM clock the BCM2711's timer skips ticks (raspberrypi/linux#6016: 52 of 60 were
# left at 300 MHz).
_BCM2711_MIN_HZ = 400_000_000

# A limit nearer than this to the hardware's own is rounding of the frequency table.
_CAPPED_BELOW = 0.99


def governor(info: HostInfo, policies: Sequence[FrequencyPolicy]) -> Iterator[Finding]:
    """Judge the frequency governors of the CPUs we may use."""
    loose = [
        policy
        for policy in _ours(info, policies)
        if policy.governor not in (None, "performance") and policy.min_hz != policy.max_hz
    ]
    if not loose:
        return
    names = " and ".join(sorted({str(policy.governor) for policy in loose}))
    cpus = format_cpu_list(cpu for policy in loose for cpu in policy.cpus)
    lows = [policy.min_hz for policy in loose if policy.min_hz is not None]
    highs = [policy.max_hz for policy in loose if policy.max_hz is not None]
    between = f", between {_hz(min(lows))} and {_hz(max(highs))}" if lows and highs else ""
    yield Finding(
        "governor-not-performance",
        "warning",
        f"The governor {names} moves the clock of CPU {cpus} with the load{between}.",
        "Runs scatter, the first ones are slow, and a short model may never see the full clock.",
        "sudo jetson_clocks"
        if info.board.is_jetson
        else "echo performance | sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor",
    )


def capped(info: HostInfo, policies: Sequence[FrequencyPolicy]) -> Iterator[Finding]:
    """Judge the upper limits of the CPU clock."""
    for policy in _ours(info, policies):
        limit_hz, hardware_hz = policy.max_hz, policy.hardware_max_hz
        if limit_hz and hardware_hz and limit_hz < _CAPPED_BELOW * hardware_hz:
            cpus = format_cpu_list(policy.cpus)
            yield Finding(
                "frequency-capped",
                "warning",
                f"The clock of CPU {cpus} is limited to {_hz(limit_hz)}, though the hardware "
                f"reaches {_hz(hardware_hz)}.",
                "The latency holds for the lower clock only.",
                f"echo {hardware_hz // 1000} | sudo tee "
                f"/sys/devices/system/cpu/cpufreq/{policy.name}/scaling_max_freq "
                "(leave it if the limit is meant)",
            )


def boost(enabled: bool | None) -> Iterator[Finding]:
    """Judge whether the clock may leave its nominal frequency."""
    if enabled:
        yield Finding(
            "frequency-boost",
            "info",
            "The CPUs may run above their nominal clock (turbo) for as long as heat allows.",
            "The clock depends on the temperature and on how many cores work, so a long run may "
            "get slower.",
            "For steady numbers: echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo, "
            "or echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost",
        )


def lost_ticks(info: HostInfo, policies: Sequence[FrequencyPolicy]) -> Iterator[Finding]:
    """Judge whether the clock that measures may itself run slow (Raspberry Pi 4)."""
    lows = [policy.hardware_min_hz for policy in policies if policy.hardware_min_hz is not None]
    if "brcm,bcm2711" in info.board.compatible and lows and min(lows) < _BCM2711_MIN_HZ:
        yield Finding(
            "timer-loses-ticks",
            "error",
            f"The ARM clock of this BCM2711 may fall to {_hz(min(lows))}; its timer skips ticks "
            f"below {_hz(_BCM2711_MIN_HZ)}.",
            "Time itself runs slow then, and latencies look shorter than they are.",
            "Remove arm_freq_min from /boot/firmware/config.txt, or set it to 600, and restart.",
        )


def temperature(info: HostInfo, zones: Sequence[ThermalZone]) -> Iterator[Finding]:
    """Judge how near the sensors are to where the chip is slowed."""
    for zone in zones:
        limits = [] if zone.limit_c is None else [zone.limit_c]
        if info.board.is_raspberry_pi:
            limits.append(_RASPBERRY_PI_LIMIT_C)
        if zone.temperature_c is None or not zone.follows_silicon or not limits:
            continue
        if zone.temperature_c >= min(limits) - _MARGIN_C:
            yield Finding(
                "temperature-near-limit",
                "warning",
                f"{zone.type or zone.name} is at {zone.temperature_c:.1f} °C; the chip is slowed "
                f"from {min(limits):.1f} °C on.",
                "The clock will fall during the measurement, or has fallen already.",
                "Let the board cool down, or give it a heat sink, a fan or more air.",
            )


def under_voltage(throttle: Throttling) -> Iterator[Finding]:
    """Judge the power supply."""
    firmware = throttle.firmware
    now = UNDER_VOLTAGE in throttle.causes
    if now or UNDER_VOLTAGE in (firmware.since_boot or ()):
        yield Finding(
            "under-voltage-now" if now else "under-voltage-since-boot",
            "error" if now else "warning",
            f"The supply voltage {'is' if now else 'has been'} too low.",
            "The firmware lowers the clock to survive, so latencies are too long and jump.",
            "Use the board's own power supply and a short, thick cable, and unplug USB devices.",
        )


def throttled(throttle: Throttling) -> Iterator[Finding]:
    """Judge whether the CPUs are slowed now, or have been since the start."""
    live = [cause for cause in throttle.causes if cause != UNDER_VOLTAGE]
    if live:
        yield Finding(
            "throttled-now",
            "error",
            f"The CPUs are being slowed: {', '.join(live)}.",
            "Latencies measured now are those of a throttled chip.",
            "Let the board cool down and check its cooling and power supply, then measure again.",
        )
        return
    past = [name for name in throttle.firmware.since_boot or () if name != UNDER_VOLTAGE]
    events = (throttle.counts.core_events or 0) + (throttle.counts.package_events or 0)
    if past or events:
        what = ", ".join(past) if past else f"{events} thermal events"
        yield Finding(
            "throttled-since-boot",
            # A PC counts every short excursion, so a count alone says little.
            "warning" if past else "info",
            f"The CPUs have been slowed since the start: {what}.",
            "A long measurement may be slowed again on the way.",
            "Check cooling and power supply; edgeloop watches for it while it measures.",
        )


def unequal_cores(info: HostInfo) -> Iterator[Finding]:
    """Report cores of different speeds."""
    usable = [c for c in info.cpu.clusters if set(c.cpus) & set(info.cpu.allowed_cpus)]
    if len(usable) > 1:
        kinds = ", ".join(
            f"CPU {format_cpu_list(c.cpus)} {c.core_name or ''}".strip() for c in usable
        )
        yield Finding(
            "unequal-cores",
            "info",
            f"The cores are not equally fast: {kinds} (fastest first).",
            "A thread that lands on a slow core holds up all the others.",
            f"Keep --threads at {len(info.cpu.fastest_cluster.cpus)} or less, the size of the "
            "fastest cluster, which is the default.",
        )


def shared_cores(info: HostInfo) -> Iterator[Finding]:
    """Report logical CPUs that share a core (SMT)."""
    fastest = set(info.cpu.fastest_cluster.cpus)
    doubles = sum(max(0, len(fastest & set(core)) - 1) for core in info.cpu.smt_siblings)
    if doubles:
        yield Finding(
            "shared-cores",
            "info",
            f"The {len(fastest)} CPUs of the fastest cluster are {len(fastest) - doubles} cores "
            "with several threads each (SMT).",
            "Two busy threads of one core slow each other, and the pairing changes from run to "
            "run.",
            f"Compare with --threads {len(fastest) - doubles}, one thread for each core.",
        )


def narrow_python(info: HostInfo) -> Iterator[Finding]:
    """Report a 32-bit Python on a 64-bit kernel, usual on older Raspberry Pi OS."""
    if info.system.python_bits == 32 and info.cpu.architecture in ("aarch64", "x86_64", "armv8l"):
        yield Finding(
            "python-32-bit",
            "warning",
            "This Python is a 32-bit program on a 64-bit processor.",
            "Runtimes use their slower 32-bit kernels, and many publish no 32-bit wheels at all.",
            "Install the 64-bit edition of the operating system.",
        )


def _ours(info: HostInfo, policies: Sequence[FrequencyPolicy]) -> list[FrequencyPolicy]:
    allowed = set(info.cpu.allowed_cpus)
    return [policy for policy in policies if allowed & set(policy.cpus)]


def _hz(frequency_hz: int) -> str:
    if frequency_hz >= 1_000_000_000:
        return f"{frequency_hz / 1e9:.3g} GHz"
    return f"{frequency_hz / 1e6:.3g} MHz"
