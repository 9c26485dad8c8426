"""The cells of a check's row in words, for the texts of its findings."""

import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import pandas as pd

from audit_lib.base.in_words import NOT_KNOWN, age_words, instant_words, whole_days
from audit_lib.logins.detections.names import detection_name

_EVIDENCE_KIND = re.compile(r"^E\d+ ")  # the number of an evidence kind says nothing to a reader
_LISTED = 60
_AGE = ("age_days_min", "age_days_max")
_EXPOSED = ("days_exposed_min", "days_exposed_max")


def row_words(row: Mapping[Hashable, Any]) -> dict[str, str]:
    """Each cell by its column, and `age`, `exposed` and `detection_name` if the row has what they need."""
    words = {str(column): cell_words(cell, str(column)) for column, cell in row.items()}
    for name, (low, high) in (("age", _AGE), ("exposed", _EXPOSED)):
        if low in row and high in row:
            words[name] = age_words(_number(row[low]), _number(row[high]), " days")
    if "detection" in row:
        words["detection_name"] = detection_name(words["detection"])
    return words


def listed(names: Iterable[str]) -> str:
    """How many different names there are, and the first of them."""
    each = list(dict.fromkeys(names))
    more = f" and {len(each) - _LISTED} more" if len(each) > _LISTED else ""
    return f"({len(each)}): {', '.join(each[:_LISTED])}{more}"


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
