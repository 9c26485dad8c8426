"""Loads a compiled function; numba compiles it once a machine and version, which takes some seconds.

What numba made is kept as an object file. It loads without numba, whose import takes longer than reading two
million lines.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import cast

from audit_lib.base.compiled.own_cache import kept_or_made, kept_path, recall_own

try:
    import llvmlite.binding as llvm
except ImportError:  # a machine that numba has no wheel for: its first use is then NotCompiled
    llvm = None

Entry = Callable[[int, int], int]
_LOADED: set["Kernel"] = set()  # of this process


class NotCompiled(Exception):
    """A function cannot be compiled on this machine; the text says why."""


@dataclass(frozen=True)
class Kernel:
    """A module whose function `entry` is to be compiled; the module is imported for that alone."""

    name: str  # as the one who waits for it is told
    module: str
    sources: tuple[Path, ...]  # of all that it is compiled from, beside this folder

    @property
    def symbol(self) -> str:
        """The name of the function in its object file."""
        return f"audit_lib_{self.name.replace(' ', '_')}"


@cache
def load_entry(kernel: Kernel) -> Entry:
    """The compiled entry: takes two addresses or numbers. Threads may call it together.

    Raises `NotCompiled` if LLVM or numba do not know the machine, whatever they raise themselves.
    """
    if llvm is None:
        raise NotCompiled("numba is not installed")
    if _in_python():
        return cast(Entry, import_module(kernel.module).entry)
    try:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=3,
            codemodel="jitdefault",
            jit=True,
        )
        entry = _callable(kernel, machine, kept_or_made(_path(kernel), lambda: _compiled(kernel, machine)))
    except Exception as error:
        raise NotCompiled(type(error).__name__) from error
    _LOADED.add(kernel)
    return entry


def is_at_hand(kernel: Kernel) -> bool:
    """Whether the kernel need not be compiled first: it is loaded, or lies ready."""
    try:
        return _in_python() or kernel in _LOADED or recall_own(_path(kernel)) is not None
    except Exception:  # a machine that LLVM does not know: `load_entry` says so when it is needed
        return False


def _in_python() -> bool:
    """Whether the kernel is to run in Python, for a debugger."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") != "0"


def _callable(kernel: Kernel, machine: "llvm.TargetMachine", code: bytes) -> Entry:
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    # numba's own calling convention: a place for the result, one for an exception, then the arguments.
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    function = ctypes.CFUNCTYPE(ctypes.c_int32, pointer, pointer, number, number)(
        engine.get_function_address(kernel.symbol)
    )

    def entry(first: int, second: int) -> int:
        result, exception = ctypes.c_int64(), ctypes.c_void_p()
        status = function(ctypes.addressof(result), ctypes.addressof(exception), first, second)
        if status:
            raise RuntimeError(f"the compiled {kernel.name} failed")
        return result.value

    vars(entry)["engine"] = engine  # what is compiled lives as long as the engine
    return entry


def _compiled(kernel: Kernel, machine: "llvm.TargetMachine") -> bytes:
    """The kernel as an object file."""
    if sys.stderr.isatty():
        print(f"compiling the {kernel.name}, once for this machine and version…", file=sys.stderr)
    import numba  # noqa: PLC0415  slow to import, and seldom needed

    # Each function by itself is not worth optimizing: a third of the time, for what is done below for all.
    numba.config.OPT = type(numba.config.OPT)(0)  # type: ignore[attr-defined]
    entry = import_module(kernel.module).entry
    entry.compile((numba.int64, numba.int64))
    ((signature, compiled),) = entry.overloads.items()
    text = entry.inspect_llvm(signature).replace(compiled.fndesc.llvm_func_name, kernel.symbol)
    module = llvm.parse_assembly(text.replace("define linkonce_odr", "define internal"))
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    return bytes(machine.emit_object(module))


def _path(kernel: Kernel) -> Path:
    """Where the code for these sources, versions and this processor lies."""
    features = llvm.get_host_cpu_features().flatten()
    machine = f"{llvm.get_default_triple()} {llvm.get_host_cpu_name()} {features}"
    return kept_path(f"{kernel.symbol} {machine}", ".o", kernel.sources)
