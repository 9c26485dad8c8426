"""What a rotation touches: the secret's twins and partners, every store that sets one, every consumer."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from audit_lib.base.errors import BadInput
from audit_lib.base.frames import rows
from audit_lib.base.in_words import nearest
from audit_lib.ledger.timeline import SecretPlace
from audit_lib.settings import ENVIRONMENTS, Consumer, Policy, SecretRule

_PLATFORM = ("export", "given values")


@dataclass(frozen=True)
class Store:
    """One place that sets the secret, or a variable that must change with it."""

    place: SecretPlace
    source: str  # the env file; of a platform what `--env` names, or the file that holds its values
    platform: bool  # a platform holds the value; no env file that is in force does
    fingerprint: str | None  # of the value in place; None if it is not known

    def __str__(self) -> str:
        where = f"the platform's variables of {self.place.environment}/{self.place.service}"
        return f"{self.place.secret} in {where if self.platform else self.source}"


@dataclass(frozen=True)
class ConsumerPlace:
    """One consumer in one environment, and how it comes to use a new value."""

    consumer: Consumer
    environment: str
    refresh: str  # restart | rebuild | reload | never
    secrets: tuple[str, ...]  # of those that change, the ones that it reads

    def __str__(self) -> str:
        return f"{self.environment}/{self.consumer.name}"


@dataclass(frozen=True)
class RotationScope:
    """The coupling graph around one secret."""

    rule: SecretRule
    twins: tuple[SecretRule, ...]  # must hold the same value
    partners: tuple[SecretRule, ...]  # must be rotated with it, each to a value of its own
    stores: tuple[Store, ...]
    consumers: tuple[ConsumerPlace, ...]

    @property
    def rules(self) -> tuple[SecretRule, ...]:
        """All that must change, the secret first."""
        return (self.rule, *self.twins, *self.partners)

    @property
    def secret(self) -> bool:
        """Whether its value must be kept from others: of an identifier or a setting nothing is revoked."""
        return self.rule.kind in ("secret", "unlisted")

    @property
    def overlap(self) -> str:
        """yes | no | unknown: whether old and new value can both be valid for a while."""
        return self.rule.overlap if self.secret else "yes"

    @property
    def environments(self) -> tuple[str, ...]:
        """Those in which something must change, from development to production."""
        found = {store.place.environment for store in self.stores}
        return (*(name for name in ENVIRONMENTS if name in found), *sorted(found - set(ENVIRONMENTS)))

    def concerned(self, places: Iterable[SecretPlace]) -> "RotationScope":
        """The part whose places held a value that leaked."""
        leaked = set(places)
        stores = tuple(store for store in self.stores if store.place in leaked)
        environments = {store.place.environment for store in stores}
        consumers = tuple(one for one in self.consumers if one.environment in environments)
        return replace(self, stores=stores, consumers=consumers)

    def within(self, environment: str) -> "RotationScope":
        """The part of one environment."""
        return replace(
            self,
            stores=tuple(store for store in self.stores if store.place.environment == environment),
            consumers=tuple(one for one in self.consumers if one.environment == environment),
        )


def rotation_scope(secret: str, policy: Policy, inventory: pd.DataFrame) -> RotationScope:
    """What the rotation of a secret touches, by the policy and what is in place.

    `BadInput` if neither the policy nor the project has such a variable.
    """
    rule = policy.rule(secret) or _unlisted(secret, policy, inventory)
    equal = {*rule.equals, *(one.name for one in policy.secrets if rule.name in one.equals)}
    paired = {*rule.rotates_with, *(one.name for one in policy.secrets if rule.name in one.rotates_with)}
    twins = tuple(one for one in policy.secrets if one.name in equal)
    partners = tuple(one for one in policy.secrets if one.name in paired - equal)
    rules = (rule, *twins, *partners)
    stores = tuple(_stores({one.name for one in rules}, inventory))
    return RotationScope(rule, twins, partners, stores, tuple(_consumers(rules, stores, policy)))


def _unlisted(secret: str, policy: Policy, inventory: pd.DataFrame) -> SecretRule:
    if (inventory["secret"] == secret).any():
        return SecretRule(name=secret, service="", kind="unlisted", required="")
    known = {*(one.name for one in policy.secrets), *inventory["secret"]}
    raise BadInput.at("SECRET", f"must be a variable of the policy or the project{nearest(secret, known)}")


def _stores(names: set[str], inventory: pd.DataFrame) -> Iterable[Store]:
    mine = inventory[inventory["secret"].isin(names)]
    here = mine[mine["state"].ne("missing")]
    platforms = set(inventory.loc[inventory["origin"].isin(_PLATFORM), "source"])
    # What is set nowhere yet can be set where it is expected.
    for row in rows(mine if here.empty else here):
        yield Store(
            place=SecretPlace.of(row),
            source=row.source,
            platform=row.source in platforms or row.state == "not supplied",
            fingerprint=row.fingerprint,
        )


def _consumers(
    rules: tuple[SecretRule, ...], stores: tuple[Store, ...], policy: Policy
) -> Iterable[ConsumerPlace]:
    """Those that the policy names, else the services that have the secret; each environment's by itself."""
    for environment in dict.fromkeys(store.place.environment for store in stores):
        here = [store.place for store in stores if store.place.environment == environment]
        readers: dict[str, list[SecretRule]] = {}
        for rule in rules:
            services = [place.service for place in here if place.secret == rule.name]
            for name in (rule.consumers or services) if services else ():
                readers.setdefault(name, []).append(rule)
        for name, read in readers.items():
            known = policy.consumer(name)
            rebuilt = any(one.restart == "rebuild" and one.service in ("", name) for one in read)
            refresh = known.refresh or ("rebuild" if rebuilt else "restart")
            yield ConsumerPlace(known, environment, refresh, tuple(one.name for one in read))
