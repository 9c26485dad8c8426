"""What a snapshot records: fingerprints with their verdicts, which places were read whole, and pairings."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.ledger import Draft, Entry

KINDS_LEFT_OUT = ("setting",)
PAIR = (
    "secret", "environment", "service", "other_secret", "other_environment", "other_service", "component",
    "relation", "expected", "why",
)  # fmt: skip


def snapshot_draft(inventory: pd.DataFrame, sources: pd.DataFrame, drift: pd.DataFrame) -> Draft:
    """The entry that a snapshot appends; no value is in it, and of settings nothing."""
    read = sources[
        sources["kind"].isin(("env file", "given values")) & sources["state"].isin(("read", "empty"))
    ]
    written = {(row.source, row.environment): row.modified_at for row in rows(read)}
    secrets = [
        _secret(row, written.get((row.source, row.environment)))
        for row in rows(inventory)
        if row.kind not in KINDS_LEFT_OUT and row.state != "not supplied"
    ]
    places = [
        {
            "environment": row.environment,
            "service": row.service,
            "source": row.source,
            "complete": not row.not_understood,
        }
        for row in rows(read)
    ]
    pairs = [{name: getattr(row, name) for name in PAIR} for row in rows(drift[drift["expected"] != "any"])]
    return Draft("snapshot", {"places": places, "secrets": secrets, "pairs": pairs})


def lacking(draft: Draft, before: Entry | None) -> list[str]:
    """The places (`production/backend`) of which an earlier snapshot saw values and this one sees none."""
    seen = _places_with_values(before.body) if before else set()
    return sorted(
        f"{environment}/{service}" for environment, service in seen - _places_with_values(draft.body)
    )


def _places_with_values(body: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Environment and service; a second value in one place, of `SERVICE (FILE)`, is of that place."""
    present = [row for row in body["secrets"] if row["fingerprint"] is not None]
    return {(row["environment"], row["service"].partition(" (")[0]) for row in present}


def _secret(row: Any, written: Any) -> dict[str, Any]:
    return {
        "secret": row.secret,
        "variable": row.variable,
        "environment": row.environment,
        "service": row.service,
        "component": row.component,
        "source": row.source,
        "loader": row.loader,
        "state": row.state,
        "fingerprint": row.fingerprint if row.state == "present" else None,
        "placeholder": _truth(row.placeholder),
        "format_ok": _truth(row.format_ok),
        "length": row.length,
        "modified_at": iso(written) if written is not None and row.origin == "env file" else None,
    }


def _truth(value: Any) -> bool | None:
    return None if value is None else bool(value)
