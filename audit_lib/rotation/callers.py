"""Whether callers that were answered before a change are answered again after it."""

from datetime import timedelta

from audit_lib.base.in_words import counted
from audit_lib.logins.requests import REFUSED, succeeded
from audit_lib.rotation.read_rotation import RotationRead
from audit_lib.rotation.step_progress import DONE, NOT_DONE, NOT_KNOWN, StepProgress
from audit_lib.rotation.store_changes import StoreChange

_BEFORE = timedelta(days=14)


def answered_again(environment: str, changes: list[StoreChange], read: RotationRead) -> StepProgress:
    """By the last dated request of each address on a protected route; undated ones show no order."""
    bounds = [(one.after, one.by) for one in changes if one.after and one.by and one.state == DONE]
    if not bounds:
        return StepProgress("watch", environment, worst_of(changes), "no store is known to have changed")
    after, by = min(low for low, _ in bounds), max(high for _, high in bounds)
    logs = read.sources[read.sources["kind"].eq("log") & read.sources["environment"].eq(environment)]
    asked = read.requests[read.requests["file"].isin(logs["source"]) & read.requests["timed"]]
    asked = asked[succeeded(asked) | (asked["protected"] & asked["status"].isin(REFUSED))]
    known = asked[succeeded(asked) & asked["not_after_at"].between(after - _BEFORE, after)]
    later = asked[asked["not_before_at"].ge(by) & asked["client"].isin(set(known["client"]))]
    if later.empty:
        told = "no dated request after the change, by an address that was answered before it"
        return StepProgress("watch", environment, NOT_KNOWN, told)
    last = later.drop_duplicates("client", keep="last")
    refused = last[~succeeded(last)]
    if len(refused):
        first = refused.iloc[0]
        many = counted(len(refused), "address", "addresses")
        told = f"{many} of {len(last)} last refused after the change ({first['file']}:{first['line']})"
        return StepProgress("watch", environment, NOT_DONE, told)
    many = counted(len(last), "address", "addresses")
    return StepProgress("watch", environment, DONE, f"{many} that came back: each was last answered")


def worst_of(changes: list[StoreChange]) -> str:
    """Not known if whether a store changed is not known, else not done."""
    return NOT_KNOWN if any(one.state == NOT_KNOWN for one in changes) else NOT_DONE
