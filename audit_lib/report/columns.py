"""How each column reads: its heading, its side, the words for a null or a status, its cells as HTML."""

import re
from dataclasses import dataclass

from audit_lib.report import escape as inert

# Statuses as report.json has them, and as a page says them.
STATUS_WORDS = {"unknown": "not known", "exempt": "no limit"}
_LEAK = re.compile(r"\bleak-[0-9a-f]{10}\b")
_BREAKS = re.compile(r"(?<=[_/=])(?=\w)")


@dataclass(frozen=True)
class Column:
    """One column for readers. `null` are the words for a value that is not there."""

    heading: str
    null: str = "not known"
    numeric: bool = False
    word: bool = False  # a status or severity: a word of a fixed list, highlighted
    code: bool = False  # a name, a path or a command, in a fixed-width face
    link: str = ""  # what its cells link to: the beginning of an anchor
    among: frozenset[str] = frozenset()  # the only places that are links, if a cell may hold others

    @property
    def side(self) -> str:
        """Where its cells are aligned."""
        return "right" if self.numeric else "left"


def status_words(status: str) -> str:
    """The status in a reader's words."""
    return STATUS_WORDS.get(status, status)


def _count(heading: str, null: str = "not known") -> Column:
    return Column(heading, null=null, numeric=True)


COLUMNS: dict[str, Column] = {
    "address": Column("address", code=True),
    "accepted_until_at": Column("accepted until (UTC)", null=""),
    "age": Column("age (days)"),
    "age_days_min": _count("at least (days)"),
    "age_days_max": _count("at most (days)"),
    "check": Column("check", code=True),
    "client": Column("address", code=True),
    "command": Column("to supply it", code=True),
    "count": _count("count"),
    "database_failure": _count("database failures"),
    "day": Column("day (UTC)", null="no date"),
    "failures": _count("refused"),
    "do": Column("do", numeric=True, link="do-"),
    "findings": _count("findings"),
    "first place": Column("first place", link="at-"),
    "forbidden": _count("403 forbidden"),
    "id": Column("id", code=True),
    "closes": _count("closes"),
    "number": _count("no."),
    "limit": _count("limit (days)"),
    "line": _count("line", null=""),
    "lines": _count("lines", null=""),
    "log_messages": _count("messages", null=""),
    "log_requests": _count("requests", null=""),
    "max_age_days": _count("limit (days)", null="no limit"),
    "method": Column("method", code=True),
    "next_evidence": Column("what would decide it"),
    "not_understood": _count("not understood", null=""),
    "text_only": _count("text only", null=""),
    "blank": _count("blank", null=""),
    "overdue_from": Column("overdue from (UTC)"),
    "possibly_overdue_from": Column("possibly overdue from (UTC)"),
    "other": _count("other requests"),
    "declared_failure": _count("declared as a failed login"),
    "population": _count("population", null="–"),
    "tested": _count("tested", null="–"),
    "exceptions": _count("exceptions", null="–"),
    "rules": _count("rules"),
    "rate_limited": _count("429 rate limited"),
    "read": _count("read", null=""),
    "remedy": Column("do first"),
    "requests": _count("requests"),
    "route": Column("route", code=True),
    "secret": Column("secret", code=True),
    "secrets": _count("secrets"),
    "severity": Column("severity", word=True),
    "size_bytes": _count("bytes", null=""),
    "source": Column("file", code=True),
    "state": Column("state", word=True),
    "status": Column("status", null="message", word=True),
    "subject": Column("subject", code=True),
    "unauthorized": _count("401 unauthorized"),
    "untimed": _count("without a time"),
    "variable": Column("variable", code=True),
    "verdict": Column("verdict", word=True),
    "where": Column("line"),
}


def column(name: str, numeric: bool = False) -> Column:
    """The column by its name; a name that is not listed reads as itself, underscores as spaces."""
    if name in COLUMNS:
        return COLUMNS[name]
    heading = name.removesuffix("_at") + (" (UTC)" if name.endswith("_at") else "")
    return Column(heading.replace("_", " "), numeric=numeric)


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
