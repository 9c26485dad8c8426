"""Links what numba made of the kernel with the machine code of formats, as one program."""

import llvmlite.binding as llvm

from audit_lib.sources.kernel.choice import SYMBOLS
from audit_lib.sources.kernel.code import code_of
from audit_lib.sources.kernel.native import SYMBOL
from audit_lib.sources.kernel.steps import Reading


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
