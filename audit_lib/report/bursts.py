"""The days on which many were refused at once, each named by what was detected on it."""

from typing import Any

import pandas as pd

from audit_lib.base.contracts import rows
from audit_lib.findings.audit import Audit
from audit_lib.findings.checks.detections import GRAVE
from audit_lib.report.days_of_quarter import days, refused_in

# What a detection of many refusals says of a day, the most telling first.
WORDS = {
    "A10": "everyone at once",
    "A12": "one address, to the rate limit",
    "A11": "after an unrecorded change",
    "A9": "after a change",
    "A5": "many addresses",
    "A1": "within a short time",
    "A2": "one network, slowly",
    "A6": "many routes",
    "A13": "at an unusual hour",
}
COLUMNS = ["day", "refused", "what", "detection"]


def bursts(audit: Audit) -> pd.DataFrame:
    """One row for each day of a grave detection: day, `refused` on it, in words what was seen."""
    table = days(audit).set_index("day")
    refused = refused_in(table)
    found = audit.tables["detections"]
    grave = found["verdict"].eq("found") & found["severity"].isin(GRAVE) & found["first_at"].notna()
    told = found[grave & found["detection"].isin(WORDS)]
    named: dict[str, Any] = {}
    for row in sorted(rows(told), key=lambda row: (list(WORDS).index(row.detection), row.first_at)):
        day = f"{row.first_at:%Y-%m-%d}"
        if refused.get(day, 0):
            named.setdefault(day, row)
    found_on = [(day, refused[day], _what(row, found), row.detection) for day, row in sorted(named.items())]
    return pd.DataFrame(found_on, columns=COLUMNS).astype({"refused": "int64"})


def _what(row: Any, found: pd.DataFrame) -> str:
    """`one address, within a short time`; after a deploy if one was seen on that day."""
    words = WORDS[row.detection]
    if row.detection == "A1" and row.subject != "all sources":
        return f"one address, {words}"
    deployed = found["detection"].eq("A9") & found["subject"].eq("deploy") & found["verdict"].eq("found")
    same = found["first_at"].map(
        lambda at: not pd.isna(at) and f"{at:%Y-%m-%d}" == f"{row.first_at:%Y-%m-%d}"
    )
    return f"{words}, after a deploy" if row.detection == "A10" and (deployed & same).any() else words
