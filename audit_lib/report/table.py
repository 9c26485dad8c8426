"""Shows a frame as a table of our own, as text and as HTML from the same cells.

Neither Styler nor `DataFrame.to_html` is used: the one does not escape, the other fixes the alignment of
headers (docs/design.md#rendering). The rows keep the order of the frame.
"""

import math
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from IPython.core.getipython import get_ipython

from audit_lib.base.in_words import instant_words, whole_days
from audit_lib.report import escape as inert
from audit_lib.report.colours import word_style
from audit_lib.report.columns import Column, anchor, column, html_cell, status_words

TEXT_WIDTH = 128
MOST_TEXTS = 3  # columns of text that fit side by side on a narrow page
_NARROWEST, _LONGEST_WORD = 8, 28


@dataclass(frozen=True)
class Table:
    """A table to be displayed last in a cell; `rows` hold the cells as inert text."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    empty: str = "none"
    kind: str = ""  # further classes for the page's style
    fold: str = ""  # the line under which the page folds it away; "" shows it
    ids: tuple[str, ...] = ()  # of the rows, to link to; none if it is empty
    frame: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False, repr=False)  # the data behind it

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": as_text(self), "text/html": as_html(self)}


@dataclass(frozen=True)
class Tables:
    """Tables that answer one question together; `brief` says on one line what is in them."""

    tables: tuple[Table, ...]
    brief: str = ""

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """The data behind each table, by its title."""
        return {table.title: table.frame for table in self.tables}

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        texts = [*filter(None, [self.brief]), *(as_text(table) for table in self.tables)]
        data = {
            "text/plain": "\n\n".join(texts),
            "text/html": "\n".join(as_html(table) for table in self.tables),
        }
        return data, {"text/html": {"brief": self.brief}}


def together(*parts: Table | Tables, brief: str = "") -> Tables:
    """The tables as one output, in the order given; `brief` is the line of the section that folds them."""
    tables = [part.tables if isinstance(part, Tables) else (part,) for part in parts]
    return Tables(tuple(table for several in tables for table in several), inert.plain(brief))


def show(  # noqa: PLR0917  all but the frame by name
    frame: pd.DataFrame,
    title: str = "",
    note: str = "",
    empty: str = "none",
    kind: str = "",
    year: int = 0,
    fold: str = "",
    ids: Sequence[str] = (),
    whole: pd.DataFrame | None = None,
) -> Table:
    """The frame as a table. `empty` are the words if there is no row, `note` a line below it, `fold` the line
    under which a page folds it away, `ids` what its rows are linked by, `whole` the data behind it if the
    frame is that in words, or its first rows.

    Instants of `year`, the reader's, are shown without it.
    """
    columns = _utc_once([column(str(name), _is_number(frame[name])) for name in frame])
    cells = [
        [cell(value, column, str(name), year) for value in scalars(frame[name])]
        for name, column in zip(frame, columns, strict=True)
    ]
    rows = tuple(zip(*cells, strict=True)) if len(frame) else ()
    said = [inert.plain(text) for text in (title, note, empty, fold)]
    behind = frame if whole is None else whole
    return Table(said[0], columns, rows, said[1], said[2], kind, said[3], tuple(ids), behind)


def _is_number(values: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _utc_once(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns with "(UTC)" in the first heading alone that has it."""
    named = [place for place, column in enumerate(columns) if column.heading.endswith(" (UTC)")]
    return tuple(
        replace(column, heading=column.heading.removesuffix(" (UTC)")) if place in named[1:] else column
        for place, column in enumerate(columns)
    )


def scalars(column: "pd.Series[Any]") -> list[Any]:
    """The values of a column as Python's own, never numpy's, which neither serialise nor pass for a truth."""
    return [value.item() if isinstance(value, np.generic) else value for value in column]


