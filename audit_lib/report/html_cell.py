"""One cell of a table as HTML: its face, and its links to a leak, to a line that is quoted, or to a row."""

import re

from audit_lib.report import escape as inert
from audit_lib.report.columns import Column

_LEAK = re.compile(r"\bleak-[0-9a-f]{10}\b")
_BREAKS = re.compile(r"(?<=[_/=])(?=\w)")


def html_cell(text: str, column: Column) -> str:
    """The inert text as HTML; of several places, each is a link."""
    shown = _LEAK.sub(r'<a href="#\g<0>">\g<0></a>', _breakable(text))
    if column.link:
        shown = "; ".join(_linked(one, column) for one in (text.split("; ") if column.among else [text]))
    if column.word:
        kind = re.sub(r"[^a-z]+", "-", text.lower())
        return f'<span class="word {kind}">{shown}</span>'
    return f"<code>{shown}</code>" if column.code and text else shown


def _linked(text: str, column: Column) -> str:
    shown = _breakable(text)
    lost = column.among and text not in column.among
    return shown if lost else f'<a href="#{column.link}{anchor(text)}">{shown}</a>'


def _breakable(text: str) -> str:
    return _BREAKS.sub("<wbr>", inert.html(text)) if len(text) > 14 else inert.html(text)


def anchor(id_: str) -> str:
    """The id as one that an address can hold."""
    return re.sub(r"[^\w.-]+", "-", inert.plain(id_), flags=re.ASCII).strip("-").lower()
