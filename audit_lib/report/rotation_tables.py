"""The rotations of the quarter as a table."""

import pandas as pd

from audit_lib.findings.audit import Audit
from audit_lib.report.table import Tables, show, together


def rotations_tables(audit: Audit) -> Tables:
    """The rotations of the quarter, then those that were left half done."""
    done = audit.tables["rotations"]
    view = done.assign(place=done["environment"] + "/" + done["service"], days=_spans(done))
    view = view.rename(columns={"days": "days from trigger to done"})
    who = ["by", "approved_by", "ticket", "trigger", "days from trigger to done", "proof"]
    view = view[["secret", "place", "after_at", "by_at", *who]]
    note = "Proved: the ledger saw another value before. Claimed: only a record says so."
    return together(
        show(view, "Rotations of the quarter", note, empty="the ledger has none", year=audit.as_of.year),
    )


def _spans(done: pd.DataFrame) -> list[str]:
    """`0.4 to 1.2`; "" if nobody said since when it was due."""
    bounds = zip(done["days_to_done_min"], done["days_to_done_max"], strict=True)
    return ["" if pd.isna(low) else f"{low:g} to {high:g}" for low, high in bounds]
