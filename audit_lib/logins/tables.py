"""What logs hold, as tables: refusals by kind, client, route and day, coverage, last use of tokens."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

import pandas as pd

from audit_lib.base.clock import Quarter
from audit_lib.base.log_kinds import DECLARED, FAILED_REQUESTS, MESSAGE_KINDS, REQUEST_KINDS
from audit_lib.logins.contracts import Daily, LogCoverage
from audit_lib.logins.parameters import detection_policy
from audit_lib.logins.requests import succeeded
from audit_lib.logs.read import LogRead
from audit_lib.secrecy.identities import (
    Label,
    addresses_in,
    keyed_label,
    marked_clients,
    mask_frame,
    numbered_label,
)
from audit_lib.secrecy.keeper import Key
from audit_lib.settings import Policy

KINDS = (*FAILED_REQUESTS, *(kind for kind in MESSAGE_KINDS if kind != "notice"))

NOTHING_READ = "nothing was read"
NO_ANSWER = "not known: no answered request on a protected route is in the logs"
LastUse = tuple[datetime | None, str]  # when a token was used last, and what shows it
# How far from the usual, in normal deviations (1.4826 x MAD), a day is unusual, and by how many at least.
DEVIATIONS, LEAST = 5, 10


def by_client(counts: pd.DataFrame) -> pd.DataFrame:
    """One row for each client, most failures first: requests, and what failed by kind."""
    return _most_first(_wide(counts[counts["client"] != ""], ["client"]), ["client"])


def by_route(counts: pd.DataFrame) -> pd.DataFrame:
    """One row for each route and method of requests, most failures first."""
    return _most_first(_wide(counts[counts["status"].notna()], ["method", "route"]), ["route", "method"])


def by_kind(counts: pd.DataFrame) -> pd.DataFrame:
    """One row for each kind, also for those that never occurred, with `count` and `untimed`; `other` last."""
    sums = counts.groupby("kind")[["count", "untimed"]].sum()
    # Which statuses are declared is the policy's affair: if none is, or none occurred, there is no row.
    kinds = [kind for kind in KINDS if kind != DECLARED or DECLARED in sums.index]
    return sums.reindex([*kinds, "other"], fill_value=0).rename_axis("kind").reset_index()


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


def daily(counts: pd.DataFrame) -> pd.DataFrame:
    """`Daily`: how many requests, refusals and server errors each day has, and which days are unusual.

    A few bad days move neither the median nor the median absolute deviation.
    """
    dated = counts[counts["day"].notna()]
    requests = dated[dated["status"].notna()]
    chosen = {
        "requests": requests,
        "refused": requests[requests["kind"].isin(FAILED_REQUESTS)],
        "server errors": requests[requests["status"].ge(500)],
    }
    days = sorted(set(dated["day"]))
    parts = []
    for figure, own in chosen.items():
        sums = own.groupby("day")["count"].sum().reindex(days, fill_value=0)
        usual = float(sums.median()) if days else 0.0
        spread = float((sums - usual).abs().median()) if days else 0.0
        far = (sums - usual).abs()
        odd = far.gt(DEVIATIONS * 1.4826 * spread) & far.ge(max(LEAST, usual / 2))
        frame = pd.DataFrame({"day": days, "figure": figure, "count": sums.to_numpy(), "usual": usual})
        parts.append(frame.assign(unusual=odd.to_numpy()))
    return Daily.checked(pd.concat(parts, ignore_index=True))


def days_by_service(sources: pd.DataFrame, log_counts: pd.DataFrame) -> "pd.Series[int]":
    """How many days have a request or message, by `environment/service` of each log that holds any."""
    logs = sources[sources["kind"].eq("log") & sources["state"].eq("read")]
    places = logs["environment"].replace("", "production") + "/" + logs["service"].replace("", "backend")
    of_file = dict(zip(logs["source"], places, strict=True))
    days = log_counts.assign(service=log_counts["file"].map(of_file)).groupby("service")["day"].nunique()
    holds = (logs["requests"] + logs["messages"]).gt(0).fillna(False).astype(bool)
    return days.reindex(sorted({*places[holds], *days.index}), fill_value=0)


def tabulate_log_coverage(
    sources: pd.DataFrame, log_counts: pd.DataFrame, quarter: Quarter, as_of: datetime
) -> pd.DataFrame:
    """`LogCoverage`: the quarter's days until `as_of` beside the days and lines that were read."""
    logs = sources[sources["kind"].eq("log")]
    read = logs[logs["state"].eq("read")]
    days = (min(quarter.end, as_of) - quarter.start).total_seconds() / 86400
    by_service = days_by_service(sources, log_counts)
    row = {
        "quarter": str(quarter),
        "files": len(read),
        "lines": int(read["lines"].sum()),
        "counted": int(log_counts["count"].sum()),
        "untimed": int(log_counts["untimed"].sum()),
        "days_read": int(by_service.min()) if len(by_service) else int(log_counts["day"].nunique()),
        "fewest": str(by_service.idxmin()) if len(by_service) else "",
        "days": max(0, -int(-days // 1)),
        "why": "" if len(log_counts) else _why(logs, quarter),
        "places": "; ".join(sorted(logs["source"])),
        "remedy": "; ".join(sorted(set(logs["remedy"]) - {""})),
    }
    return LogCoverage.of([row])


def _why(logs: pd.DataFrame, quarter: Quarter) -> str:
    """Why no request and no message of the quarter was counted."""
    read = logs[logs["state"].eq("read")]
    if read.empty:
        return "no log was read"
    others = sorted(reason for reason in set(read["reason"]) if reason.startswith(f"no line of {quarter}"))
    if others and read["reason"].str.startswith(f"no line of {quarter}").all():
        return "; ".join(others)
    return "no request and no message was recognised in the lines that were read"


def last_uses(requests: pd.DataFrame, policy: Policy, as_of: datetime) -> Mapping[str, LastUse]:
    """For each secret that callers send the latest instant by which it was used, and what shows it.

    A request that was answered on a protected route had one of them. Which it was can be told only if there
    is one, under however many names: of several the instant is not known.
    """
    names = detection_policy(policy).caller_secrets
    if not names:
        return {}
    used = requests[succeeded(requests) & requests["not_after_at"].notna()]
    used = used[used["not_after_at"] <= pd.Timestamp(as_of)]
    if used.empty:
        return dict.fromkeys(names, (None, NO_ANSWER))
    last = used.sort_values("not_after_at", kind="stable").iloc[-1]
    place, at = f"{last['file']}:{last['line']}", last["not_after_at"]
    if _are_one(names, policy):
        return dict.fromkeys(names, (at, f"a protected route answered in {place}"))
    told = f"not known: one of {', '.join(names)} was used by {at:%Y-%m-%d %H:%M} ({place})"
    return dict.fromkeys(names, (None, told))


def _are_one(names: tuple[str, ...], policy: Policy) -> bool:
    """Whether all names hold one value: each must be equal to another."""
    equal = {name: {name, *(rule.equals if (rule := policy.rule(name)) else ())} for name in names}
    one = equal[names[0]]
    for own in (*equal.values(), *equal.values()):
        one = one | own if one & own else one
    return one >= set(names)


def address_label(logs: LogRead, key: Key) -> Label:
    """What tells an address from others of its network, the same in each run: without a key its number."""
    if key.origin != "throw-away":
        return keyed_label(key)
    named = pd.concat([frame[["file", "line", "client"]] for frame in (logs.counts, logs.events)])
    clients = named.sort_values(["file", "line"], kind="stable")["client"].unique()
    in_texts = (one for text in logs.events["subject"].unique() for one in addresses_in(text))
    return numbered_label([*clients, *in_texts])


def with_addresses(
    tables: Mapping[str, pd.DataFrame],
    label: Label,
    identities: str,
    known: Callable[[str], bool],
) -> dict[str, pd.DataFrame]:
    """The log tables as addresses may be shown in them; those that the policy knows are marked."""
    names = ("log_counts", "log_events")
    if identities == "full":
        return {name: marked_clients(tables[name], known) for name in names}
    label = partial(_known_label, label=label, known=known)
    return {name: mask_frame(tables[name], label) for name in names}


def _known_label(client: str, label: Label, known: Callable[[str], bool]) -> str:
    return f"{label(client)} (known)" if known(client) else label(client)
