"""Sources as addresses and as networks: what an address does alone, and what a /24 or /64 does by many."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from audit_lib.logins.detections.alarm import Alarm

MINUTE = pd.Timedelta(minutes=1)


def by_both(
    failures: pd.DataFrame,
    find: Callable[[pd.DataFrame, str], list[Alarm]],
    answered: pd.DataFrame | None = None,
    *,
    people: bool = True,
) -> list[Alarm]:
    """What is found by address, and by /24 and /64 among the addresses that do not stand out alone.

    A network is a source of its own where several addresses act in it: those that failed, and those of
    `answered`, if it is given; if not, and unless `people` do not come into it, an incident of a network that
    is due to addresses which are let in soon after is one of people.
    """
    by_client = find(failures, "client")
    quiet = failures[~_in_episodes(failures, by_client)]
    acting = quiet[["client", "network"]]
    if answered is not None:
        acting = pd.concat([acting, answered[["client", "network"]]])
    several = acting.groupby("network")["client"].nunique()
    shared = quiet[quiet["network"].isin(several[several > 1].index)]
    by_network = find(shared, "network")
    if people and answered is None and shared["let_in_at"].notna().any():
        strange = find(shared[shared["let_in_at"].isna()], "network")
        by_network = [_of_people(one) if _is_of_people(one, shared, strange) else one for one in by_network]
    return by_client + by_network


def _in_episodes(failures: pd.DataFrame, found: list[Alarm]) -> "pd.Series[bool]":
    """Which failures are of an address while it stands out alone; without times, of one that ever does."""
    loud = pd.Series(False, index=failures.index)
    for one in found:
        own = failures["client"].isin({*one.clients, one.subject})
        if "at" in failures and one.first_at is not None and one.last_at is not None:
            own &= failures["at"].between(one.first_at, one.last_at)
        loud |= own
    return loud


def _is_of_people(found: Alarm, shared: pd.DataFrame, strange: list[Alarm]) -> bool:
    """Whether most addresses of an incident are let in before its end, which the last to fail cannot be, and
    without those that are let in there is none of the network then. Who guessed right may use his
    addresses again, too, but afterwards.

    Incidents that are only counted have no end, and are let be.
    """
    if found.first_at is None or found.last_at is None:
        return False
    times = [one.first_at for one in strange if one.subject == found.subject and one.first_at is not None]
    if any(found.first_at <= at <= found.last_at for at in times):
        return False
    own = shared[shared["client"].isin(found.clients)]
    own = own[own["at"].between(found.first_at, found.last_at)]
    let_in: int = own.loc[own["let_in_at"] + MINUTE <= found.last_at, "client"].nunique()
    return 2 * let_in > own["client"].nunique() - 1


def _of_people(found: Alarm) -> Alarm:
    text = f"{found.classification}; most of its addresses succeed soon after, as people on one network do"
    return replace(found, classification=text, severity="info")


def in_order(failures: pd.DataFrame, key: str) -> pd.DataFrame:
    """Those that name a client, in the order of key, then time."""
    named = failures[failures["client"].ne("")]
    keys = [key, "seconds", "file", *(["line"] if "line" in named else [])]
    return named.sort_values(keys, kind="stable").reset_index(drop=True)


def named(key: str, name: str) -> dict[str, str]:
    """An incident's field for its source: an address is masked where it is shown, a network is not."""
    return {"client": name} if key == "client" else {"subject": name}
