"""Two simulated years of a secret on machines with wrong clocks: what happened beside what is said of it.
Each secret has a home of its own: a platform, or an env file on one machine with copies on others. What
befalls it is drawn from a seed: rotations, restores, copies, edits of another variable, images, clones that
lag; irregular snapshots by several writers, records true and false."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from audit_lib.base.clock import iso, parse_instant
from audit_lib.ledger import Entry
from audit_lib.ledger.timeline import SecretPlace
from audit_lib.secrets.ages import seen_already
from tests.support.histories import (
    NOW,
    ago,
    freshness,
    inventory_row,
    ledger_of,
    present,
    rotation,
    snapshot,
    value,
)

DAYS = 730
BERLIN = ZoneInfo("Europe/Berlin")  # its clocks went back and forth four times in these two years
IMAGE_TIME = datetime(1980, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
COUNTER = iter(range(10**9))
FLAGS = ("rotated_back", "claimed_not_done", "unrecorded_rotation", "conflict")
WARN = 14


@dataclass
class Copy:
    """One machine's copy of the value: (since, value, the file's time as that machine has it).
    Its clock: (from a true instant on, wrong by), in order of time."""

    writer: str
    steps: list[tuple[datetime, timedelta]]
    states: list[tuple[datetime, str, datetime]] = field(default_factory=list)

    def shows(self, at: datetime) -> datetime:
        """What the clock shows at a true instant, to the second."""
        wrong = [by for since, by in self.steps if since <= at]
        return (at + wrong[-1]).replace(microsecond=0)

    def put(self, at: datetime, what: str, written: datetime | None = None) -> None:
        """Write the file; `written` where its time was kept, by cp -p or from an archive."""
        self.states.append((at, what, written or self.shows(at)))
        self.states.sort(key=lambda state: state[0])

    def at(self, instant: datetime) -> tuple[str, datetime] | None:
        """Value and file time at an instant."""
        held = [state for state in self.states if state[0] <= instant]
        return held[-1][1:] if held else None

    def adoptions(self, what: str) -> list[datetime]:
        """Each instant at which a value took another's place."""
        before = [None, *(held for _, held, _ in self.states)]
        return [at for (at, held, _), last in zip(self.states, before, strict=False) if held == what != last]


