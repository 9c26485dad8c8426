"""What was detected, for readers: incidents with the gravest first, then what was not found or not said."""

from typing import Protocol

import pandas as pd

from audit_lib.base.contracts import SEVERITIES
from audit_lib.report.table import Table, Tables, show, together

MOST_ROWS = 20
MOST_PLACES = 3


class Searched(Protocol):
    """An audit or an incident: what has `detections`, by the contract Detections."""

    @property
    def detections(self) -> pd.DataFrame:
        """The frame."""


def detections_tables(searched: Searched, rest: str = "report.json") -> Tables:
    """What was detected, and what was not or cannot be said; `rest` is the file that holds every row."""
    return together(detections_table(searched, rest), not_detected_table(searched))


def detections_table(searched: Searched, rest: str = "report.json") -> Table:
    """The incidents that were detected, the gravest first; those beyond twenty are counted."""
    found = searched.detections[searched.detections["verdict"].eq("found")]
    rank = found["severity"].map({severity: -place for place, severity in enumerate(SEVERITIES)})
    rows = found.assign(_rank=rank).sort_values(["_rank", "first_at", "detection", "subject"], kind="stable")
    view = pd.DataFrame(
        {
            "severity": rows["severity"],
            "detection": rows["detection"],
            "subject": rows["subject"],
            "what": rows["classification"],
            "count": rows["count"],
            "first_at": rows["first_at"],
            "last_at": rows["last_at"],
            "found in": rows["evidence"].map(_few),
        }
    )
    left = len(view) - MOST_ROWS
    note = f"{left} more are in {rest}" if left > 0 else ""
    return show(view.head(MOST_ROWS), "Detected in the logs", note, empty="no detection found anything")


def not_detected_table(searched: Searched) -> Table:
    """What was looked for and not found, and what the logs do not allow to say, by its reason."""
    rest = searched.detections[searched.detections["verdict"].ne("found")]
    groups = rest.groupby(["verdict", "reason"], sort=False)["detection"].agg(", ".join).reset_index()
    view = groups.sort_values("verdict", ascending=False, kind="stable")[["verdict", "detection", "reason"]]
    note = "The policy states what each detection is and where it comes from: [detections]"
    return show(view.reset_index(drop=True), "Not found, or not to be said", note)


def _few(evidence: str) -> str:
    places = evidence.split("; ")
    rest = f"; and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    return "; ".join(places[:MOST_PLACES]) + rest
