"""Whatever happened, and however badly it was recorded: no verdict is wrong, the truth is in the interval."""

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from audit_lib.ledger import Entry
from tests.support.histories import (
    NOW,
    Life,
    ago,
    entry,
    freshness,
    inventory_row,
    present,
    rotation,
    snapshot,
    value,
)

OLD, NEW = "11111111", "22222222"
DAYS = 500
BATCH = 50


class World:
    """Some secrets in production and staging, each with its own misfortunes, and one ledger of them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.as_of = NOW if self.chance.random() < 0.6 else ago(self.chance.choice((0.5, 5, 40)))
        self.key_changed = self.chance.choice((None, None, ago(self.chance.uniform(10, 300))))
        self.key_lost = self.chance.random() < 0.3
        self.production: list[Life] = []
        self.staging: list[Life] = []
        self.touches: dict[str, list[datetime]] = {}
        for number in range(BATCH):
            self._live(number)
        self.entries = [*self._snapshots(), *self._records(), *self._bridge()]

    def _live(self, number: int) -> None:
        """Two lives: staging first, since production sometimes adopts what staging has had for long."""
        service = f"svc{number}"
        source = f"{service}/.env" if number % 2 else f"--env production/{service}"
        staging = Life(("S", "staging", service), f"{service}/.env.staging")
        production = Life(("S", "production", service), source)
        for life, elsewhere in ((staging, []), (production, staging.changes)):
            others = [what for _, what in elsewhere]
            at = ago(self.chance.uniform(DAYS, 2 * DAYS))
            turn = 0
            while at <= NOW:
                life.changes.append((at, self._next_value(life, others, number, turn)))
                at += timedelta(days=self.chance.choice((2, 20, 90, 200)) * self.chance.uniform(0.5, 1.6))
                turn += 1
        for life in (staging, production):
            written = [at for at, _ in life.changes]
            touched = [ago(self.chance.uniform(0, DAYS)) for _ in range(self.chance.choice((0, 0, 3)))]
            self.touches[life.source] = sorted(written + touched)
        self.staging.append(staging)
        self.production.append(production)

    def _next_value(self, life: Life, others: list[str | None], number: int, turn: int) -> str | None:
        dice = self.chance.random()
        if dice < 0.1 and life.changes:
            return None
        if dice < 0.3 and life.changes:
            return self.chance.choice(life.changes)[1]
        if dice < 0.4 and others:
            return self.chance.choice(others)
        return value(life.place, number, turn)

    def written(self, life: Life, at: datetime) -> datetime:
        """The last write of a life's file, as one sees it at an instant."""
        return max(when for when in self.touches[life.source] if when <= at)

    def key_at(self, at: datetime) -> str:
        """The id of the key in use at an instant."""
        return OLD if self.key_changed and at < self.key_changed else NEW

    def fingerprint(self, what: str, key_id: str = NEW) -> str:
        """A value under a key."""
        return value(key_id, what)

    def _seen(self, life: Life, at: datetime) -> list[dict[str, Any]]:
        what = life.at(at)
        if what is None:
            return []
        stamp = (
            None if life.source.startswith("--env") else self.written(life, at).strftime("%Y-%m-%dT%H:%M:%SZ")
        )
        return [present(life.place, self.fingerprint(what, self.key_at(at)), life.source, modified_at=stamp)]

    def _snapshots(self) -> list[Entry]:
        cadence = self.chance.choice((7, 30, 91))
        found = []
        for step in range(int(DAYS / cadence)):
            at = ago(step * cadence + self.chance.uniform(0, 3)).replace(microsecond=0)
            if self.chance.random() < 0.2:
                continue  # a missed audit
            read = [one for one in (*self.production, *self.staging) if self.chance.random() < 0.85]
            secrets = [row for life in read for row in self._seen(life, at)]
            places = tuple((life.place[1], life.place[2], life.source) for life in read)
            writer = self.chance.choice(("ci", "alice"))
            found.append(snapshot(at, secrets, places, writer=writer, seq=step, key_id=self.key_at(at)))
        return found

    def _records(self) -> list[Entry]:
        """True and false claims, with the value, or with none."""
        found = []
        for number, life in enumerate(self.production):
            moments = [at for at, _ in life.changes if at > ago(DAYS) and self.chance.random() < 0.4]
            moments += [ago(self.chance.uniform(1, DAYS)) for _ in range(self.chance.choice((0, 1, 2)))]
            for turn, claimed in enumerate(moments):
                at = (claimed + timedelta(days=self.chance.uniform(0, 3))).replace(microsecond=0)
                what = life.at(at)
                seen = (
                    self.fingerprint(what, self.key_at(at)) if what and self.chance.random() < 0.6 else None
                )
                day_only = self.chance.random() < 0.5
                if at <= NOW:
                    found.append(
                        rotation(
                            at,
                            life.place,
                            claimed,
                            seen,
                            source=life.source,
                            day_only=day_only,
                            writer="ops",
                            seq=1000 * number + turn,
                            key_id=self.key_at(at),
                        )
                    )
        return found

    def _bridge(self) -> list[Entry]:
        if self.key_changed is None:
            return []
        at = self.key_changed
        held = [what for life in (*self.production, *self.staging) if (what := life.at(at))]
        links = (
            {} if self.key_lost else {self.fingerprint(what, OLD): self.fingerprint(what) for what in held}
        )
        body = {"from_key_id": OLD, "lost": self.key_lost, "links": links, "heads": {}}
        return [entry(at, "key bridge", body, key_id=NEW, writer="zz")]

    def sightings(self, what: str) -> list[datetime]:
        """When a value was seen, wherever: the age runs since it is in force here or was seen before that."""
        prints = {self.fingerprint(what, OLD), self.fingerprint(what)}
        bodies = [(one.at, one.body.get("secrets", [one.body])) for one in self.entries]
        files = [life for life in (*self.production, *self.staging) if life.at(NOW) == what]
        recorded = [at for at, rows in bodies if any(row.get("fingerprint") in prints for row in rows)]
        return recorded + [self.written(life, NOW) for life in files]

    def review(self) -> Any:
        """Freshness as the tool sees it, of what stands in the project now."""
        inventory, files = [], {}
        for life in (*self.production, *self.staging):
            what = life.at(NOW)
            inventory.append(inventory_row(life.place, self.fingerprint(what) if what else None, life.source))
            if not life.source.startswith("--env"):
                files[life.source] = self.written(life, NOW)
        table, evidence = freshness(inventory, self.entries, as_of=self.as_of, files=files)
        return table, evidence


