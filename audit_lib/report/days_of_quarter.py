"""The quarter day by day: requests, refusals by kind, messages, bursts, and the days without a log line."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import day_words
from audit_lib.base.log_kinds import DECLARED, FAILED_REQUESTS
from audit_lib.findings.audit import Audit
from audit_lib.logins.tables import days_by_service
from audit_lib.report.verdict import GRAVE

REQUESTS = (*FAILED_REQUESTS, "other")
# What a detection of many refusals says of a day, the most telling first.
BURST_WORDS = {
    "known-clients-failing": "known clients at once",
    "let-in": "then let in",
    "spraying": "many addresses",
    "guessing": "of one source",
}
BURST_COLUMNS = ["day", "refused", "what", "detection"]


def message_kinds(log_counts: pd.DataFrame) -> list[str]:
    """The kinds of message that the logs hold, in alphabetical order."""
    return sorted(set(log_counts["kind"]) - set(REQUESTS))


def request_kinds(log_counts: pd.DataFrame) -> list[str]:
    """The kinds of request; that of declared statuses only if it occurs."""
    return [kind for kind in REQUESTS if kind != DECLARED or log_counts["kind"].eq(kind).any()]


def days(audit: Audit) -> pd.DataFrame:
    """One row for each day of the quarter (UTC): `requests`, a column for each kind, `untimed`.

    A day without a counted log line holds nulls: nothing is known about it, which is not zero.
    """
    start, end = audit.quarter.start, audit.quarter.end
    names = [f"{start + timedelta(days=day):%Y-%m-%d}" for day in range((end - start).days)]
    requests = request_kinds(audit.tables["log_counts"])
    kinds = [*requests, *message_kinds(audit.tables["log_counts"])]
    dated = audit.tables["log_counts"].dropna(subset=["day"])
    counted = dated.pivot_table(index="day", columns="kind", values="count", aggfunc="sum", fill_value=0)
    table = counted.reindex(columns=kinds, fill_value=0).reindex(names).astype("Int64")
    table.insert(0, "requests", table[requests].sum(axis=1, min_count=1).astype("Int64"))
    table["untimed"] = dated.groupby("day")["untimed"].sum().reindex(names).astype("Int64")
    return table.rename_axis(columns=None).rename_axis("day").reset_index()


def silent_days(audit: Audit) -> dict[str, int]:
    """By service with logs, the most silent last, on how many days of the quarter it has no counted line."""
    every = (audit.quarter.end - audit.quarter.start).days
    seen = days_by_service(audit.tables["sources"], audit.tables["log_counts"])
    silent = (every - seen).sort_values(kind="stable")
    return {str(service): int(count) for service, count in silent.items() if count}


def refused_in(table: pd.DataFrame) -> "pd.Series[int]":
    """How many requests of each row of `days` were refused; null if nothing was read."""
    kinds = [kind for kind in FAILED_REQUESTS if kind in table]
    refused: pd.Series[int] = table[kinds].sum(axis=1, min_count=1).astype("Int64")
    return refused


def day_of(name: str) -> datetime:
    """The instant at which a day such as 2026-08-20 begins."""
    return datetime.fromisoformat(name).replace(tzinfo=UTC)


def undated(log_counts: pd.DataFrame) -> int:
    """How many requests and messages belong to no day, since their file has no date before them."""
    return int(log_counts.loc[log_counts["day"].isna(), "count"].sum())


def stretches(table: pd.DataFrame, year: int = 0) -> pd.DataFrame:
    """`days` for a reader: a row for each day that was read, and one for each run of days that were not.

    The days are in words, those of `year` without it.
    """
    unread = table["requests"].isna()
    run = (unread != unread.shift()).cumsum().where(unread, -table.index.to_series() - 1)
    first, last = table.groupby(run, sort=False)["day"].agg(["first", "last"]).T.to_numpy()
    shown = table.groupby(run, sort=False).first().reset_index(drop=True)
    ends = zip(*([day_words(day_of(day), year) for day in days] for days in (first, last)), strict=True)
    names = [one if one == other else f"{one} – {other}" for one, other in ends]
    return shown.assign(day=names)


def bursts(audit: Audit) -> pd.DataFrame:
    """One row for each day of a grave detection: day, `refused` on it, in words what was seen."""
    table = days(audit).set_index("day")
    refused = refused_in(table)
    found = audit.tables["detections"]
    grave = found["verdict"].eq("found") & found["severity"].isin(GRAVE) & found["first_at"].notna()
    told = found[grave & found["detection"].isin(BURST_WORDS)]
    named: dict[str, Any] = {}
    for row in sorted(rows(told), key=lambda row: (list(BURST_WORDS).index(row.detection), row.first_at)):
        day = f"{row.first_at:%Y-%m-%d}"
        if refused.get(day, 0):
            named.setdefault(day, row)
    found_on = [(day, refused[day], _what(row), row.detection) for day, row in sorted(named.items())]
    return pd.DataFrame(found_on, columns=BURST_COLUMNS).astype({"refused": "int64"})


def _what(row: Any) -> str:
    """`known clients at once, after a deploy`."""
    words = BURST_WORDS[row.detection]
    return f"{words}, after a {row.cause}" if row.cause else words
