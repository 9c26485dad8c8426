"""Whether a consumer started, or was built, after its stores changed: else it runs with the old value."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.base.log_kinds import BOOT
from audit_lib.logins.requests import instants_written
from audit_lib.rotation.read_rotation import RotationRead
from audit_lib.rotation.scope import ConsumerPlace, Store
from audit_lib.rotation.step_progress import DONE, NOT_DONE, NOT_KNOWN, StepProgress
from audit_lib.rotation.store_changes import StoreChange


def refreshed(one: ConsumerPlace, changes: Sequence[StoreChange], read: RotationRead) -> StepProgress:
    """What deploy lists and logs say of one consumer; after its last entry a list says nothing."""
    stores = [change.store for change in changes]
    mine = [change for change in changes if reads(one, change.store, stores)]
    known = [change for change in mine if change.state == DONE and change.by and change.after]
    if not known:
        unknown = any(change.state == NOT_KNOWN for change in mine)
        told = "whether its store changed is not known" if unknown else "its store is not changed yet"
        return _progress(one, NOT_KNOWN if unknown else NOT_DONE, told)
    by = max(change.by for change in known if change.by)
    after = min(change.after for change in known if change.after)
    started = _starts(one, read)
    later = [place for at, place in started if at >= by]
    if later:
        return _progress(one, DONE, f"{later[0]} is after the change")
    if any(at > after for at, _ in started):
        return _progress(one, NOT_KNOWN, f"its last start may be before the change ({started[-1][1]})")
    return _without_start(one, by, read)


def reads(one: ConsumerPlace, store: Store, stores: Iterable[Store]) -> bool:
    """Whether a consumer reads a store: its own if it has any, else all of its secrets'."""
    here = [
        other
        for other in stores
        if other.place.environment == one.environment and other.place.secret in one.secrets
    ]
    own = [other for other in here if other.place.service == one.consumer.name]
    return store in (own or here)


def _starts(one: ConsumerPlace, read: RotationRead) -> list[tuple[datetime, str]]:
    """Each deploy that took effect and, unless it must be rebuilt, each start in its logs, in order."""
    deploys = _deploys(one, read, "took effect")
    found = [(row.began_at, f"the deploy of {iso(row.began_at)} ({row.evidence})") for row in deploys]
    if one.refresh != "rebuild":
        boots = read.events[read.events["message"].eq(BOOT) & read.events["at"].notna()]
        boots = boots[boots["file"].isin(_logs(one, read))]
        found += [(row.at, f"the start at {iso(row.at)} ({row.file}:{row.line})") for row in rows(boots)]
    return sorted(found)


def _without_start(one: ConsumerPlace, by: datetime, read: RotationRead) -> StepProgress:
    failed = [row for row in _deploys(one, read, "failed") if row.began_at >= by]
    if failed:
        return _progress(one, NOT_DONE, f"the deploy after the change failed ({failed[-1].evidence})")
    logs = _logs(one, read)
    written = instants_written(read.requests, read.events)
    here = written[written["file"].isin(logs)]
    boots = read.events[read.events["message"].eq(BOOT) & read.events["file"].isin(logs)]
    last = here.iloc[here["at"].argmax()] if len(here) else None
    if one.refresh != "rebuild" and len(boots) and last is not None and last["at"] > by:
        told = f"stale runtime: {last['file']}:{last['line']} was written after the change, without a start"
        return _progress(one, NOT_DONE, f"{told} since {iso(by)}")
    asked = "export its deploy list" if one.refresh == "rebuild" else "read its log or its deploy list"
    return _progress(one, NOT_KNOWN, f"the store is right, but no start after the change is shown: {asked}")


def _deploys(one: ConsumerPlace, read: RotationRead, outcome: str) -> list[Any]:
    table = read.deploys
    here = table["environment"].eq(one.environment) & table["service"].eq(one.consumer.name)
    return list(rows(table[here & table["outcome"].eq(outcome)]))


def _logs(one: ConsumerPlace, read: RotationRead) -> "pd.Series[str]":
    """The logs that are known to be the consumer's."""
    logs = read.sources[read.sources["kind"].eq("log") & read.sources["environment"].eq(one.environment)]
    return logs.loc[logs["service"].eq(one.consumer.name), "source"]


def _progress(one: ConsumerPlace, state: str, why: str) -> StepProgress:
    return StepProgress("refresh", str(one), state, why)
