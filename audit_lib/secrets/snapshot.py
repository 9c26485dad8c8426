"""What a snapshot records: fingerprints with their verdicts, which places were read whole, and pairings."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.ledger import Draft, Entry

_PAIR = (
    "secret", "environment", "service", "other_secret", "other_environment", "other_service", "component",
    "relation", "expected", "why",
)  # fmt: skip
_SAME = ("secret", "variable", "environment", "service", "component", "source", "loader", "state", "length")


def snapshot_draft(inventory: pd.DataFrame, sources: pd.DataFrame, drift: pd.DataFrame) -> Draft:
    """The entry that a snapshot appends; no value is in it, and of settings nothing."""
    whole = sources["kind"].isin(("env file", "given values")) & sources["state"].isin(("read", "empty"))
    read = list(rows(sources[whole]))
    written = {(row.source, row.environment): row.modified_at for row in read}
    kept = inventory[inventory["kind"].ne("setting") & inventory["state"].ne("not supplied")]
    places = [
        {
            "environment": row.environment,
            "service": row.service,
            "source": row.source,
            "complete": not row.not_understood,
        }
        for row in read
    ]
    secrets = [_secret(row, written.get((row.source, row.environment))) for row in rows(kept)]
    pairs = [{name: getattr(row, name) for name in _PAIR} for row in rows(drift[drift["expected"] != "any"])]
    return Draft("snapshot", {"places": places, "secrets": secrets, "pairs": pairs})


def lacking(draft: Draft, before: Entry | None) -> list[str]:
    """The places (`production/backend`) of which an earlier snapshot saw values and this one sees none."""
    seen = _places_with_values(before.body) if before else set()
    return sorted("/".join(place) for place in seen - _places_with_values(draft.body))


def _places_with_values(body: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Environment and service; a second value in one place, of `SERVICE (FILE)`, is of that place."""
    present = [row for row in body["secrets"] if row["fingerprint"] is not None]
    return {(row["environment"], row["service"].partition(" (")[0]) for row in present}


def _secret(row: Any, written: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _SAME} | {
        "fingerprint": row.fingerprint if row.state == "present" else None,
        "placeholder": row.placeholder,
        "format_ok": row.format_ok,
        "modified_at": iso(written) if written is not None and row.origin == "env file" else None,
    }
