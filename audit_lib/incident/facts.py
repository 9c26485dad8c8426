"""The facts that speak for or against an explanation: bursts, breaks, stale clients, newcomers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.contracts import rows
from audit_lib.base.log_kinds import OTHER_ROUTES
from audit_lib.incident.data import Scene
from audit_lib.incident.value_changes import ValueChange, changes_near
from audit_lib.ledger.tenures import Tenure
from audit_lib.logins.clients import is_internal, worst_bursts
from audit_lib.logins.requests import REFUSED, answered_or_refused, maybe_within, totals
from audit_lib.logs.route_limit import budget_of

COLLAPSE, ENOUGH = 0.95, 50  # docs/detections.md#common-gates


@dataclass(frozen=True)
class Break:
    """A stretch in which nearly every protected request failed."""

    first_at: datetime
    minutes: int
    requests: int
    failures: int
    clients: int


@dataclass(frozen=True)
class Newcomer:
    """A source that succeeded on protected routes and never had before."""

    client: str
    successes: int
    failures_before: int
    first_at: datetime


def longest_break(scene: Scene) -> Break | None:
    """The longest stretch of five minutes or more in which 90 % of all protected requests failed."""
    asked = scene.here[scene.here["protected"] & scene.here["timed"]]
    asked = asked.assign(
        slot=asked["not_before_at"].dt.floor(SLOT),
        good=asked["count"].where(asked["status"].between(200, 299), 0),
        bad=asked["count"].where(asked["status"].isin(REFUSED), 0),
    )
    sums = asked.groupby("slot")[["good", "bad"]].sum()
    sums = sums[sums["good"] + sums["bad"] > 0]
    failed = sums["bad"] >= BROKEN * (sums["good"] + sums["bad"])
    told = {slot.at: slot for slot in _slots(asked[asked["slot"].isin(sums.index[failed])])}
    runs: list[list[_Slot]] = [[]]
    for at in sums.index:
        slot = told.get(at)
        if runs[-1] and (slot is None or not slot.broken or at - runs[-1][-1].at > SILENCE):
            runs.append([])
        if slot is not None and slot.broken:
            runs[-1].append(slot)
    found = (_break(run) for run in runs if run)
    return max(found, key=lambda one: (one.failures, one.minutes), default=None)


@dataclass(frozen=True)
class _Slot:
    """Five minutes of protected requests."""

    at: datetime
    requests: int
    failures: int
    clients: frozenset[str]
    failing: frozenset[str]  # of them, who had no success: one guesser alone breaks nothing

    @property
    def broken(self) -> bool:
        """Whether nearly everyone failed, not only nearly every request."""
        return len(self.failing) >= BROKEN * len(self.clients)


def _slots(asked: pd.DataFrame) -> Iterator[_Slot]:
    """The five minutes of these requests, of which nearly all failed."""
    sums = asked.groupby(["slot", "client"], observed=True)[["good", "bad"]].sum()
    sums = sums[sums["good"] + sums["bad"] > 0].reset_index()
    for at, group in sums.groupby("slot"):
        yield _Slot(
            pd.Timestamp(str(at)),
            requests=int(group["good"].sum() + group["bad"].sum()),
            failures=int(group["bad"].sum()),
            clients=frozenset(group["client"]),
            failing=frozenset(group.loc[group["good"] == 0, "client"]),
        )


def _break(run: list[_Slot]) -> Break:
    length = int((run[-1].at + SLOT - run[0].at) / pd.Timedelta(minutes=1))
    clients = {client for slot in run for client in slot.clients}
    requests, failures = sum(slot.requests for slot in run), sum(slot.failures for slot in run)
    return Break(run[0].at, length, requests, failures, len(clients))


def newcomers(scene: Scene) -> tuple[Newcomer, ...]:
    """The sources that are new and succeeded on protected routes in the window, the busiest first."""
    new = scene.clients[scene.clients["classification"].isin(NEW) & (scene.clients["successes"] > 0)]
    if new.empty:
        return ()
    good, bad = answered_or_refused(scene.requests[scene.requests["client"].isin(new["client"])])
    found = []
    for client in rows(new):
        mine = good[(good["client"] == client.client) & maybe_within(good, scene.window)]
        first = mine["not_before_at"].min()
        before = bad[(bad["client"] == client.client) & ~(bad["not_before_at"] > first)]
        found.append(Newcomer(client.client, client.successes, int(before["count"].sum()), first))
    return tuple(sorted(found, key=lambda one: (-one.successes, one.client)))


def burst_sources(scene: Scene) -> dict[str, int]:
    """The sources with ten or more failures surely within ten minutes; "" where no address is named."""
    found = worst_bursts(scene.said)
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return {client: count for client, count in ordered if count >= BURST}


def collapsed(scene: Scene) -> tuple[float, int]:
    """The share of the window's requests that come from at most three internal addresses, and all requests.

    Above 95 % the addresses are a proxy's (docs/detections.md#common-gates).
    """
    here = scene.here[scene.here["client"] != ""]
    total = int(here["count"].sum())
    by_client = totals(here, "client").sort_values(ascending=False)
    inside = [count for client, count in by_client.items() if is_internal(str(client))][:3]
    return (sum(inside) / total if total else 0.0), total


def unpaired(scene: Scene) -> tuple[str, ...]:
    """Pairs that must hold the same value and do not, now or between two looks in the window."""
    apart = scene.drift[(scene.drift["expected"] == "same") & (scene.drift["relation"] == "different")]
    apart = apart[apart["why"] == "pairing"]
    now = [f"{row.secret} and {row.other_secret} differ in {row.environment}" for row in rows(apart)]
    return tuple(dict.fromkeys([*now, *_unpaired_then(scene)]))


def _unpaired_then(scene: Scene) -> Iterator[str]:
    """Looks within the window that saw two halves of a pair apart."""
    for name in sorted({stay.home.secret for stay in scene.stays}):
        rule = scene.policy.rule(name)
        for other in rule.equals if rule else ():
            for mine, theirs in _overlapping(scene, name, other):
                if mine.fingerprint != theirs.fingerprint:
                    start = max(mine.first.at, theirs.first.at)
                    end = min(mine.last.at, theirs.last.at)
                    if start <= end and start <= scene.window.until and end >= scene.window.since:
                        yield f"{name} and {other} differed in {mine.home.environment} by {iso(start)}"


def _overlapping(scene: Scene, name: str, other: str) -> Iterator[tuple[Tenure, Tenure]]:
    for mine in scene.stays:
        for theirs in scene.stays:
            same_place = mine.home.environment == theirs.home.environment
            if mine.home.secret == name and theirs.home.secret == other and same_place:
                yield mine, theirs


def failures_in(scene: Scene) -> tuple[int, int, int]:
    """Refused requests, failed logins and rate-limited requests that may lie in the window."""
    kinds = scene.said["kind"].value_counts()
    refused = int(kinds.get("unauthorized", 0) + kinds.get("forbidden", 0))
    return refused, int(kinds.get("login_failed", 0)), int(kinds.get("rate_limited", 0))


def unnamed_routes(scene: Scene) -> int:
    """How many answered or refused requests stand under one name: whether they are protected is not known."""
    others = scene.requests[scene.requests["route"].eq(OTHER_ROUTES)]
    return int(others["count"].where(budget_of(others["status"].to_numpy()) == 0, 0).sum())


def untimed_share(scene: Scene) -> float:
    """Which share of the requests that may lie in the window carries no time of its own."""
    here = scene.here
    total = here["count"].sum()
    return float(here.loc[~here["timed"], "count"].sum() / total) if total else 0.0


@dataclass(frozen=True)
class Facts:
    """What was computed once, for all explanations."""

    scene: Scene
    windows: pd.DataFrame  # ExposureWindows
    changes: tuple[ValueChange, ...]
    longest_break: Break | None
    newcomers: tuple[Newcomer, ...]
    bursts: dict[str, int]
    share_internal: float
    requests: int
    unpaired: tuple[str, ...]
    refused: int
    failed_logins: int
    limited: int
    unnamed_routes: int

    @property
    def collapsed(self) -> bool:
        """Whether the addresses are a proxy's."""
        return self.share_internal > COLLAPSE and self.requests >= ENOUGH

    @property
    def stale(self) -> set[str]:
        """The sources that had succeeded and failed after a change."""
        return {client for change in self.changes for client in change.stale}

    @property
    def broken(self) -> bool:
        """Whether for five minutes or more nearly everyone failed."""
        gap = self.longest_break
        return gap is not None and gap.minutes >= 5 and gap.failures >= 5 and gap.clients >= 2


def gathered(scene: Scene, windows: pd.DataFrame) -> Facts:
    """The facts about a scene."""
    share, requests = collapsed(scene)
    refused, failed, limited = failures_in(scene)
    return Facts(
        scene=scene,
        windows=windows,
        changes=changes_near(scene),
        longest_break=longest_break(scene),
        newcomers=newcomers(scene),
        bursts=burst_sources(scene),
        share_internal=share,
        requests=requests,
        unpaired=unpaired(scene),
        refused=refused,
        failed_logins=failed,
        limited=limited,
        unnamed_routes=unnamed_routes(scene),
    )


BURST = 10  # failures in ten minutes: the guide's own alert (docs/detections.md#house)
NEW = ("new network", "new address")
BROKEN, SLOT = 0.9, pd.Timedelta(minutes=5)  # docs/detections.md#a10
SILENCE = 3 * SLOT  # after it a break is another one: of rare requests some fail in a row by chance
