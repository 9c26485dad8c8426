"""The audit of an application's secrets and logins, as notebooks."""

import sys

__version__ = "0.2.1"

# `python -m` looks for modules in the working folder first. That may be the project under audit, whose
# pandas.py must never run. sys.argv says "-m" just while `-m` imports this package.
_IS_OURS = __file__.startswith(f"{sys.path[0]}/audit_lib/") if sys.path else True
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and not _IS_OURS:
    del sys.path[0]
