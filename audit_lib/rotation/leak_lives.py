"""How each leak's life stands: removed, rotated, revoked, refused (docs/rotation.md#a-leaks-life)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.leaks.find_leaks import LeakAudit
from audit_lib.leaks.tables import IN_FORCE, NOT_IN_FORCE, SECRETS
from audit_lib.ledger import Entry
from audit_lib.rotation.contracts import TICKS, LeakLives
from audit_lib.rotation.read_rotation import RotationRead
from audit_lib.rotation.refreshes import refreshed
from audit_lib.rotation.runbook_words import how_made
from audit_lib.rotation.scope import RotationScope, rotation_scope
from audit_lib.rotation.step_progress import DONE, NOT_DONE, NOT_KNOWN, StepProgress, worst
from audit_lib.rotation.store_changes import StoreChange, asked_after, store_changes
from audit_lib.settings import Policy

Tick = tuple[str, str]  # its state, and why
_EVER = datetime.min.replace(tzinfo=UTC)
_DENIED = (401, 403)
_ASK = "nothing of it is found by pattern; `record NAME --removed` searches for the value itself"


def tabulate_leak_lives(
    leaks: pd.DataFrame, places: pd.DataFrame, read: RotationRead, policy: Policy
) -> pd.DataFrame:
    """`LeakLives`, in the order of `Leaks`; then values that were recorded as removed and are found no more.

    A tick is done only by evidence. Of the revocation it may be a claim, and says so.
    """
    real = leaks[leaks["kind"].isin(SECRETS)]
    found = []
    for leak in rows(real):
        mine, value = places[places["leak_id"] == leak.leak_id], leak.fingerprint or ""
        name = _secret_of(value, leak.variable, read)
        ticks = _ticks(value, name, leak.force, read, policy)
        found.append(_row(leak.leak_id, name, {"removed": _still_there(mine), **ticks}))
    for fingerprint, entry in read.removed.items():
        if fingerprint not in set(real["fingerprint"]):
            name = entry.body["secret"]
            ticks = _ticks(fingerprint, name, "", read, policy)
            found.append(_row("", name, {"removed": _recorded(entry), **ticks}))
    return LeakLives.of(found)


def _row(leak_id: str, secret: str, ticks: Mapping[str, Tick]) -> dict[str, Any]:
    told = {name: ticks[name][0] for name in TICKS}
    return {"leak_id": leak_id, "secret": secret} | told | {f"{name}_why": ticks[name][1] for name in TICKS}


def _secret_of(fingerprint: str, variable: str, read: RotationRead) -> str:
    """The secret whose value it is, by what is in place or by the ledger; else the name it was found by."""
    held = read.inventory[read.inventory["fingerprint"].eq(fingerprint)]
    stays = [stay.home.secret for stay in read.stays if stay.fingerprint == fingerprint]
    known = [*held["secret"], *stays]
    named = read.inventory[read.inventory["variable"].eq(variable)]["secret"]
    return str(next(iter([*known, *named]), variable))


def _still_there(places: pd.DataFrame) -> Tick:
    first = next(iter(rows(places)), None)
    where = f", first {first.path or first.place}" if first else ""
    kinds = ", ".join(dict.fromkeys(places["place"]))
    return NOT_DONE, f"still in {counted(len(places), 'place')} ({kinds}){where}"


def _recorded(entry: Entry) -> Tick:
    told = f"searched for by its value at {iso(entry.at)}, in {entry.body['searched']} ({entry.place})"
    if not entry.body["whole"]:
        return NOT_KNOWN, f"{told}: not everything was searched"
    return DONE, f"{told}: found nowhere; not met again since"


def _ticks(fingerprint: str, secret: str, force: str, read: RotationRead, policy: Policy) -> dict[str, Tick]:
    rotated = _rotated(fingerprint, secret, force, read)
    if rotated[0] == NOT_DONE:
        live = (NOT_DONE, "it is in force")
        return {"rotated": rotated, "revoked": live, "refused": live}
    known = policy.rule(secret) is not None or read.inventory["secret"].eq(secret).any()
    scope = rotation_scope(secret, policy, read.inventory) if known else None
    changes = _changes(fingerprint, scope, read) if scope else ()
    ended = _ended(scope, changes, read) if scope and changes else NOT_KNOWN
    return {
        "rotated": rotated,
        "revoked": _revoked(fingerprint, scope, ended, read),
        "refused": _refused(scope, changes, ended, read, policy),
    }


def _rotated(fingerprint: str, secret: str, force: str, read: RotationRead) -> Tick:
    """Whether another value is in force wherever the secret lives."""
    homes = read.inventory[read.inventory["secret"].eq(secret)]
    held = read.inventory[read.inventory["fingerprint"].eq(fingerprint)]
    if force == IN_FORCE or len(held):
        there = sorted({f"{row.secret} in {row.environment}/{row.service}" for row in rows(held)})
        return NOT_DONE, f"in force as {', '.join(there)}" if there else "in force"
    if force == NOT_IN_FORCE:
        return DONE, "another value is in force wherever it lives"
    unseen = homes[homes["state"].eq("not supplied")]
    if homes.empty or homes["fingerprint"].notna().sum() == 0:
        return NOT_KNOWN, "no value of it was supplied"
    if len(unseen):
        where = ", ".join(sorted({f"{row.environment}/{row.service}" for row in rows(unseen)}))
        return NOT_KNOWN, f"what is in force in {where} was not supplied (--env)"
    return DONE, "another value is in force wherever it lives"


def _changes(fingerprint: str, scope: RotationScope, read: RotationRead) -> tuple[StoreChange, ...]:
    """The latest change of each store that held the value, by the ledger."""
    homes = {stay.home for stay in read.stays if stay.fingerprint == fingerprint}
    stores = tuple(store for store in scope.stores if store.place in homes)
    return store_changes(stores, read.stays, _EVER, read.as_of)


def _ended(scope: RotationScope, changes: tuple[StoreChange, ...], read: RotationRead) -> str:
    """Whether every process that had the value has started since with another one."""
    environments = {one.store.place.environment for one in changes}
    here = [one for one in scope.consumers if one.environment in environments and one.refresh != "never"]
    return worst([one.state for one in changes] + [refreshed(one, changes, read).state for one in here])


def _revoked(fingerprint: str, scope: RotationScope | None, ended: str, read: RotationRead) -> Tick:
    """By a record, which is a claim; of a secret that our own processes alone check, by their starts."""
    said = read.revoked.get(fingerprint)
    if said:
        return DONE, f"a claim: {said.said}"
    if scope and own_processes_check(scope):
        if ended == DONE:
            return DONE, "every process that checks it has started since"
        return NOT_KNOWN, "a process may still accept it"
    return NOT_KNOWN, "no record says so, and no provider is asked"


def own_processes_check(scope: RotationScope) -> bool:
    """Whether nobody but the project's own processes accepts the secret: it ends when they start anew."""
    never = any(one.refresh == "never" for one in scope.consumers)
    return how_made(scope.rule) == "made" and not scope.rule.counterpart and not never


