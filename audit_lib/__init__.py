"""The audit of an application's secrets and logins, as notebooks."""

import sys

__version__ = "0.1.0"

# What libraries import where it is installed, and nothing here uses; together they take two seconds:
# jsonschema a grammar for the format `iri`, pandera its types for dask's frames.
for _unused in ("rfc3987_syntax", "dask.dataframe"):
    sys.modules.setdefault(_unused, None)  # type: ignore[arg-type]
