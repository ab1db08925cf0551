"""What a worker may still do once it is to load a model that may come from a stranger.

A model is a program, and the library that runs it has faults: so the worker that loads one keeps
what a runtime needs and gives up the rest. It reads the machine but the user's keys, writes only to
its own temporary folder, to devices and where the user told a runtime to write, and has no network.
It keeps everything where the user vouched for the code (--trust-pickle, a class file), and its
files where a library of somebody else's does the work: a vendor's plugin writes where its vendor
decided.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from edgeloop.host.landlock import Rights, give_up_privileges, landlock_version, restrict

if TYPE_CHECKING:
    from edgeloop.runtimes.protocol import Runtime
    from edgeloop.spec.load import LoadOptions

# In a home: keys, passwords, and what browsers and shells keep.
_SECRETS = frozenset(
    (
        *(".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".pgpass", ".git"),
        *(".git-credentials", ".password-store", ".mozilla", ".thunderbird", ".pypirc", ".npmrc"),
        *(
            ".bash_history",
            ".zsh_history",
            ".python_history",
            ".gem",
            ".config/gh",
            ".config/gcloud",
        ),
    )
)
# Devices by which root could reach past the files: memory, kernel log, terminals, input.
_NO_DEVICES = ("mem", "kmem", "port", "kmsg", "tty", "vcs", "loop", "fuse", "uinput", "console")
_NO_DEVICE_FOLDERS = (
    "block",
    "disk",
    "mapper",
    "cpu",
    "net",
    "input",
    "pts",
    "mqueue",
    "hugepages",
    "snd",
)
# What drivers of accelerators keep from one process to the next, below the home.
_DRIVER_CACHES = (".nv",)
_COMPILER_CACHES = (".triton",)
# Where PyTorch unpacks an AOTInductor package, whatever TMPDIR says.
_UNPACKED = Path("/tmp")
# As conversion/place.py calls its scratch folders: hidden, named for the target, and by chance.
_SCRATCH = re.compile(r"\..+\.[a-z0-9_]{8}")

# Set to anything, it leaves a worker its rights: for a driver or a debugger that needs them.
FREE = "EDGELOOP_UNCONFINED"
_MPS = "/tmp/nvidia-mps"  # CUDA's default place of its pipes

# An oom_score_adj: the kernel ends a worker before anything else, and not the parent.
_FIRST_TO_GO = "1000"


def confinement() -> str:
    """Say how a worker is confined on this machine."""
    version = landlock_version()
    if FREE in os.environ:
        return f"none: {FREE} is set"
    if version == 0:
        return (
            "none: this kernel has no Landlock, so a model can do what its runtime can; measure "
            "models of strangers under another user"
        )
    network = "has no TCP" if version >= 4 else "keeps the network (Linux 6.7 takes it away)"
    return (
        f"Landlock {version}: a worker that holds a model writes only to its own temporary folder, "
        f"and {network}"
    )


def confine_for_model(chosen: Runtime, options: LoadOptions) -> None:
    """Give up what loading this model needs not, before the first library starts threads."""
    _be_first_to_go()
    if FREE in os.environ or options.trust_pickle or options.model_class_path is not None:
        return
    give_up_privileges()
    if chosen.runs_foreign_code(options):
        restrict(None)
        return
    writable = [*_writable(), *_folders_in(options)]
    if options.torch_mode == "compile":
        writable += _compiler_caches()
    if options.package is not None or options.torch_mode == "aotinductor":
        writable.append(_UNPACKED)
    restrict(Rights(_readable(), writable))


# Arguments of jobs that name a file to write.
_WRITTEN = ("target", "write", "timing-cache")


def confine_for_job(arguments: Mapping[str, Any]) -> None:
    """Give up what a job needs not, whose arguments name all that it reads and writes."""
    _be_first_to_go()
    words = dict(_words(arguments))
    if FREE in os.environ or words.get("trust_pickle") or words.get("model_class_path"):
        return
    give_up_privileges()
    folders = [words.get("scratch"), words.get("folder")]
    folders += [Path(str(words[key])).parent for key in _WRITTEN if words.get(key)]
    # A tool may write beside a model that lies in a scratch folder already.
    folders += [_scratch_of(Path(value)) for value in words.values() if isinstance(value, str)]
    restrict(Rights(_readable(), [*_writable(), *(Path(str(one)) for one in folders if one)]))


def _scratch_of(path: Path) -> Optional[Path]:
    """Return the scratch folder that a path lies in, None where it lies in none."""
    return next((one for one in (path, *path.parents[:3]) if _SCRATCH.fullmatch(one.name)), None)


def _be_first_to_go() -> None:
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")


def _words(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a request, those of the requests in it among them."""
    for key, value in arguments.items():
        if isinstance(value, Mapping):
            yield from _words(value)
        elif value is not None:
            yield key, value


def _readable() -> Iterator[Path]:
    """Yield the whole machine in pieces, without what a home keeps secret."""
    home, folder = _home(), Path("/")
    if home is None:
        yield folder
        return
    above = {home, *home.parents}
    secrets = {home / name for name in _SECRETS}
    folders = [folder]
    while folders:
        for entry in _entries(folders.pop()):
            real = entry.resolve()  # a link elsewhere gives what it leads to
            if real in above or any(secret.parent == real for secret in secrets):
                if entry == real:
                    folders.append(entry)
            elif real not in secrets:
                yield entry


def _home() -> Optional[Path]:
    try:
        return Path.home().resolve()
    except RuntimeError:  # this user has none
        return None


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # it is not there, or may not be searched: nor may what is in it
        return []


def _writable() -> Iterator[Path]:
    # The parent gives each worker a folder of its own as TMPDIR.
    with suppress(OSError):
        yield Path(tempfile.gettempdir())
    yield Path(f"/proc/{os.getpid()}")
    yield from _devices()
    yield from _in_home(_DRIVER_CACHES)
    for variable in ("CUDA_CACHE_PATH", "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"):
        if os.environ.get(variable):
            yield Path(os.environ[variable])
    yield Path(_MPS)


def _in_home(names: Sequence[str]) -> Iterator[Path]:
    home = _home()
    if home is not None:
        yield from (home / name for name in names)


def _devices() -> Iterator[Path]:
    for entry in _entries(Path("/dev")):
        try:
            mode = entry.lstat().st_mode
        except OSError:
            continue
        device = stat.S_ISCHR(mode) and not entry.name.startswith(_NO_DEVICES)
        if device or (stat.S_ISDIR(mode) and entry.name not in _NO_DEVICE_FOLDERS):
            yield entry


def _compiler_caches() -> Iterator[Path]:
    folder = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    if folder:
        with suppress(OSError):
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        yield Path(folder)
    yield from _in_home(_COMPILER_CACHES)


def _folders_in(options: LoadOptions) -> Iterator[Path]:
    """Yield where the user told the runtime to write: caches, profiles, optimised models."""
    if options.profile is not None:
        yield Path(options.profile)
    texts: Sequence[str] = [
        *options.settings.values(),
        *(value for provider in options.providers for value in provider.options.values()),
    ]
    for text in texts:
        if "/" in text:
            place = Path(text).expanduser()
            yield place if place.is_dir() else place.parent