class SecretLife:
    """One secret with its home, its ledger and the truth."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(f"life {seed}")
        self.period = self.chance.choice((90, 180))  # those of the guide, in equal parts
        self.is_file = self.chance.random() < 0.6
        self.place = ("TOKEN", "production", f"svc{seed}")
        self.source = f"svc{seed}/.env" if self.is_file else f"--env production/svc{seed}"
        self.origin = self._machine("origin")
        self.recorder = self._machine("ops")  # somebody who records what was done there
        self.rotations: list[tuple[datetime, str]] = []
        self.restored: list[datetime] = []
        self.claims: list[tuple[datetime, str]] = []  # a rotation that was recorded, and what it brought in
        self.backups: list[dict[str, Any]] = []
        self._rotate()
        if self.is_file:
            self._befall()
        self.copies = [self.origin, *self._clones()]
        self.entries = self._snapshots()
        self._record()
        self.reviewer = self._reviewer()
        self._look()

    def _machine(self, name: str) -> Copy:
        kind = self.chance.choice(("right", "right", "constant", "jumping"))
        hours = [0.0] if kind == "right" else [self.chance.uniform(-12, 14)]
        steps = [(ago(5000), hours[0] * HOUR)]
        if kind == "jumping":
            days = sorted((self.chance.uniform(0, DAYS) for _ in range(3)), reverse=True)
            steps += [(ago(day), self.chance.uniform(-12, 14) * HOUR) for day in days]
        return Copy(f"{name}-{self.seed}", steps)

    def _rotate(self) -> None:
        at = ago(DAYS + self.chance.uniform(0, 1.6) * self.period)
        while at < NOW:
            what = value("life", self.seed, len(self.rotations))
            self.rotations.append((at, what))
            self.origin.put(at, what)
            at += self.chance.uniform(0.5, 1.6) * self.period * DAY

    def _befall(self) -> None:
        """What befalls a file: its time moves, or an older content comes back with its time."""
        for _ in range(self.chance.choice((0, 2, 4))):
            at = ago(self.chance.uniform(0.1, DAYS))
            state = self.origin.at(at)
            if state is None:
                continue
            event = self.chance.choice(("edit", "cp", "image", "restore"))
            if event in ("edit", "cp"):
                self.origin.put(at, state[0])
            elif event == "image":
                self.origin.put(at, state[0], IMAGE_TIME)
            elif before := self.origin.at(at - self.chance.uniform(5, 60) * DAY):
                self.origin.put(at, *before)
                self.restored.append(at)
        if self.chance.random() < 0.3:
            at = ago(self.chance.uniform(0.1, DAYS))
            what, written = self.origin.at(at) or (None, None)
            kept = written if self.chance.random() < 0.5 else self.origin.shows(at)
            if what and kept != IMAGE_TIME:
                line = {"source": f"{self.source}.bak", "name": "TOKEN", "fingerprint": what}
                self.backups.append({**line, "modified_at": kept})

    def _clones(self) -> list[Copy]:
        """Copies on other machines, or other machines that look at the one platform."""
        found = []
        for number in range(self.chance.choice((0, 0, 1, 2))):
            copy = self._machine(f"clone{number}")
            if not self.is_file:
                copy.states = self.origin.states
            else:
                begun = ago(self.chance.uniform(30, DAYS))
                copy.put(begun, self.origin.at(begun)[0])
                for at, what, _ in list(self.origin.states):
                    then = at + self.chance.uniform(0, 20) * DAY
                    if begun < then < NOW and self.origin.at(then)[0] == what:
                        copy.put(then, what)
            found.append(copy)
        return found

    def _snapshots(self) -> list[Entry]:
        """Monthly by each writer, irregular; some are missed, some lack the value."""
        entries, every = list[Entry](), 30
        for copy in self.copies:
            day = DAYS - self.chance.uniform(0, every)
            last = datetime.min.replace(tzinfo=UTC)
            while day > 0:
                at, day = ago(day), day - every * self.chance.uniform(0.7, 1.3)
                shown = copy.shows(at)
                if self.chance.random() < 0.03 or copy.at(at) is None or shown < last:
                    continue  # append refuses what is dated before its chain's end
                last = shown
                lacking = not self.is_file and self.chance.random() < 0.05
                entries.append(self._seen(copy, at, shown, lacking=lacking))
        return entries

    def _seen(self, copy: Copy, at: datetime, shown: datetime, *, lacking: bool = False) -> Entry:
        what, written = copy.at(at)
        stamp = {"modified_at": iso(written)} if self.is_file else {}
        rows = [] if lacking else [present(self.place, what, self.source, **stamp)]
        places = ((*self.place[1:], self.source),)
        return snapshot(shown, rows, places, writer=copy.writer, seq=next(COUNTER))

    def _record(self) -> None:
        """Half of the rotations are recorded, some days late; now and then one that was none."""
        for begun, what in self.rotations:
            at = begun + self.chance.choice((0.01, 0.2, 3)) * DAY
            if at < NOW and begun > ago(DAYS) and self.chance.random() < 0.6:
                shown = what if self.chance.random() < 0.8 else None
                if self._append_record(at, begun, shown):
                    self.claims.append((begun, what))
        if self.chance.random() < 0.15:
            at = ago(self.chance.uniform(1, DAYS))
            self._append_record(at, at - self.chance.uniform(0, 2) * DAY, None)
            self.claims.append((at, "none"))

    def _append_record(self, at: datetime, begun: datetime, what: str | None) -> bool:
        """As `record` would: without a date only if the value in place is another one than was seen."""
        who = self.chance.choice((self.origin, self.recorder))
        shown, held = who.shows(at), self.origin.at(at)
        if shown > NOW or held is None:
            return False  # the review, as of now, leaves it out
        what = held[0] if what else None
        wall = parse_instant(f"{begun.astimezone(BERLIN):%Y-%m-%d %H:%M}", "--at", BERLIN)
        claimed = self.chance.choice((wall, wall.replace(hour=0, minute=0), shown))
        if claimed > shown or (what and claimed == shown and self._seen_already(shown, what)):
            claimed = min(wall, shown - timedelta(seconds=1))
        more = {"source": self.source, "writer": who.writer, "seq": next(COUNTER)}
        day_only = claimed.hour == claimed.minute == claimed.second == 0
        self.entries.append(rotation(shown, self.place, claimed, what, day_only=day_only, **more))
        return True

    def _seen_already(self, at: datetime, what: str) -> bool:
        before = ledger_of([entry for entry in self.entries if entry.at <= at])
        return seen_already(before, SecretPlace(*self.place), self.source, what) is not None

    def _reviewer(self) -> Copy:
        """The machine that the review runs on: one that has taken a snapshot, as `review --snapshot` does."""
        wrote = {entry.writer for entry in self.entries}
        return self.chance.choice([copy for copy in self.copies if copy.writer in wrote] or [self.origin])

    def _look(self) -> None:
        """The snapshot of `review --snapshot`, by a clock that the review itself goes by."""
        mine = [entry.at for entry in self.entries if entry.writer == self.reviewer.writer]
        shown = max([min(self.reviewer.shows(NOW), NOW), *(at for at in mine if at <= NOW)])
        self.entries.append(self._seen(self.reviewer, NOW, shown))


@dataclass
class Tally:
    """Counts over many secrets, and a line for each contradiction."""

    statuses: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)
    wrong_verdicts: list[str] = field(default_factory=list)
    wrong_intervals: list[str] = field(default_factory=list)
    false_flags: list[str] = field(default_factory=list)

    def add(self, life: SecretLife, row: Any) -> None:
        """Count a row of freshness of a secret."""
        self.statuses[row.status] += 1
        what = life.reviewer.at(NOW)[0]
        uses = life.origin.adoptions(what)
        place = f"{life.seed}: {row.status} ({row.lo_at}, {row.hi_at}], in use since {[*map(str, uses)]}"
        # In force since the last use; seen before that, a value counts from its first use.
        youngest, oldest = (NOW - max(uses)) / DAY, (NOW - min(uses)) / DAY
        limit = {"fresh": life.period - WARN, "due": life.period}.get(row.status, 1e9)
        if youngest > limit or (row.status == "overdue" and oldest <= life.period):
            self.wrong_verdicts.append(place)
        ages = [(NOW - at) / DAY for at in uses]
        low = row.age_days_min if row.age_days_min == row.age_days_min else 0
        high = row.age_days_max if row.age_days_max == row.age_days_max else 1e9
        ages += [(NOW - at) / DAY for at in life.reviewer.adoptions(what)]
        if not any(low <= age <= high for age in ages):
            self.wrong_intervals.append(f"{place}; {low} to {high} days")
        truth = true_flags(life, what)
        for flag in FLAGS:
            self.flagged[flag] += bool(row[flag])
            self.true[flag] += truth[flag]
            if row[flag] and not truth[flag]:
                self.false_flags.append(f"{flag} {place}")


def true_flags(life: SecretLife, what: str) -> dict[str, bool]:
    """What holds of the value in force where the review runs."""
    uses = life.origin.adoptions(what)
    written = life.reviewer.at(NOW)[1]
    return {
        "rotated_back": len(uses) > 1,
        # Recorded, while the value had been there for longer and stayed, or came back.
        "claimed_not_done": any(at > min(uses) and new != what for at, new in life.claims),
        "unrecorded_rotation": what not in {new for _, new in life.claims} or len(uses) > 1,
        "conflict": any(at in life.restored for at in life.reviewer.adoptions(what)) and written < max(uses),
    }


def measure(seeds: Iterable[int], batch: int = 50) -> Tally:
    """The tally over the secrets of these seeds, each as a review on its reviewer's machine reads it."""
    tally = Tally()
    rest = iter(seeds)
    while lives := [SecretLife(seed) for seed in islice(rest, batch)]:
        items = [
            inventory_row(one.place, one.reviewer.at(NOW)[0], one.source, max_age_days=one.period)
            for one in lives
        ]
        table, _ = freshness(
            items,
            [entry for one in lives for entry in one.entries],
            files={one.source: one.reviewer.at(NOW)[1] for one in lives if one.is_file},
            copies=[copy for one in lives for copy in one.backups],
        )
        by_service = {row.service: row for _, row in table.iterrows()}
        for life in lives:
            tally.add(life, by_service[life.place[2]])
    return tally
