"""What numba makes of the kernel: once a version and machine."""

import ctypes

import llvmlite.binding as llvm
from numba import types

from audit_lib.logs.kernel import find_block as blocks
from audit_lib.logs.kernel.entry import entry
from audit_lib.logs.kernel.ir_choice import HELPERS, SYMBOLS
from audit_lib.logs.kernel.ir_phases import code_of
from audit_lib.logs.kernel.match_steps import Reading
from audit_lib.logs.kernel.shared_arrays import SYMBOL


def machine_code(machine: llvm.TargetMachine, kernel: bytes, reading: Reading) -> bytes:
    """The kernel with the functions of the formats, as an object file."""
    module = llvm.parse_bitcode(kernel)
    module.link_in(llvm.parse_assembly(code_of(reading, SYMBOLS)))
    # Each function was compiled for any caller; as parts of one program they can become one another's.
    for function in module.functions:
        if not function.is_declaration and function.name != SYMBOL:
            function.linkage = "internal"
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    return bytes(machine.emit_object(module))


def kernel_code() -> bytes:
    """What numba makes of the kernel, as LLVM's bitcode; it calls the functions of the formats by name."""
    # numba wants every name to lead somewhere, even in what is not run here.
    nowhere = ctypes.CFUNCTYPE(None)(lambda: None)
    for function in (*blocks.CHOICES, blocks.shows_anywhere):
        llvm.add_symbol(function.symbol, ctypes.cast(nowhere, ctypes.c_void_p).value)
    compiled = [
        (SYMBOL, entry, 2),
        *((SYMBOLS[name], blocks.HELPERS[name], HELPERS[name]) for name in HELPERS),
    ]
    names, texts = {}, []
    for symbol, function, arguments in compiled:
        function.compile((types.int64,) * arguments)
        ((signature, overload),) = function.overloads.items()
        names[overload.fndesc.llvm_func_name] = symbol
        texts.append(function.inspect_llvm(signature))
    module = llvm.parse_assembly(_renamed(texts[0], names))
    for text in texts[1:]:
        module.link_in(llvm.parse_assembly(_renamed(text, names)))
    return bytes(module.as_bitcode())


def _renamed(text: str, names: dict[str, str]) -> str:
    for mangled, symbol in names.items():
        text = text.replace(mangled, symbol)
    return text
