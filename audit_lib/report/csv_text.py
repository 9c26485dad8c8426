"""Writes findings.csv and exceptions.csv, which a spreadsheet can open without running anything."""

import csv
import io
import numbers
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.report import escape as inert


def to_csv(frame: pd.DataFrame) -> str:
    """The frame as CSV: a header, its own order, numbers bare, texts quoted and inert, LF line ends."""
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(frame.columns)
    for row in frame.itertuples(index=False):
        writer.writerow([_cell(value) for value in row])
    return written.getvalue()


def _cell(value: Any) -> Any:
    if pd.isna(value):
        return ""
    if isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_):
        return value
    return inert.csv_cell(iso(value) if isinstance(value, pd.Timestamp) else value)
