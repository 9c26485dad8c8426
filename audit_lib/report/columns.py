"""How each column reads: its heading, its side, and the words for a null."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column for readers. `null` are the words for a value that is not there."""

    heading: str
    null: str = "not known"
    numeric: bool = False
    word: bool = False  # a status or severity: a word of a fixed list, set apart for the eye too
    code: bool = False  # a name, a path or a command, in a fixed-width face

    @property
    def side(self) -> str:
        """Where its cells are aligned."""
        return "right" if self.numeric else "left"


def _days(heading: str) -> Column:
    return Column(heading, numeric=True)


def _count(heading: str, null: str = "not known") -> Column:
    return Column(heading, null=null, numeric=True)


COLUMNS: dict[str, Column] = {
    "address": Column("address", code=True),
    "accepted_by": Column("accepted by"),
    "accepted_until_at": Column("accepted until (UTC)", null=""),
    "age": Column("age, days"),
    "age_days_min": _days("at least, days"),
    "age_days_max": Column("at most, days", null="no bound", numeric=True),
    "check": Column("check", code=True),
    "client": Column("client", code=True),
    "command": Column("command that supplies it", code=True),
    "count": _count("count"),
    "database_failure": _count("database failures"),
    "day": Column("day (UTC)", null="no date"),
    "failures": _count("failures"),
    "findings": _count("findings"),
    "forbidden": _count("403 forbidden"),
    "id": Column("id", code=True),
    "limit": _days("limit, days"),
    "line": _count("line", null=""),
    "lines": _count("lines", null=""),
    "max_age_days": Column("limit, days", null="exempt", numeric=True),
    "method": Column("method", code=True),
    "modified_at": Column("modified (UTC)"),
    "next_evidence": Column("what would decide it"),
    "not_understood": _count("not understood", null=""),
    "blank": _count("blank", null=""),
    "overdue_from": Column("overdue from (UTC)"),
    "possibly_overdue_from": Column("possibly overdue from (UTC)"),
    "other": _count("other requests"),
    "rate_limited": _count("429 rate limited"),
    "read": _count("read", null=""),
    "remedy": Column("what to do"),
    "requests": _count("requests"),
    "route": Column("route", code=True),
    "secret": Column("secret", code=True),
    "secrets": _count("secrets"),
    "severity": Column("severity", word=True),
    "size_bytes": _count("bytes", null=""),
    "source": Column("source", code=True),
    "state": Column("state", word=True),
    "status": Column("status", null="message", word=True),
    "status_code": Column("status code", null="message"),
    "subject": Column("subject", code=True),
    "unauthorized": _count("401 unauthorized"),
    "untimed": _count("of these without a time"),
    "variable": Column("variable", code=True),
    "verdict": Column("verdict", word=True),
}


def column(name: str, numeric: bool = False) -> Column:
    """The column by its name; a name that is not listed reads as itself, underscores as spaces."""
    if name in COLUMNS:
        return COLUMNS[name]
    heading = name.removesuffix("_at") + (" (UTC)" if name.endswith("_at") else "")
    return Column(heading.replace("_", " "), numeric=numeric)
