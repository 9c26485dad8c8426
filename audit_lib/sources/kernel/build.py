"""What numba makes of the kernel: once a version and machine."""

import ctypes

import llvmlite.binding as llvm
from numba import types

from audit_lib.sources.kernel import blocks
from audit_lib.sources.kernel.choice import HELPERS, SYMBOLS
from audit_lib.sources.kernel.entry import entry
from audit_lib.sources.kernel.native import SYMBOL


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