def contradictions(world: World, table: Any) -> list[str]:
    """What the truth has to say against the table; empty if every row holds."""
    by_place = {life.place: life for life in (*world.production, *world.staging)}
    found = []
    for row in table.itertuples():
        life = by_place[row.secret, row.environment, row.service]
        what = life.at(NOW)
        if what is None:
            found += [] if row.status == "exempt" else [f"{row.Index}: {row.status} without a value"]
            continue
        uses = [at for other in by_place.values() for at in other.uses(what, world.as_of)]
        own = life.uses(what, world.as_of)
        if not own:
            found += [] if row.status == "unknown" else [f"{row.Index}: {row.status} before it was adopted"]
            continue
        youngest = (world.as_of - max(own)).total_seconds() / 86_400
        oldest = (world.as_of - min(uses)).total_seconds() / 86_400
        # Nobody saw the value go and come back: its use counts from before.
        limit = {"fresh": 76, "due": 90}.get(row.status)
        if limit is not None and youngest > limit:
            found.append(f"{row.Index}: {row.status} at {youngest:.1f} days")
        if row.status == "overdue" and oldest <= 90:
            found.append(f"{row.Index}: overdue at {oldest:.1f} days")
        low = row.age_days_min if row.age_days_min == row.age_days_min else 0
        high = row.age_days_max if row.age_days_max == row.age_days_max else 1e9
        ages = [(world.as_of - at).total_seconds() / 86_400 for at in (*uses, *world.sightings(what))]
        # A second is what the ledger cuts off, five minutes is what no clock tells apart.
        if not row.conflict and not any(low - 1 / 288 <= age < high + 1 / 288 for age in ages):
            found.append(f"{row.Index}: no use in [{low:.2f}, {high:.2f}], used {youngest:.2f} days ago")
        single = len(uses) == 1 and life.uses(what, world.as_of) == uses
        if single and not row.conflict and not low <= youngest < high + 1e-9:
            found.append(f"{row.Index}: {youngest:.2f} days is not in [{low:.2f}, {high:.2f}]")
    return found


@pytest.mark.parametrize("part", range(10))
def test_no_history_makes_a_wrong_verdict(part: int, long_run: bool) -> None:
    """Values from elsewhere, false claims, re-use, late reviews, missed audits, changed and lost keys."""
    worlds = [World(seed) for seed in range(part, 80 if long_run else 10, 10)]
    statuses: Counter[str] = Counter()
    for world in worlds:
        table, _ = world.review()
        assert contradictions(world, table) == []
        statuses.update(table["status"])
    if long_run:
        assert set(statuses) == {"fresh", "due", "overdue", "unknown", "exempt"}
