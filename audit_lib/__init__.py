"""The audit of an application's secrets and logins, as notebooks: `open_audit`, `open_incident`, `plot_…`."""

import sys

__version__ = "0.2.1"

# `python -m` looks for modules in the working folder first. That may be the project under audit, whose
# pandas.py must never run, nor its typing.py: nothing is imported before this. sys.argv says "-m" just
# while `-m` imports this package.
_IS_OURS = __file__.startswith(f"{sys.path[0]}/audit_lib/") if sys.path else True
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and not _IS_OURS:
    del sys.path[0]

import atexit  # noqa: E402
import gc  # noqa: E402
from importlib import import_module  # noqa: E402
from typing import Any  # noqa: E402

# By name its module: imported when it is asked for, so that a command starts at once.
_MODULES = {"open_audit": "audit", "open_incident": "investigation", "pick": "incident.look"}
_MODULES |= {"guard": "report.notebook", "plot_ages": "report.figures", "plot_daily": "report.figures"}
__all__ = ["guard", "open_audit", "open_incident", "pick", "plot_ages", "plot_daily"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"audit_lib.{_MODULES[name]}"), name)


if "ipykernel" in sys.modules:  # in a kernel the guard is on from the import
    gc.set_threshold(100_000)  # as in a command
    atexit.register(gc.freeze)
    import_module("audit_lib.report.notebook").prepare_kernel()
