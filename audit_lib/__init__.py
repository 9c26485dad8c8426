"""The audit of an application's secrets and logins, as notebooks: `open_audit`, `open_incident`, `plot_…`."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.1"

# `python -m` looks for modules in the working folder first. That may be the project under audit, whose
# pandas.py must never run. sys.argv says "-m" just while `-m` imports this package.
_IS_OURS = __file__.startswith(f"{sys.path[0]}/audit_lib/") if sys.path else True
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and not _IS_OURS:
    del sys.path[0]

if TYPE_CHECKING:
    from audit_lib.opening import guard_project as guard, open_audit
    from audit_lib.report.figures import plot_ages, plot_daily

__all__ = ["guard", "open_audit", "plot_ages", "plot_daily"]

# What notebooks use, by its module: imported when it is asked for, so that a command starts at once.
_OFFERED = {
    "open_audit": ("opening", "open_audit"),
    "guard": ("opening", "guard_project"),
    "plot_ages": ("report.figures", "plot_ages"),
    "plot_daily": ("report.figures", "plot_daily"),
}


def __getattr__(name: str) -> Any:
    if name not in _OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _OFFERED[name]
    return getattr(import_module(f"audit_lib.{module}"), attribute)


def __dir__() -> list[str]:
    return [*globals(), *_OFFERED]


if "ipykernel" in sys.modules:  # in a kernel the guard is on from the import
    import_module("audit_lib.opening")
