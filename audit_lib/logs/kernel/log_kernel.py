"""The log reader as a function to compile: where it is, and all that it is compiled from."""

from pathlib import Path

from audit_lib.base.compiled.load_code import Kernel

_HERE = Path(__file__).parent
_CONSTANTS = ("templates.py", "units.py")  # beside the kernel
SOURCES = (*sorted(_HERE.glob("*.py")), *(_HERE.parent / name for name in _CONSTANTS))
LOG_KERNEL = Kernel("log reader", "audit_lib.logs.kernel.scan", SOURCES)
