"""Holds what is said of simulated secrets against what truly happened to them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from tests.support.clock_simulation import DAY, SecretLife
from tests.support.histories import NOW, freshness, inventory_row

FLAGS = ("rotated_back", "claimed_not_done", "unrecorded_rotation", "conflict")
WARN = 14


@dataclass
class Tally:
    """Counts over many secrets, and a line for each contradiction."""

    secrets: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)
    wrong_verdicts: list[str] = field(default_factory=list)
    wrong_intervals: list[str] = field(default_factory=list)
    false_flags: list[str] = field(default_factory=list)

    @property
    def unknown(self) -> float:
        """The share of unknown verdicts in per cent."""
        return 100 * self.statuses["unknown"] / self.secrets

    def add(self, life: SecretLife, row: Any) -> None:
        """Count a row of freshness of a secret."""
        self.secrets += 1
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
