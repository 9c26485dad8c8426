"""Failed logins planted among a thousand visits, as each stack writes them, are counted exactly."""

import os
import random
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.support.log_lines import read_folder
from tests.support.paths import rows_beside

START = datetime(2026, 11, 24, tzinfo=UTC)
ORDINARY = [("GET", "/", 200), ("GET", "/api/orders?page=2", 200)]
ORDINARY += [("POST", "/login", 200), ("GET", "/x", 404)]
STACKS = {stack["name"]: stack for stack in rows_beside(__file__)["stack"]}
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

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the lines of a stack may tell of it, by name."""
        seconds, is_new = int(self.at.timestamp()), ":" in self.client
        return {
            **vars(self),
            "host": f"[{self.client}]" if is_new else self.client,
            "family": "IPV6" if is_new else "IPV4",
            "route": self.path.partition("?")[0],
            "reason": HTTPStatus(self.status).phrase,
            "size": self.number * 3 + 17,
            "iso": f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
            "clf": f"{self.at:%d/%b/%Y:%H:%M:%S +0000}",
            "day": self.at.day,
            "ts": float(seconds),
            "epoch": seconds,
            "ms": seconds * 1000,
            "us": seconds * 1_000_000,
            "tai": (1 << 62) + seconds + 10,  # multilog counts from 2^62 on, ten seconds ahead of UTC
        }


def _visits(seed: int, count: int = 1_040, failed: int = 71) -> list[Visit]:
    """Visits of a few hundred clients, seven seconds apart, with so many failed logins among them."""
    rng = random.Random(seed)
    bad = set(rng.sample(range(count), failed))
    made = []
    for number in range(count):
        client = rng.choice([f"203.0.113.{rng.randrange(1, 255)}", f"2001:db8::{rng.randrange(1, 99):x}"])
        asked = ("POST", "/login", 401) if number in bad else rng.choice(ORDINARY)
        made.append(Visit(number, START + timedelta(seconds=7 * number), client, *asked))
    return made


MADE = _visits(7)
FAILED = [visit for visit in MADE if visit.status == 401]


def _lines(stack: dict[str, Any], visit: Visit) -> list[str]:
    """The lines of a stack about a visit."""
    failed = stack.get("lines") or stack["failed"]
    templates = failed if visit.status == 401 else stack.get("other", failed)
    facts = visit.facts
    return [_FACT.sub(lambda named: format(facts[named[1]], named[2] or ""), text) for text in templates]


@pytest.mark.parametrize("name", STACKS)
def test_planted_failures_are_counted_with_client_and_time(name: str, tmp_path: Path) -> None:
    """As many failures as were planted, with client and time if the stack writes them; no line is lost."""
    stack, path = STACKS[name], tmp_path / "app.log"
    path.write_text("".join(f"{line}\n" for visit in MADE for line in _lines(stack, visit)))
    os.utime(path, (MADE[-1].at.timestamp() + 60,) * 2)
    read = read_folder(tmp_path)
    kind = stack.get("shows", "unauthorized")
    shown = read.events[read.events["kind"].eq(kind)]
    if kind == "login_failed":
        possible = read.counts.loc[read.counts["kind"].eq("possible_login_failure"), "count"].sum()
        assert possible == stack.get("beside", 0) * len(FAILED)
    if kind == "unauthorized":
        requests = read.counts[read.counts["status"].notna()]
        statuses = requests.groupby("status")["count"].sum().to_dict()
        assert statuses == Counter(visit.status for visit in MADE)
    assert len(shown) == len(FAILED)
    is_named, is_timed = stack.get("named", True), stack.get("timed", True)
    assert Counter(shown["client"]) == Counter(str(ip_address(one.client)) * is_named for one in FAILED)
    times = [visit.at for visit in FAILED if is_timed]
    assert shown["at"].dropna().dt.to_pydatetime().tolist() == times
    assert read.sources.iloc[0][["not_understood", "blank"]].tolist() == [0, 0]
