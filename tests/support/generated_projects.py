"""Small applications from a seed, with the truth of what a review must count in them."""

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from tests.support.fakes import fake_value
from tests.support.planter import Plot, new_plot

AS_OF = datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)
FIRST = datetime(2026, 7, 1, tzinfo=UTC)  # of the quarter
FILES = {
    "development": "backend/.env",
    "staging": "deploy/backend.staging.env",
    "production": "deploy/backend.production.env",
}
NAMES = (
    "API_TOKEN",
    "JWT_SECRET_KEY",
    "STRIPE_KEY",
    "MAIL_PASSWORD",
    "S3_SECRET",
    "HOOK_SECRET",
    "CACHE_KEY",
)
STATUSES = (200, 200, 200, 302, 401, 401, 403, 404, 429, 500)
REFUSED = (401, 403, 429)
LIMITS = (30, 90, 180)


@dataclass
class Truth:
    """What was put into a project."""

    held: dict[tuple[str, str], str] = field(default_factory=dict)  # value by secret and environment
    written_days: dict[str, int] = field(default_factory=dict)  # how long ago the environment's file was
    committed: set[str] = field(default_factory=set)
    limits: dict[str, int] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    refused_on: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    junk: int = 0
    blank: int = 0

    @property
    def leaked(self) -> set[str]:
        """The values in use that were committed."""
        return {value for value in self.held.values() if value in self.committed}

    @property
    def too_old(self) -> set[tuple[str, str]]:
        """Secret and environment of what the dates of the files with its value show to be over its limit."""
        oldest: dict[str, int] = {}
        for (_, environment), value in self.held.items():
            oldest[value] = max(oldest.get(value, 0), self.written_days[environment])
        return {one for one, value in self.held.items() if oldest[value] > self.limits[one[0]]}


def write_project(root: Path, seed: int) -> Truth:
    """Write the project of a seed into a new folder; the same each time."""
    random, truth, plot = Random(f"project {seed}"), Truth(), new_plot(root)
    names = random.sample(NAMES, random.randint(2, len(NAMES)))
    truth.limits = {name: random.choice(LIMITS) for name in names}
    for environment in random.sample(list(FILES), random.randint(1, 3)):
        truth.written_days[environment] = random.choice((3, 45, 120, 200))
        for name in names:
            others = [value for (held, _), value in truth.held.items() if held == name]
            again = bool(others) and random.random() < 0.2
            value = others[0] if again else fake_value(f"{seed} {environment} {name}", 40)
            truth.held[name, environment] = value
    _configure(plot, truth)
    _commit(plot, truth, random)
    _log(plot, truth, random)
    for environment, days in truth.written_days.items():
        lines = [f"{name}={value}" for (name, there), value in truth.held.items() if there == environment]
        plot.file(FILES[environment], "\n".join([*lines, ""]))
        at = (AS_OF - timedelta(days=days)).timestamp()
        os.utime(plot.root / FILES[environment], (at, at))
    return truth


def _configure(plot: Plot, truth: Truth) -> None:
    envs = "".join(
        f'[[env]]\npath = "{FILES[one]}"\nservice = "backend"\nenvironment = "{one}"\n\n'
        for one in truth.written_days
    )
    log = '[[log]]\npattern = "logs/*.log"\nservice = "backend"\nenvironment = "production"\ninstances = 1\n'
    secrets = "".join(
        f'\n[[secret]]\nname = "{name}"\nservice = "backend"\nkind = "secret"\nmax_age_days = {limit}\n'
        for name, limit in truth.limits.items()
    )
    head = 'name = "made"\nextends = "generic"\ntime_zone = "UTC"\n\n'
    plot.file("audit.toml", f"{head}{envs}{log}{secrets}")
    plot.commit(".gitignore", ".env\n*.env\nlogs/\n", "Begin")


def _commit(plot: Plot, truth: Truth, random: Random) -> None:
    """Some values in documents of the history, each on a day of its own."""
    for number, value in enumerate(sorted(set(truth.held.values()))):
        if random.random() < 0.3:
            truth.committed.add(value)
            plot.clock = int((AS_OF - timedelta(days=random.choice((10, 60, 150, 250)))).timestamp())
            plot.commit(f"docs/note-{number}.md", f"Use {value} for now.\n")


def _log(plot: Plot, truth: Truth, random: Random) -> None:
    lines = []
    for _ in range(random.randint(20, 300)):
        truth.lines += 1
        kind = random.random()
        if kind < 0.04:
            truth.junk += 1
            lines.append(f"~~ {random.random()} z z; {random.randint(0, 9)} z")
        elif kind < 0.08:
            truth.blank += 1
            lines.append("")
        else:
            at = FIRST + timedelta(minutes=random.randrange(92 * 24 * 60))
            status = random.choice(STATUSES)
            truth.statuses[status] += 1
            truth.refused_on[f"{at:%Y-%m-%d}"] += status in REFUSED
            client = f"203.0.113.{random.randint(1, 20)}"
            when = f"{at:%d/%b/%Y:%H:%M:%S} +0000"
            lines.append(f'{client} - - [{when}] "GET /api/orders HTTP/1.1" {status} 12 "-" "x"')
    plot.file("logs/app.log", "\n".join([*lines, ""]))
