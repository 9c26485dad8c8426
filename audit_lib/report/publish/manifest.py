"""What was read and what was published, as digests: MANIFEST.json, the same on every machine."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.audit import Audit
from audit_lib.base.clock import iso
from audit_lib.report.publish.atomic_folder import MANIFEST
from audit_lib.report.publish.seal import SealPlan

SCHEMA = "audit_lib/manifest/1"


def manifest(audit: Audit, folder: Path, planned: SealPlan) -> dict[str, Any]:
    """The manifest of the artefacts in a folder, itself left out.

    A file of values has a keyed digest, since an unkeyed one can be guessed offline; under a throw-away
    key it has none. Of the machine nothing is in it: no path outside the project, no time, no mode.
    """
    kept = audit.key_origin != "throw-away"
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {
        "schema": SCHEMA,
        "project": audit.project.name,
        "quarter": str(audit.quarter),
        "as_of": iso(audit.as_of),
        "key": {"key_id": audit.key_id if kept else None, "origin": audit.key_origin},
        "files": {
            name: sha256((folder / name).read_bytes()).hexdigest() for name in names if name != MANIFEST
        },
        "inputs": _inputs(audit.sources),
        "policy": {"name": audit.policy.name, "sha256": audit.policy.sha256},
        "ledger": dict(audit.ledger_heads),
        "seal": {
            "values": planned.values,
            "forms": planned.forms,
            "runs": planned.runs,
            "artefacts": planned.artefacts,
            "hits": 0,
            "not_searched": list(planned.not_searched),
        },
    }


def _inputs(sources: pd.DataFrame) -> list[dict[str, Any]]:
    """One entry for each source that was read, in the order of the frame."""
    read = sources[sources["state"] == "read"]
    columns = ["source", "kind", "environment", "service", "size_bytes", "sha256", "keyed_digest"]
    rows = read[columns].astype(object).where(read[columns].notna(), None)
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def to_json(content: dict[str, Any]) -> str:
    """The bytes of MANIFEST.json."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
