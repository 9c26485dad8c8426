"""Loads the kernel's machine code; compiles it with numba once a machine and version, which takes a while.

Loading code that was compiled before needs no numba, whose import takes longer than reading a million lines.
The code lies in a folder of the user's own, since whoever could write it could run anything as the user.
"""

import ctypes
import os
import stat
import sys
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from audit_lib.logs.formats import LogFormats
from audit_lib.logs.kernel.formats_as_arrays import reading_of
from audit_lib.logs.kernel.match_steps import Reading
from audit_lib.logs.kernel.shared_arrays import SYMBOL

try:
    import llvmlite.binding as llvm
except ImportError:  # a machine that numba has no wheel for: its first use is then NotCompiled
    llvm = None

Entry = Callable[[int, int], int]
_SOURCES = Path(__file__).parent
_DIGEST = 32  # bytes before the code
_KEPT = 8  # machine codes of other versions, and of other environments


class NotCompiled(Exception):
    """The kernel cannot be had on this machine; the text says why."""


@lru_cache(maxsize=8)
def load_entry(formats: LogFormats) -> Entry:
    """The compiled entry for formats: takes the address of a frame and a task. Threads may call it together.

    Raises `NotCompiled` where LLVM or numba do not know the machine, whatever they raise themselves.
    """
    if llvm is None:
        raise NotCompiled("numba is not installed")
    try:
        return _loaded(reading_of(formats))
    except Exception as error:
        raise NotCompiled(type(error).__name__) from error


def is_at_hand(formats: LogFormats) -> bool:
    """Whether the kernel need not be compiled for these formats first: it lies ready."""
    try:
        return _stored(_object_path(reading_of(formats))) is not None
    except Exception:  # a machine that LLVM does not know: `load_entry` says so where it is needed
        return False


def _loaded(reading: Reading) -> Entry:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        # Code and constants lie beside each other (use_lmm), so that calls need no full addresses.
        codemodel="small",
        reloc="pic",
        jit=True,
    )
    code = _stored(_object_path(reading)) or _compiled_once(machine, reading)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine, use_lmm=True)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return _callable(engine)


def _callable(engine: "llvm.ExecutionEngine") -> Entry:
    # numba's own calling convention: a place for the result, one for an exception, then the arguments.
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    function = ctypes.CFUNCTYPE(ctypes.c_int32, pointer, pointer, number, number)(
        engine.get_function_address(SYMBOL)
    )

    def entry(frame: int, task: int) -> int:
        result, exception = ctypes.c_int64(), ctypes.c_void_p()
        status = function(ctypes.addressof(result), ctypes.addressof(exception), frame, task)
        if status:
            raise RuntimeError("the log kernel failed")
        return result.value

    vars(entry)["engine"] = engine  # what is compiled lives as long as the engine
    return entry


def _compiled_once(machine: "llvm.TargetMachine", reading: Reading) -> bytes:
    """Compiles and keeps the code, while other processes that want it wait."""
    from filelock import FileLock  # noqa: PLC0415  slow to import, and seldom needed

    try:
        path = _object_path(reading)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(_kernel_path().with_suffix(".lock")):
            return _stored(path) or _store(path, _compiled(machine, reading))
    except (OSError, RuntimeError):  # no home, or none that may be written: it is compiled each time
        return _compiled(machine, reading)


def _compiled(machine: "llvm.TargetMachine", reading: Reading) -> bytes:
    """The kernel with the code of the formats, as an object file."""
    if sys.stderr.isatty():
        print("compiling the log reader, once for this machine, version and formats…", file=sys.stderr)
    from audit_lib.logs.kernel.compile_code import machine_code  # noqa: PLC0415  seldom needed

    path = _kernel_path()
    return machine_code(machine, _stored(path) or _store(path, _kernel_code()), reading)


def _kernel_code() -> bytes:
    from audit_lib.logs.kernel.compile_code import kernel_code  # noqa: PLC0415  imports numba

    return kernel_code()


def _kernel_path() -> Path:
    """Where numba's part for these sources, versions and this processor lies."""
    digest = sha256()
    # What these files say is the version, and reading them takes less than asking for the metadata.
    for name, place in (("numba", "_version.py"), ("llvmlite", "_version.py"), ("numpy", "version.py")):
        digest.update(_beside(name).joinpath(place).read_bytes())
    features = llvm.get_host_cpu_features().flatten()
    digest.update(f"{sys.version} {llvm.get_default_triple()} {llvm.get_host_cpu_name()} {features}".encode())
    for path in (
        *sorted(_SOURCES.glob("*.py")),
        *(_SOURCES.parent / name for name in ("templates.py", "units.py")),
    ):
        digest.update(path.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "audit_lib", "kernel", f"{digest.hexdigest()[:32]}.bc")


def _object_path(reading: Reading) -> Path:
    """Where the whole for these formats lies."""
    kernel = _kernel_path()
    return kernel.with_name(f"{kernel.stem}-{sha256(repr(reading).encode()).hexdigest()[:16]}.o")


def _beside(package: str) -> Path:
    """The folder of a package, which is not imported."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise OSError(f"{package} is not installed")
    return Path(spec.origin).parent


def _stored(path: Path) -> bytes | None:
    """The code that was compiled before, if nobody but this user could have written it."""
    try:
        if not (_is_own(path.parent) and _is_own(path)):
            return None
        kept = path.read_bytes()
        code = kept[_DIGEST:]
        # After a power failure a file can be there without its content; LLVM would end the process.
        return code if sha256(code).digest() == kept[:_DIGEST] else None
    except (OSError, RuntimeError):
        return None


def _is_own(path: Path) -> bool:
    status = path.lstat()
    own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return own and not stat.S_ISLNK(status.st_mode) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _changed(path: Path) -> float:
    return path.stat().st_mtime


def _store(path: Path, code: bytes) -> bytes:
    """Keeps the code for the next time, whole or not at all; where that is not possible, goes on without."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        if not _is_own(path.parent):
            return code
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(sha256(code).digest() + code)
        part.replace(path)
        for old in sorted(path.parent.glob(f"*{path.suffix}"), key=_changed)[:-_KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        part.unlink(missing_ok=True)
    return code
