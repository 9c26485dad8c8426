"""Visits by chance, with their truth, and the lines that each stack of `stacks.toml` writes about them."""

import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 11, 24, tzinfo=UTC)
REASONS = {200: "OK", 401: "Unauthorized", 404: "Not Found"}
ORDINARY = [
    ("GET", "/", 200),
    ("GET", "/api/orders?page=2", 200),
    ("POST", "/login", 200),
    ("GET", "/x", 404),
]
_FACT = re.compile("«([a-z]+)(?::([^»]*))?»")


@dataclass(frozen=True)
class Visit:
    """One request; a failed login is a POST to the login route that is answered 401."""

    number: int
    at: datetime
    client: str
    method: str
    path: str
    status: int

    @property
    def failed(self) -> bool:
        """Whether it is a failed login."""
        return self.status == 401

    def facts(self) -> dict[str, Any]:
        """What the lines of a stack may tell of it, by name."""
        seconds, is_new = self.at.timestamp(), ":" in self.client
        return {
            **vars(self),
            "host": f"[{self.client}]" if is_new else self.client,
            "family": "IPV6" if is_new else "IPV4",
            "route": self.path.partition("?")[0],
            "reason": REASONS[self.status],
            "size": self.number * 3 + 17,
            "iso": f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
            "clf": f"{self.at:%d/%b/%Y:%H:%M:%S +0000}",
            "day": self.at.day,
            "ts": seconds,
            "epoch": int(seconds),
            "ms": int(seconds * 1000),
            "us": int(seconds) * 1_000_000,
            "tai": (1 << 62) + int(seconds) + 10,  # multilog counts from 2^62 on, ten seconds ahead of UTC
        }


@dataclass(frozen=True)
class Stack:
    """How a stack writes: the templates of its lines, and what they can say."""

    name: str
    failed: list[str]
    other: list[str]
    shows: str = "unauthorized"
    timed: bool = True
    named: bool = True
    beside: int = 0

    def lines(self, visit: Visit) -> list[str]:
        """Its lines about a visit."""
        facts = visit.facts()
        templates = self.failed if visit.failed else self.other
        return [_FACT.sub(lambda named: format(facts[named[1]], named[2] or ""), text) for text in templates]


def visits(seed: int, count: int = 1_040, failed: int = 71) -> list[Visit]:
    """Visits of a few hundred clients, seven seconds apart, with so many failed logins among them."""
    rng = random.Random(seed)
    bad = set(rng.sample(range(count), failed))
    made = []
    for number in range(count):
        client = rng.choice([f"203.0.113.{rng.randrange(1, 255)}", f"2001:db8::{rng.randrange(1, 99):x}"])
        method, path, status = ("POST", "/login", 401) if number in bad else rng.choice(ORDINARY)
        made.append(Visit(number, START + timedelta(seconds=7 * number), client, method, path, status))
    return made


def stacks() -> tuple[Stack, ...]:
    """Every stack of the file."""
    listed = tomllib.loads(Path(__file__).with_name("stacks.toml").read_text("utf-8"))["stack"]
    same = ({"failed": entry.pop("lines"), **entry} if "lines" in entry else entry for entry in listed)
    return tuple(Stack(**{"other": entry["failed"], **entry}) for entry in same)


def written(stack: Stack, made: list[Visit]) -> Iterator[str]:
    """The lines of a stack about visits."""
    for visit in made:
        yield from stack.lines(visit)
