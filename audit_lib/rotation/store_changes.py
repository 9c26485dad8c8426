"""Which stores got another value since a rotation began, by the ledger and by what is in place."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.ledger.timeline import Tenure
from audit_lib.logins.requests import succeeded
from audit_lib.rotation.scope import Store
from audit_lib.rotation.step_progress import DONE, NOT_DONE, NOT_KNOWN

_BEFORE = timedelta(days=14)


@dataclass(frozen=True)
class StoreChange:
    """What is known of one store: whether its value changed, between which instants, and from which value."""

    store: Store
    state: str
    why: str
    after: datetime | None = None  # the last look that saw the old value
    by: datetime | None = None  # the first that saw the new one
    old: str | None = None  # the old value's fingerprint


def store_changes(
    stores: tuple[Store, ...], stays: tuple[Tenure, ...], since: datetime, as_of: datetime
) -> tuple[StoreChange, ...]:
    """One for each store, in their order. A value that was in force earlier is no new one."""
    return tuple(
        _change(store, [stay for stay in stays if stay.home == store.place], since, as_of) for store in stores
    )


def asked_after(changes: Iterable[StoreChange], asked: pd.DataFrame) -> pd.DataFrame | None:
    """Of `Requests` those after all these changes, by addresses that were answered in the days before them.

    None if of no change it is known when it was.
    """
    bounds = [(one.after, one.by) for one in changes if one.after and one.by]
    if not bounds:
        return None
    after, by = min(low for low, _ in bounds), max(high for _, high in bounds)
    known = asked[succeeded(asked) & asked["not_after_at"].between(after - _BEFORE, after)]
    return asked[asked["not_before_at"].ge(by) & asked["client"].isin(set(known["client"]))]


def _change(store: Store, stays: list[Tenure], since: datetime, as_of: datetime) -> StoreChange:
    held = [stay for stay in stays if stay.fingerprint == store.fingerprint and stay.gone is None]
    current = held[-1] if held else None
    # What another writer's copy still has was not replaced by the value in place.
    earlier = [stay for stay in stays if stay is not current and not (current and stay.gone is None)]
    fault = _unchanged(store, current, earlier, since)
    if fault:
        return StoreChange(store, *fault)
    before = earlier[-1]
    after = current.absent.at if current and current.absent else before.last.at
    by = current.first.at if current else as_of
    place = current.first.place if current else "the value in place"
    told = f"changed between {iso(after)} ({before.last.place}) and {iso(by)} ({place})"
    if after < since:
        return StoreChange(store, NOT_KNOWN, f"{told}, which may be before {iso(since)}", after, by)
    return StoreChange(store, DONE, told, after, by, before.fingerprint)


def _unchanged(
    store: Store, current: Tenure | None, earlier: list[Tenure], since: datetime
) -> tuple[str, str] | None:
    """That the value did not change, or that nothing shows it; None if another one was there before."""
    if store.fingerprint is None:
        told = "its value was not supplied: give it with --env" if store.platform else "it is empty"
        return NOT_KNOWN, told
    if current and current.first.at <= since and not (current.absent and current.absent.at >= since):
        return NOT_DONE, f"{current.first.place} saw this value at {iso(current.first.at)} already"
    if any(stay.fingerprint == store.fingerprint for stay in earlier):
        return NOT_DONE, "it holds a value that was in force before, and was replaced"
    return None if earlier else _never_another(current)


def _never_another(current: Tenure | None) -> tuple[str, str]:
    if current is None:
        return NOT_KNOWN, "no snapshot saw it before: nothing to compare it with"
    return NOT_DONE, f"{current.first.place} saw this value, and none before it"
