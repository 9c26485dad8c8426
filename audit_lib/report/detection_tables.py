"""What was detected, for readers: the most severe first, then what was not found and what is not known."""

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.audit import Audit
from audit_lib.logins.detections.names import detection_name
from audit_lib.report.table import Table, Tables, show, together

MOST_ROWS = 20
MOST_PLACES = 3


def detections_tables(audit: Audit) -> Tables:
    """What was detected in the quarter, what was not, and what is not known."""
    return detected_and_not(audit.tables["detections"], "report.json", audit.as_of.year)


def detected_and_not(detections: pd.DataFrame, rest: str, year: int = 0) -> Tables:
    """`Detections` as two tables; `rest` is the file with every row. `year` is left out."""
    return together(_detected(detections, rest, year), _not_detected(detections))


def _detected(detections: pd.DataFrame, rest: str, year: int) -> Table:
    """The incidents that were detected, the most severe first; those beyond twenty are counted."""
    found = detections[detections["verdict"].eq("found")]
    rank = found["severity"].map({severity: -place for place, severity in enumerate(SEVERITIES)})
    rows = found.assign(_rank=rank).sort_values(["_rank", "first_at", "detection", "subject"], kind="stable")
    view = rows.assign(
        detection=rows["detection"].map(detection_name),
        what=rows["classification"],
        lines=rows["evidence"].map(_few),
    )
    view = view[["severity", "detection", "subject", "what", "count", "first_at", "last_at", "lines"]]
    left = len(view) - MOST_ROWS
    note = f"{counted(left, 'more row')} in {rest}" if left > 0 else ""
    shown, title, empty = view.head(MOST_ROWS), "Detected in the logs", "nothing was detected"
    return show(shown, title, note, empty, year=year, whole=rows)


def _not_detected(detections: pd.DataFrame) -> Table:
    """What was looked for and not found, and what is not known, by its reason."""
    rest = detections[detections["verdict"].ne("found")]
    named = rest.assign(detection=rest["detection"].map(detection_name))
    groups = named.groupby(["verdict", "reason"], sort=False)["detection"].agg(", ".join).reset_index()
    view = groups.sort_values("verdict", ascending=False, kind="stable")[["verdict", "detection", "reason"]]
    note = "The policy defines each detection and names its source: [detections]"
    return show(view.reset_index(drop=True), "Not found, or not known", note)


def _few(evidence: str) -> str:
    places = evidence.split("; ")
    rest = f"; {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    return "; ".join(places[:MOST_PLACES]) + rest
