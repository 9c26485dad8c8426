"""The cells of a check's row in words, for the texts of its findings."""

import re
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from audit_lib.base.in_words import NOT_KNOWN, age_words, instant_words, whole_days

_EVIDENCE_KIND = re.compile(r"^E\d+ ")  # the number of an evidence kind says nothing to a reader
_AGE = ("age_days_min", "age_days_max")
_EXPOSED = ("days_exposed_min", "days_exposed_max")
_DATED = re.compile(
    r" \(overdue if [^)]*\)| Otherwise it is overdue from .*"
)  # differs from secret to secret

# Why an age is not known, as Freshness has it and as a reader does.
REASONS = {
    "straddles": "the limit is within the possible age",
    "conflict": "pieces of evidence contradict each other",
    "reviewed late": "all evidence is later than the date of this review",
    "no evidence": "no evidence of its age",
    "not supplied": "its values were not supplied",
}


def next_step(next_evidence: str) -> str:
    """What would decide an age, without the date that is a secret's own."""
    return _DATED.sub("", next_evidence)


def row_words(row: Mapping[Hashable, Any]) -> dict[str, str]:
    """Each cell by its column, and what is made of several or only said in words, such as `age`."""
    words = {str(column): cell_words(cell, str(column)) for column, cell in row.items()}
    for name, (low, high) in (("age", _AGE), ("exposed", _EXPOSED)):
        if low in row and high in row:
            words[name] = age_words(_number(row[low]), _number(row[high]), " days")
    if "max_age_days" in row and "period_stated" in row:
        words["limit"] = f"{words['max_age_days']} days" + ", the policy's default" * (
            not row["period_stated"]
        )
    if "detection" in row:
        words["detection_name"] = words["detection"].replace("-", " ")
    if "next_evidence" in row:
        words["next_step"] = next_step(words["next_evidence"])
        words["reason_words"] = REASONS.get(words["reason"], words["reason"])
    return words


def cell_words(cell: Any, column: str = "") -> str:
    """One cell: a date without seconds, whole days, `not known` for a null."""
    if pd.isna(cell):
        return NOT_KNOWN
    if isinstance(cell, pd.Timestamp):
        return instant_words(cell.to_pydatetime())
    if isinstance(cell, float):
        return str(whole_days(cell, column))
    return _EVIDENCE_KIND.sub("", str(cell)) if column.endswith("_evidence") else str(cell)


def _number(cell: Any) -> float | None:
    return None if pd.isna(cell) else float(cell)
