"""What logs hold, as tables: how much of a quarter they show, and how addresses are shown in them."""

from collections.abc import Callable, Mapping
from datetime import datetime

import pandas as pd

from audit_lib.base.clock import Quarter
from audit_lib.logins.contracts import LogCoverage
from audit_lib.logins.coverage import days_by_service
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
        "days": max(0, -int(-days // 1)),
        "why": "" if len(log_counts) else _why(read, quarter),
        "places": "; ".join(sorted(logs["source"])),
        "remedy": "; ".join(sorted(set(logs["remedy"]) - {""})),
    }
    return LogCoverage.of([row])


def _why(read: pd.DataFrame, quarter: Quarter) -> str:
    """Why no request and no message of the quarter was counted."""
    others = read["reason"].str.startswith(f"no line of {quarter}").astype(bool)
    if read.empty or not others.all():
        none = "no request and no message was recognised in the lines that were read"
        return "no log was read" if read.empty else none
    return "; ".join(sorted(set(read["reason"])))


def address_label(logs: LogRead, key: Key) -> Label:
    """What tells an address from others of its network, the same in each run: without a key its number."""
    if key.origin != "throw-away":
        return keyed_label(key)
    named = pd.concat([frame[["file", "line", "client"]] for frame in (logs.counts, logs.events)])
    clients = named.sort_values(["file", "line"], kind="stable")["client"].unique()
    in_texts = (address for text in logs.events["subject"].unique() for address in addresses_in(text))
    return numbered_label([*clients, *in_texts])


def with_addresses(
    tables: Mapping[str, pd.DataFrame], label: Label, identities: str, known: Callable[[str], bool]
) -> dict[str, pd.DataFrame]:
    """The log tables as addresses may be shown in them; those that the policy knows are marked."""
    if identities == "full":
        return {name: marked_clients(table, known) for name, table in tables.items()}

    def marked(client: str) -> str:
        return f"{label(client)} (known)" if known(client) else label(client)

    return {name: mask_frame(table, marked) for name, table in tables.items()}
