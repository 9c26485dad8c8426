"""Refusals and failed logins by day, kind, status, client and route, with totals in every table."""

import pandas as pd

from audit_lib.base.bounded_patterns import matches_glob
from audit_lib.base.log_kinds import DECLARED, FAILED_REQUESTS, MESSAGE_KINDS, REQUEST_KINDS

KINDS = (*FAILED_REQUESTS, *(kind for kind in MESSAGE_KINDS if kind != "notice"))

# Routes that log people in by their name, whatever the policy lists.
LOGIN_LIKE = ("*login*", "*signin*", "*sign-in*", "*sign_in*", "*session*", "*auth*", "*token*", "*password*")
# What a 401 without a line of the application can be (docs/log_formats.md#messages).
_REASONS = {
    "login_failed": "wrong address or password, as the application reported",
    "jwt_invalid": "refresh token as access token, unknown or inactive user, as the application reported",
}
_NO_REASON = "missing, wrong, garbled, expired or old-key token: the log does not distinguish these"
NOTHING_READ = "nothing was read"


def by_client(counts: pd.DataFrame) -> pd.DataFrame:
    """One row for each client, most failures first: requests, and what failed by kind."""
    return _most_first(_wide(counts[counts["client"] != ""], ["client"]), ["client"])


def by_route(counts: pd.DataFrame) -> pd.DataFrame:
    """One row for each route and method of requests, most failures first."""
    return _most_first(_wide(counts[counts["status"].notna()], ["method", "route"]), ["route", "method"])


def login_answers(counts: pd.DataFrame, logins: tuple[str, ...]) -> pd.DataFrame:
    """One row for each 4xx that counts as no failure, on routes that log in or look so: by route and status.

    `logins` are the policy's globs. What an application answers to a wrong password may be among them.
    """
    asked = counts[counts["kind"].eq("other") & counts["status"].between(400, 499)]
    like = {route: matches_glob(route, (*logins, *LOGIN_LIKE)) for route in asked["route"].unique()}
    forms = asked[asked["route"].map(like).astype(bool) & ~asked["method"].isin(("GET", "HEAD", "OPTIONS"))]
    keys = ["method", "route", "status"]
    table = forms.groupby(keys, as_index=False, sort=True)[["count", "untimed"]].sum()
    return table.sort_values(["count", *keys], ascending=[False, True, True, True], kind="stable")


def by_kind(counts: pd.DataFrame) -> pd.DataFrame:
    """One row for each kind, also for those that never occurred, with `count` and `untimed`; `other` last."""
    sums = counts.groupby("kind")[["count", "untimed"]].sum()
    # Which statuses are declared is the policy's affair: if none is, or none occurred, there is no row.
    kinds = [kind for kind in KINDS if kind != DECLARED or DECLARED in sums.index]
    return sums.reindex([*kinds, "other"], fill_value=0).rename_axis("kind").reset_index()


def reasons(counts: pd.DataFrame) -> pd.DataFrame:
    """One row for each reason of a 401 that the logs show, and one for all the others."""
    sums = counts.groupby("kind")["count"].sum()
    told = [(text, int(sums.get(kind, 0))) for kind, text in _REASONS.items()]
    left = max(0, int(sums.get("unauthorized", 0)) - sum(count for _, count in told))
    return pd.DataFrame([*told, (_NO_REASON, left)], columns=["reason", "count"])


def totals(sources: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """One row for each total: lines by how they were read, requests, refusals, lines without time or date.

    If no line was read, its one row says so: nothing was searched for, and nothing can be excluded.
    """
    logs = sources[(sources["kind"] == "log") & (sources["state"] == "read")]
    read = int(logs["read"].sum())
    if not read or counts.empty:
        what = NOTHING_READ if not read else "lines read, but no request and no message of the period"
        return pd.DataFrame([(what, read)], columns=["total", "count"])
    requests = counts[counts["status"].notna()]
    failed = requests[requests["kind"].isin(FAILED_REQUESTS)]
    rows = [
        ("lines", logs["lines"].sum()),
        ("lines read", read),
        ("of these, text only: no request and no message", logs["text_only"].sum()),
        ("lines not understood", logs["not_understood"].sum()),
        ("blank lines", logs["blank"].sum()),
        ("requests in the period", requests["count"].sum()),
        (f"refused ({_statuses(failed)})", failed["count"].sum()),
        ("messages of the application", counts.loc[counts["status"].isna(), "count"].sum()),
        ("of these, without a time of their own", counts["untimed"].sum()),
        ("of these, without a day", counts.loc[counts["day"].isna(), "count"].sum()),
    ]
    return pd.DataFrame(rows, columns=["total", "count"]).astype({"count": "int64"})


def _statuses(failed: pd.DataFrame) -> str:
    """401, 403, 429, and those that the policy declares and that occurred."""
    return ", ".join(map(str, sorted({*REQUEST_KINDS, *failed["status"].unique().tolist()})))


def _wide(counts: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Groups as rows, with all requests, the refused ones, untimed, and a column for each kind."""
    sums = counts.assign(
        requests=counts["count"].where(counts["status"].notna(), 0),
        failures=counts["count"].where(counts["kind"].isin(FAILED_REQUESTS), 0),
        **{kind: counts["count"].where(counts["kind"] == kind, 0) for kind in KINDS},
    )
    columns = ["requests", "failures", *KINDS, "untimed"]
    return sums.groupby(keys, as_index=False, sort=True, dropna=False)[columns].sum()


def _most_first(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    order = ["failures", "requests", *keys]
    ascending = [False, False, *(True for _ in keys)]
    return table.sort_values(order, ascending=ascending, kind="stable").reset_index(drop=True)
