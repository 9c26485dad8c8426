"""The audit of an application's secrets and logins, as notebooks."""

import sys

__version__ = "0.2.0"

# `python -m` looks for modules in the working folder first. That may be the project under audit, whose
# pandas.py must never run. sys.argv says "-m" just while `-m` imports this package.
_IS_OURS = __file__.startswith(f"{sys.path[0]}/audit_lib/") if sys.path else True
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and not _IS_OURS:
    del sys.path[0]

# What libraries import where it is installed, and nothing here uses; together they take two seconds:
# jsonschema a grammar for the format `iri`, pandera its types for dask's frames.
for _unused in ("rfc3987_syntax", "dask.dataframe"):
    sys.modules.setdefault(_unused, None)  # type: ignore[arg-type]
