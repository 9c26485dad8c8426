"""The quarter day by day: requests, failures by kind, messages, and the days of which nothing was read."""

from datetime import timedelta

import pandas as pd

from audit_lib.audit import Audit

FAILED_REQUESTS = ("unauthorized", "forbidden", "rate_limited")
REQUESTS = (*FAILED_REQUESTS, "other")


def message_kinds(log_counts: pd.DataFrame) -> list[str]:
    """The kinds of message that the logs hold, in alphabetical order."""
    return sorted(set(log_counts["kind"]) - set(REQUESTS))


def days(audit: Audit) -> pd.DataFrame:
    """One row for each day of the quarter (UTC): `requests`, a column for each kind, `untimed`.

    A day of which no log line was counted holds nulls: of it nothing is known, which is not zero.
    """
    start, end = audit.quarter.start, audit.quarter.end
    names = [f"{start + timedelta(days=day):%Y-%m-%d}" for day in range((end - start).days)]
    kinds = [*REQUESTS, *message_kinds(audit.tables["log_counts"])]
    dated = audit.tables["log_counts"].dropna(subset=["day"])
    counted = dated.pivot_table(index="day", columns="kind", values="count", aggfunc="sum", fill_value=0)
    table = counted.reindex(columns=kinds, fill_value=0).reindex(names).astype("Int64")
    table.insert(0, "requests", table[list(REQUESTS)].sum(axis=1, min_count=1).astype("Int64"))
    table["untimed"] = dated.groupby("day")["untimed"].sum().reindex(names).astype("Int64")
    return table.rename_axis(columns=None).rename_axis("day").reset_index()


def undated(log_counts: pd.DataFrame) -> int:
    """How many requests and messages belong to no day, since no date stands before them in their file."""
    return int(log_counts.loc[log_counts["day"].isna(), "count"].sum())


def stretches(table: pd.DataFrame) -> pd.DataFrame:
    """`days` for a reader: a row for each day that was read, and one for each run of days that were not."""
    unread = table["requests"].isna()
    run = (unread != unread.shift()).cumsum().where(unread, -table.index.to_series() - 1)
    first, last = table.groupby(run, sort=False)["day"].agg(["first", "last"]).T.to_numpy()
    shown = table.groupby(run, sort=False).first().reset_index(drop=True)
    names = [one if one == other else f"{one} … {other}" for one, other in zip(first, last, strict=True)]
    return shown.assign(day=names)
