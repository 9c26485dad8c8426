"""Shows a frame as a table that a person can sort, filter and page through, if one watches."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.report import escape as inert, table as own
from audit_lib.report.table import Table, is_watched

_MOST_BYTES = 1 << 22  # of a table in the browser; beyond it its first rows are shown, and it says so


@dataclass(frozen=True)
class RichTable:
    """A table in the browser. Outside of a front end, and in a saved page, it is the table itself."""

    table: Table
    widget: Any = field(repr=False)

    @property
    def frame(self) -> pd.DataFrame:
        """The data behind it."""
        return self.table.frame

    def _repr_mimebundle_(self, **options: Any) -> Any:
        shown = self.widget._repr_mimebundle_(**options)
        data, *metadata = shown if isinstance(shown, tuple) else (shown,)
        return {**data, **self.table._repr_mimebundle_()}, *(metadata or [{}])


def show(frame: pd.DataFrame, title: str = "", note: str = "", *, rich: bool = False) -> Table | RichTable:
    """The frame as a table; if `rich`, one to sort and filter, if a person watches and itables is there."""
    table = own.show(frame, title, note)
    if rich and is_watched():
        try:
            from itables.widget import ITable  # noqa: PLC0415  an extra
        except ImportError:
            return table
        shown = frame.reset_index(drop=True).apply(_plain)
        # Whatever a log holds is shown as text: `allow_html` would pass it on as markup.
        return RichTable(table, ITable(shown, title, allow_html=False, maxBytes=_MOST_BYTES))
    return table


def _plain(values: "pd.Series[Any]") -> "pd.Series[Any]":
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.map(iso, na_action="ignore").astype("object").fillna("")
    if pd.api.types.is_numeric_dtype(values):
        return values
    return values.astype("object").map(inert.plain, na_action="ignore").fillna("")
