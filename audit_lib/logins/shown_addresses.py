"""Shows addresses in tables: whole or masked, and those that the policy knows marked."""

from collections.abc import Callable, Mapping
from functools import partial

import pandas as pd

from audit_lib.logins.detections import Detected, tabulate
from audit_lib.logs.frames import LogRead
from audit_lib.secrecy.identities import (
    Label,
    addresses_in,
    keyed_label,
    marked_clients,
    mask_frame,
    numbered_label,
)
from audit_lib.secrecy.keeper import Key


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
    detected: tuple[Detected, ...],
    label: Label,
    identities: str,
    known: Callable[[str], bool],
) -> dict[str, pd.DataFrame]:
    """The tables that name addresses, as they may be shown; those that the policy knows are marked."""
    names = ("log_counts", "log_events")
    if identities == "full":
        marked = {name: marked_clients(tables[name], known) for name in names}
        return {"detections": tabulate(detected), **marked}
    label = partial(_known_label, label=label, known=known)
    return {name: mask_frame(tables[name], label) for name in names}


def _known_label(client: str, label: Label, known: Callable[[str], bool]) -> str:
    return f"{label(client)} (known)" if known(client) else label(client)