def _refused(
    scope: RotationScope | None,
    changes: tuple[StoreChange, ...],
    ended: str,
    read: RotationRead,
    policy: Policy,
) -> Tick:
    """By a dated refusal, after the change, of an address that was answered before it."""
    if scope is None or not scope.is_sent(policy):
        return NOT_KNOWN, "no log that was read shows who is refused with it"
    later = asked_after(changes, read.requests[read.requests["timed"] & read.requests["protected"]])
    if ended != DONE or later is None:
        return NOT_KNOWN, "no log shows that every process has started since it was replaced"
    denied = later[later["status"].isin(_DENIED)]
    if denied.empty:
        return NOT_KNOWN, "no dated refusal after the change of an address that was answered before it"
    first = denied.iloc[0]
    return DONE, f"an address that was answered before was refused after ({first['file']}:{first['line']})"


def leaked_of(scope: RotationScope, read: RotationRead, leaks: pd.DataFrame) -> pd.DataFrame:
    """The rows of Leaks that are about values of a scope, past and present, by value or by name."""
    places = {store.place for store in scope.stores}
    held = {store.fingerprint for store in scope.stores}
    held |= {stay.fingerprint for stay in read.stays if stay.home in places}
    names = {name for rule in scope.rules for name in (rule.name, *rule.aliases)}
    real = leaks["kind"].isin(SECRETS)
    return leaks[real & (leaks["fingerprint"].isin(held - {None}) | leaks["variable"].isin(names))]


def purged(scope: RotationScope, policy: Policy, read: RotationRead, found: LeakAudit) -> StepProgress:
    """Done once every replaced value was searched for by itself, everywhere, and is nowhere."""
    lives = tabulate_leak_lives(leaked_of(scope, read, found.leaks), found.places, read, policy)
    mine = lives[lives["secret"].isin([rule.name for rule in scope.rules])]
    state = worst(list(mine["removed"]))
    if len(mine) and state != DONE:
        first = mine[mine["removed"].eq(state)].iloc[0]
        return StepProgress("purge", "", state, first["removed_why"])
    old = _replaced(scope, read)
    recorded = {read.removed[one].place for one in old if one in read.removed}
    if old and old <= read.removed.keys():
        return StepProgress(
            "purge", "", DONE, f"searched for and found nowhere: {', '.join(sorted(recorded))}"
        )
    return StepProgress(
        "purge", "", NOT_KNOWN if old else NOT_DONE, _ASK if old else "it is not replaced yet"
    )


def _replaced(scope: RotationScope, read: RotationRead) -> set[str]:
    """The value that each store held last before the present one."""
    found = set()
    for store in scope.stores:
        here = [stay.fingerprint for stay in read.stays if stay.home == store.place]
        found.update([one for one in here if one != store.fingerprint][-1:])
    return found
