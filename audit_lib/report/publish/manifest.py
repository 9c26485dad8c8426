"""What was read and what was published, as digests: MANIFEST.json, the same on every machine."""

from collections.abc import Mapping
from typing import Any

from audit_lib.base.clock import iso
from audit_lib.findings.audit import Audit
from audit_lib.report.publish.publication import Publication, digested

SCHEMA = "audit_lib/manifest/1"
_INPUTS = ("source", "kind", "environment", "service", "size_bytes", "sha256", "keyed_digest")


def manifest(review: Publication[Audit], files: Mapping[str, str]) -> dict[str, Any]:
    """The manifest of a review's artefacts, given the SHA-256 of each file but its own.

    A file of values has a keyed digest, since an unkeyed one can be guessed offline; under a throw-away
    key it has none. Of the machine nothing is in it: no path outside the project, no time, no mode.
    """
    audit, planned = review.content, review.plan
    kept = audit.key_origin != "throw-away"
    return {
        "schema": SCHEMA,
        "project": audit.project.name,
        "quarter": str(audit.quarter),
        "as_of": iso(audit.as_of),
        "key": {"key_id": audit.key_id if kept else None, "origin": audit.key_origin},
        "files": dict(files),
        "inputs": digested(audit.tables["sources"], _INPUTS),
        "audit_toml": {"sha256": audit.project.layout_sha256 or None},
        "policy": {"name": audit.policy.name, "sha256": audit.policy.sha256},
        "ledger": dict(audit.ledger_heads),
        "seal": {
            "values": planned.values,
            "forms": planned.forms,
            "runs": planned.runs,
            "artefacts": planned.artefacts,
            "hits": 0,
            "not_searched": list(planned.not_searched),
            "ordinary": planned.ordinary,
        },
    }
