"""What the tables of an incident are made from: the frames that were read, and the window."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pandas as pd

from audit_lib.base.contracts import rows
from audit_lib.ledger.revocations import Revocation
from audit_lib.ledger.tenures import Tenure
from audit_lib.logins.requests import Window, maybe_within, within
from audit_lib.project.policy import Policy


@dataclass(frozen=True)
class Scene:
    """Everything that is known of the place and time of an incident; frames by their contracts."""

    window: Window
    as_of: datetime
    policy: Policy
    secret: str  # the one under suspicion; "" where none is named
    requests: pd.DataFrame  # Requests, all that were read
    events: pd.DataFrame  # LogEvents, all that were read, `bounded`
    spans: pd.DataFrame  # of each client the first and last instant in all that was read
    daily: pd.DataFrame  # how many timed successes each client had on each day
    written: pd.DataFrame  # file, at: the instants at which each log was written
    clients: pd.DataFrame  # Clients, of the window
    stays: tuple[Tenure, ...]
    revocations: tuple[Revocation, ...]
    history: pd.DataFrame  # EnvHistory
    deploys: pd.DataFrame  # Deploys, of all lists that were read
    inventory: pd.DataFrame
    drift: pd.DataFrame
    leaks: pd.DataFrame
    leak_places: pd.DataFrame

    @cached_property
    def here(self) -> pd.DataFrame:
        """The requests that may lie in the window: of millions a few, so they are chosen once."""
        return within(self.requests, self.window)

    @cached_property
    def said(self) -> pd.DataFrame:
        """The events that may lie in the window."""
        return self.events[maybe_within(self.events, self.window)]

    @property
    def seen(self) -> bool:
        """Whether any line that was read may lie in the window; if none, what happened is not known."""
        return not (self.here.empty and self.said.empty)

    def fingerprints(self, secret: str) -> frozenset[str]:
        """Every value that a secret has or had, by ledger, history and env files."""
        held = {stay.fingerprint for stay in self.stays if stay.home.secret == secret}
        rule = self.policy.rule(secret)
        names = {secret, *(rule.aliases if rule else ())}
        committed = self.history.loc[self.history["name"].isin(names), "fingerprint"]
        here = self.inventory.loc[self.inventory["secret"] == secret, "fingerprint"].dropna()
        return frozenset({*held, *committed, *here})

    def public_twins(self, secret: str) -> tuple[str, ...]:
        """The public variables that hold, or held, one of the secret's values: a bundle shows them."""
        values = self.fingerprints(secret)
        same = self.inventory["fingerprint"].isin(values) & self.inventory["public"]
        named = set(self.inventory.loc[same, "secret"])
        rules = {name for name in self.fellows(secret) if self._is_public(name)}
        shared = {name for name in rules if self.fingerprints(name) & values}
        return tuple(sorted(named | shared | ({secret} if self._is_public(secret) else set())))

    def fellows(self, secret: str) -> tuple[str, ...]:
        """The variables that must change with a secret, by the policy: its equals and its pair."""
        rule = self.policy.rule(secret)
        return tuple(dict.fromkeys((*rule.equals, *rule.rotates_with))) if rule else ()

    def _is_public(self, name: str) -> bool:
        rule = self.policy.rule(name)
        return (rule is not None and rule.public) or name.startswith(self.policy.public_prefixes)


def leaked_secrets(scene: Scene) -> tuple[str, ...]:
    """The secrets of which a leak is known, those in force first; a commit of an env file is one."""
    named = list(rows(scene.leaks[scene.leaks["kind"].isin(("leak", "truncated"))]))
    named.sort(key=lambda leak: (leak.in_force == "", leak.variable))
    committed = sorted(set(scene.history["name"]))
    rules = [(name, scene.policy.rule(name)) for name in (*(leak.variable for leak in named), *committed)]
    return tuple(
        dict.fromkeys(
            rule.name if rule else name for name, rule in rules if not rule or rule.kind == "secret"
        )
    )