def cell(value: object, column: Column, name: str = "", year: int = 0) -> str:
    """One value in words; rounding an age never claims more than is known."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return column.null
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return instant_words(value, year)
    if isinstance(value, float):
        return str(whole_days(value, name)) if name.endswith(("_min", "_max")) else f"{value:.1f}"
    return inert.plain(status_words(value) if column.word and isinstance(value, str) else value)


def as_html(table: Table) -> str:
    """The table as HTML, below its fold if it has one."""
    if not table.fold:
        return _html_table(table)
    summary = f"<summary>{inert.html(table.fold)}</summary>"
    return f'<details class="fold">{summary}\n{_html_table(table)}</details>'


def _html_table(table: Table) -> str:
    """Sides are in each cell's style, which JupyterLab keeps, colours in classes."""
    caption = f"<caption>{inert.html(table.title)}</caption>" if table.title else ""
    note = f'<p class="note">{inert.html(table.note)}</p>' if table.note else ""
    if not table.rows:
        title = f"<strong>{inert.html(table.title)}:</strong> " if table.title else ""
        return f'<p class="empty">{title}{inert.html(table.empty)}</p>{note}'
    heads = "".join(
        f'<th scope="col" style="text-align:{column.side}">{inert.html(column.heading)}</th>'
        for column in table.columns
    )
    # On a phone a table of sentences, or of many texts, reads as cards; one of numbers is scrolled.
    sentences = len(table.columns) > 3 and any(len(text) > 40 for row in table.rows for text in row)
    texts = sum(not column.numeric for column in table.columns)
    wide = sentences or texts > MOST_TEXTS
    body = "\n".join(
        f"<tr{mark}>{_html_row(row, table.columns, wide)}</tr>"
        for mark, row in zip(_marks(table), table.rows, strict=True)
    )
    kind = " ".join(filter(None, ("audit", "wide" if wide else "", table.kind)))
    note = word_style() + note if any(column.word for column in table.columns) and is_watched() else note
    head = f"{caption}\n<thead><tr>{heads}</tr></thead>"
    return f'<table class="{kind}">{head}\n<tbody>\n{body}\n</tbody></table>{note}'


def _marks(table: Table) -> list[str]:
    """The attribute of each row that a link leads to."""
    return [f' id="{anchor(id_)}"' if id_ else "" for id_ in table.ids] or [""] * len(table.rows)


def _html_row(row: Sequence[str], columns: Sequence[Column], labelled: bool) -> str:
    labels = [f' data-label="{inert.html(column.heading)}"' if labelled else "" for column in columns]
    opened = [
        f'<td{label} style="text-align:{column.side}">' for label, column in zip(labels, columns, strict=True)
    ]
    cells = [html_cell(text, column) for text, column in zip(row, columns, strict=True)]
    return "".join(f"{tag}{text}</td>" for tag, text in zip(opened, cells, strict=True))


def as_text(table: Table) -> str:
    """The table as text within `TEXT_WIDTH` columns, long cells wrapped."""
    head = [table.title] if table.title else []
    foot = textwrap.wrap(table.note, TEXT_WIDTH) if table.note else []
    if not table.rows:
        return "\n".join([*head, table.empty, *foot])
    headings = tuple(column.heading for column in table.columns)
    widths = column_widths(table)
    rule = "  ".join("-" * width for width in widths)
    lines = [line for row in table.rows for line in _text_row(row, widths, table.columns)]
    return "\n".join([*head, *_text_row(headings, widths, table.columns), rule, *lines, *foot])


def column_widths(table: Table) -> list[int]:
    """The width of each column: what it needs, the widest ones narrowed, words whole as long as may be."""
    headings = [column.heading for column in table.columns]
    columns = list(zip(headings, *table.rows, strict=True))
    widths = [max(1, *(_width(text) for text in column)) for column in columns]
    words = [max(1, *(_width(word) for text in column for word in text.split())) for column in columns]
    room = TEXT_WIDTH - 2 * (len(widths) - 1)
    for least in (words, [_NARROWEST] * len(words)):
        while sum(widths) > room:
            spare, widest = max(
                (width - min(low, _LONGEST_WORD), place)
                for place, (width, low) in enumerate(zip(widths, least, strict=True))
            )
            if spare <= 0:
                break
            widths[widest] -= 1
    return widths


def _text_row(row: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> list[str]:
    wrapped = [_wrap(text, width) for text, width in zip(row, widths, strict=True)]
    height = max(len(lines) for lines in wrapped)
    filled = [lines + [""] * (height - len(lines)) for lines in wrapped]
    return ["  ".join(map(_padded, line, widths, columns)).rstrip() for line in zip(*filled, strict=True)]


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def _padded(text: str, width: int, column: Column) -> str:
    gap = " " * (width - _width(text))
    return gap + text if column.numeric else text + gap


def _width(text: str) -> int:
    """Columns on a terminal: East Asian wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def is_watched() -> bool:
    """Whether a front end with a person runs the cell: it names the cell, papermill and nbclient do not."""
    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and "cellId" in kernel.get_parent().get("metadata", {})
