"""One investigation: what was read, the window that is looked at, and what was computed from both."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import pandas as pd

from audit_lib.base.clock import iso, parse_instant
from audit_lib.ledger import Ledger
from audit_lib.ledger.decisions import Revocation, revocations
from audit_lib.ledger.timeline import Tenure, tenures
from audit_lib.logins.parameters import DetectionPolicy, detection_policy
from audit_lib.logins.requests import (
    Window,
    instants_written,
    maybe_within,
    tabulate_clients,
    tabulate_spans,
    within,
)
from audit_lib.settings import Policy, Project

T = TypeVar("T")


class LastComputed:
    """What was computed last under each name, and for what: while a picker moves, nothing is done twice."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Hashable, object]] = {}

    def get(self, name: str, made_for: Hashable, compute: Callable[[], T]) -> T:
        """The value under a name; computed if it is asked for the first time, or for something else."""
        if name not in self._kept or self._kept[name][0] != made_for:
            self._kept[name] = (made_for, compute())
        value: T = self._kept[name][1]  # type: ignore[assignment]
        return value


@dataclass(frozen=True)
class Note:
    """One observation of a person, with its places, and the rows that show it."""

    text: str
    places: tuple[str, ...] = ()
    frame: pd.DataFrame | None = field(default=None, compare=False)


@dataclass(frozen=True, repr=False)
class Investigation:
    """What is asked, and what was read; frames by their contracts. Holds no value: the keeper does."""

    project: Project
    policy: Policy
    as_of: datetime
    window: Window
    secret: str  # the one under suspicion; "" if none is named
    client: str  # the address to look at; "" if none is named
    discovered: str  # when it was seen first, as somebody says
    sources: pd.DataFrame
    requests: pd.DataFrame  # Requests, all that were read
    events: pd.DataFrame  # LogEvents, all that were read, `bounded`
    log_counts: pd.DataFrame  # LogCounts, all that were read
    ledger: Ledger
    history: pd.DataFrame  # EnvHistory
    deploys: pd.DataFrame  # Deploys, of all lists that were read
    inventory: pd.DataFrame
    freshness: pd.DataFrame
    drift: pd.DataFrame
    leaks: pd.DataFrame
    leak_places: pd.DataFrame
    leak_coverage: pd.DataFrame
    triggers: pd.DataFrame  # Triggers, of the lists that are named
    notes: list[Note] = field(default_factory=list, compare=False)  # what was written down while looking
    computed: LastComputed = field(default_factory=LastComputed, repr=False, compare=False)

    def __repr__(self) -> str:
        asked = ", ".join(filter(None, (self.client, self.secret))) or "what stands out"
        since, until = iso(self.window.since), iso(self.window.until)
        return f"Investigation of {self.project.name} from {since} to {until}: {asked}"

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """What depends on neither window nor secret: computed when it is first asked for."""
        return self.computed.get(name, (), compute)

    def of_window(self, name: str, compute: Callable[[], T]) -> T:
        """What depends on the window alone."""
        return self.computed.get(name, self.window, compute)

    def of_secret(self, name: str, compute: Callable[[], T]) -> T:
        """What depends on the secret alone."""
        return self.computed.get(name, self.secret, compute)

    def of_both(self, name: str, compute: Callable[[], T]) -> T:
        """What depends on the window and on the secret."""
        return self.computed.get(name, (self.window, self.secret), compute)

    @property
    def name(self) -> str:
        """A name for the record: project, day, and what is looked into."""
        what = self.secret or self.client or "logins"
        return f"{self.project.name}-{self.window.since:%Y%m%d}-{what}"

    @property
    def pinned(self) -> bool:
        """Whether it is looked at as of the instant that the sample's audit.toml pins."""
        pinned = self.project.pinned_as_of
        return bool(pinned) and parse_instant(pinned, "pinned_as_of") == self.as_of

    @property
    def rules(self) -> DetectionPolicy:
        """What the detections go by: the policy's [detections], the only thresholds there are."""
        return self.once("rules", lambda: detection_policy(self.policy))

    @property
    def newcomer_days(self) -> float:
        """Days without a request that make an address new."""
        return self.rules.let_in.days

    @property
    def tenures(self) -> tuple[Tenure, ...]:
        """Which value was in force where and when, by the ledger."""
        return self.once("tenures", lambda: tenures(self.ledger))

    @property
    def revocations(self) -> tuple[Revocation, ...]:
        """What somebody recorded as revoked."""
        return self.once("revocations", lambda: revocations(self.ledger))

    @property
    def spans(self) -> pd.DataFrame:
        """Of each address the first and the last instant in all that was read."""
        return self.once("spans", lambda: tabulate_spans(self.requests))

    @property
    def written(self) -> pd.DataFrame:
        """The instants at which each log was written: `file`, `at`, `line`."""
        return self.once("written", lambda: instants_written(self.requests, self.events))

    @property
    def here(self) -> pd.DataFrame:
        """The requests that may lie in the window: of millions a few, so they are chosen once."""
        return self.of_window("here", lambda: within(self.requests, self.window))

    @property
    def said(self) -> pd.DataFrame:
        """The events that may lie in the window."""
        return self.of_window("said", lambda: self.events[maybe_within(self.events, self.window)])

    @property
    def seen(self) -> bool:
        """Whether any line that was read may lie in the window; if none, what happened is not known."""
        return not (self.here.empty and self.said.empty)

    @property
    def clients(self) -> pd.DataFrame:
        """`Clients`: everyone who may have sent a request in the window."""
        return self.of_window("clients", self._clients)

    def _clients(self) -> pd.DataFrame:
        all_real = bool(self.rules.clients)
        return tabulate_clients(self.requests, self.window, self.newcomer_days, all_real=all_real)
