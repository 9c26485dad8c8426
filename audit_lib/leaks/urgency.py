"""The one order of urgency of leaks: what is in force in production first, what was replaced last."""

from collections.abc import Collection, Iterable
from typing import Any

import pandas as pd

from audit_lib.base.contracts import Leaks, rows
from audit_lib.ledger.tenures import SecretPlace, Tenure

IN_FORCE, NOT_KNOWN, NOT_IN_FORCE = "in force", "not known", "not in force"
FORCES = (IN_FORCE, NOT_KNOWN, NOT_IN_FORCE)
PRODUCTION = "production"
SECRETS = ("leak", "pattern", "truncated")
NO_SECRETS = ("possible", "hash", "weak default", "template")
KINDS = (*SECRETS, *NO_SECRETS)


def urgency(leak: Any) -> tuple[Any, ...]:
    """The place of a row of Leaks in every list of leaks, secrets and findings; lower is more urgent.

    In force in production, in force elsewhere, not known to be in force, replaced; of each what stands at
    HEAD or on disk before what only the history holds; then what has been out longest, then what is met
    most often. What is no secret comes last.
    """
    undated = leak.first_at is None or pd.isna(leak.first_at)
    return (
        leak.kind in NO_SECRETS,
        FORCES.index(leak.force),
        leak.force == IN_FORCE and PRODUCTION not in leak.in_force.split(","),
        bool(leak.first_commit) and not leak.at_head and leak.force != IN_FORCE,
        undated,
        0 if undated else pd.Timestamp(leak.first_at).value,
        not leak.reachable,
        -leak.occurrences,
        KINDS.index(leak.kind),
        leak.variable,
        leak.leak_id,
    )


def with_force(
    leaks: pd.DataFrame,
    inventory: pd.DataFrame,
    stays: Collection[Tenure] = (),
    standing: Collection[str] = (),
) -> pd.DataFrame:
    """`Leaks`, the most urgent first, each with what the values at hand and the ledger's `stays` say: is it
    in force or not? Of those `standing` in a file that deploys another value in an env file says nothing.
    """
    held = list(rows(inventory))
    force = [
        _force_of(leak, homes_of(leak, held, stays), stays, standing=leak.leak_id in standing)
        for leak in rows(leaks)
    ]
    found = leaks.assign(force=pd.Series(force, index=leaks.index, dtype="str"))
    keys = list(map(urgency, rows(found)))
    return Leaks.checked(found.iloc[sorted(range(len(keys)), key=keys.__getitem__)])


def _force_of(leak: Any, homes: Collection[Any], stays: Collection[Tenure], *, standing: bool) -> str:
    """Whether a leaked value is in force in one of the places where its secret lives.

    Not in force needs another value in production of each service that has the secret: a name alone, or
    another environment, does not say which value was replaced.
    """
    if leak.in_force:
        return IN_FORCE
    last = last_stays(leak.fingerprint, stays)
    states = {force_at(leak.fingerprint, home) for home in homes}
    there = {SecretPlace.of(home) for home in homes}
    states |= {NOT_IN_FORCE if stay.gone else NOT_KNOWN for place, stay in last.items() if place not in there}
    force = min(states, key=FORCES.index, default=NOT_KNOWN)
    secrets = {place.secret for place in (*there, *last)}
    seen = {stay.home for stay in stays if stay.home.secret in secrets} | there
    in_production = {place.service for place in seen if place.environment == PRODUCTION}
    proved = {place.service for place in (*there, *last)} <= in_production and (last or not standing)
    return NOT_KNOWN if force == NOT_IN_FORCE and not proved else force


def last_stays(fingerprint: str | None, stays: Iterable[Tenure]) -> dict[SecretPlace, Tenure]:
    """The last stay of a value in each place that the ledger saw it in."""
    return {stay.home: stay for stay in stays if stay.fingerprint == fingerprint}


def force_at(fingerprint: str, home: Any) -> str:
    """Whether a value is in force in one place of Inventory: not known if no value is there now, since one
    that the ledger saw go may have come back."""
    if home.fingerprint is None or pd.isna(home.fingerprint):
        return NOT_KNOWN
    return IN_FORCE if home.fingerprint == fingerprint else NOT_IN_FORCE


def homes_of(leak: Any, inventory: Collection[Any], stays: Iterable[Tenure] = ()) -> list[Any]:
    """The rows of Inventory where a leaked secret lives: those of secrets that have its value, or had it by
    the ledger, or have its name.

    In an environment where it is in force, another service's value under the same name is another secret,
    and not what followed this one.
    """

    def holds(home: Any) -> bool:
        return home.fingerprint is not None and home.fingerprint == leak.fingerprint

    known = {place.secret for place in last_stays(leak.fingerprint, stays)}
    secrets = known | {one.secret for one in inventory if holds(one) or one.variable == leak.variable}
    homes = [one for one in inventory if one.secret in secrets]
    in_force = {one.environment for one in homes if holds(one)}
    return [one for one in homes if holds(one) or one.environment not in in_force]
