"""Loads the compiled kernel; numba compiles it once a machine and version, which takes some seconds.

What numba made is kept as an object file. It loads without numba, whose import takes longer than reading two
million lines.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import cast

from audit_lib.logs.kernel.own_cache import kept_or_made, kept_path, recall_own

try:
    import llvmlite.binding as llvm
except ImportError:  # a machine that numba has no wheel for: its first use is then NotCompiled
    llvm = None

Entry = Callable[[int, int], int]
_SYMBOL = "audit_lib_log_kernel"


class NotCompiled(Exception):
    """The kernel cannot be had on this machine; the text says why."""


@cache
def load_entry() -> Entry:
    """The compiled entry: takes the address of a frame and a task. Threads may call it together.

    Raises `NotCompiled` if LLVM or numba do not know the machine, whatever they raise themselves.
    """
    if llvm is None:
        raise NotCompiled("numba is not installed")
    if _in_python():
        from audit_lib.logs.kernel.scan import entry  # noqa: PLC0415  imports numba

        return cast(Entry, entry)
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
        return _callable(machine, kept_or_made(_path(), lambda: _compiled(machine)))
    except Exception as error:
        raise NotCompiled(type(error).__name__) from error


def is_at_hand() -> bool:
    """Whether the kernel need not be compiled first: it is loaded, or lies ready."""
    try:
        return _in_python() or load_entry.cache_info().currsize > 0 or recall_own(_path()) is not None
    except Exception:  # a machine that LLVM does not know: `load_entry` says so when it is needed
        return False


def _in_python() -> bool:
    """Whether the kernel is to run in Python, for a debugger."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") != "0"


def _callable(machine: "llvm.TargetMachine", code: bytes) -> Entry:
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    # numba's own calling convention: a place for the result, one for an exception, then the arguments.
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    function = ctypes.CFUNCTYPE(ctypes.c_int32, pointer, pointer, number, number)(
        engine.get_function_address(_SYMBOL)
    )

    def entry(frame: int, task: int) -> int:
        result, exception = ctypes.c_int64(), ctypes.c_void_p()
        status = function(ctypes.addressof(result), ctypes.addressof(exception), frame, task)
        if status:
            raise RuntimeError("the log kernel failed")
        return result.value

    vars(entry)["engine"] = engine  # what is compiled lives as long as the engine
    return entry


def _compiled(machine: "llvm.TargetMachine") -> bytes:
    """The kernel as an object file."""
    if sys.stderr.isatty():
        print("compiling the log reader, once for this machine and version…", file=sys.stderr)
    import numba  # noqa: PLC0415  slow to import, and seldom needed

    # Each function by itself is not worth optimizing: a third of the time, for what is done below for all.
    numba.config.OPT = type(numba.config.OPT)(0)  # type: ignore[attr-defined]
    from audit_lib.logs.kernel.scan import entry  # noqa: PLC0415

    entry.compile((numba.int64, numba.int64))
    ((signature, compiled),) = entry.overloads.items()
    text = entry.inspect_llvm(signature).replace(compiled.fndesc.llvm_func_name, _SYMBOL)
    module = llvm.parse_assembly(text.replace("define linkonce_odr", "define internal"))
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    return bytes(machine.emit_object(module))


def _path() -> Path:
    """Where the code for these sources, versions and this processor lies."""
    features = llvm.get_host_cpu_features().flatten()
    machine = f"{llvm.get_default_triple()} {llvm.get_host_cpu_name()} {features}"
    return kept_path(machine, ".o")
