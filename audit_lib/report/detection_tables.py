"""What was detected, for readers: incidents with the gravest first, then what was not found or not said."""

import pandas as pd

from audit_lib.audit import Audit
from audit_lib.base.severities import SEVERITIES
from audit_lib.report.table import Table, Tables, show, together

MOST_ROWS = 20
MOST_PLACES = 3


def detections_tables(audit: Audit) -> Tables:
    """What was detected in the quarter, and what was not or cannot be said."""
    return detected_and_not(audit.tables["detections"], "report.json")


def detected_and_not(detections: pd.DataFrame, rest: str) -> Tables:
    """`Detections` as two tables; `rest` is the file that holds every row."""
    return together(_detected(detections, rest), _not_detected(detections))


def _detected(detections: pd.DataFrame, rest: str) -> Table:
    """The incidents that were detected, the gravest first; those beyond twenty are counted."""
    found = detections[detections["verdict"].eq("found")]
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


def _not_detected(detections: pd.DataFrame) -> Table:
    """What was looked for and not found, and what the logs do not allow to say, by its reason."""
    rest = detections[detections["verdict"].ne("found")]
    groups = rest.groupby(["verdict", "reason"], sort=False)["detection"].agg(", ".join).reset_index()
    view = groups.sort_values("verdict", ascending=False, kind="stable")[["verdict", "detection", "reason"]]
    note = "The policy states what each detection is and where it comes from: [detections]"
    return show(view.reset_index(drop=True), "Not found, or not to be said", note)


def _few(evidence: str) -> str:
    places = evidence.split("; ")
    rest = f"; and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    return "; ".join(places[:MOST_PLACES]) + rest
