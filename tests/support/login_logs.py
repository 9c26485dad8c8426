"""What applications log about the same logins, planted by chance, with their truth."""

import random
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.support.paths import rows_beside

START = datetime(2026, 11, 24, tzinfo=UTC)
ATTACKER = "203.0.113.66"
GUESSES = 40


class Visit(NamedTuple):
    """One thing that somebody does: a login that fails or succeeds, or a page that is asked for."""

    at: datetime
    client: str
    what: str  # failed | succeeded | page


@dataclass(frozen=True)
class Application:
    """How an application writes, its pages, and what declares its logins."""

    name: str
    declaration: str
    tells_success: bool  # its log shows who got in
    access: str
    pages: list[str]
    failed: list[list[Any]]
    succeeded: list[list[Any]]


APPLICATIONS = tuple(Application(**row) for row in rows_beside(__file__)["application"])


def visits(seed: int, failed: int = 161, pages: int = 900) -> list[Visit]:
    """Visits of two weeks: people who mistype, an attacker who gets in, and pages between them."""
    chance = random.Random(seed)
    people = [f"198.51.100.{number}" for number in range(2, 32)]
    # A minute apart at least from all others, so that whose redirect is followed is beyond doubt.
    made = [
        Visit(START + timedelta(minutes=chance.randrange(14 * 24 * 60)), chance.choice(people), what)
        for what, count in (("page", pages), ("failed", failed - GUESSES), ("succeeded", 3 * failed))
        for _ in range(count)
    ]
    begun = START + timedelta(days=9, hours=3)
    made += [Visit(begun + timedelta(seconds=5 * n), ATTACKER, "failed") for n in range(GUESSES)]
    made.append(Visit(begun + timedelta(seconds=5 * GUESSES), ATTACKER, "succeeded"))
    return sorted(made)


def truth(made: list[Visit]) -> Counter[str]:
    """How many logins of each address failed."""
    return Counter(visit.client for visit in made if visit.what == "failed")


def written(application: Application, made: list[Visit], seed: int = 0) -> str:
    """The log of an application about these visits."""
    chance, lines = random.Random(seed), list[str]()
    for visit in made:
        page = [[0, chance.choice(application.pages), 200]]
        for after, text, *status in page if visit.what == "page" else getattr(application, visit.what):
            at = visit.at + timedelta(seconds=after)
            facts = {
                "client": visit.client, "user": chance.randrange(99), "request": text, "status": sum(status),
                "clf": f"{at:%d/%b/%Y:%H:%M:%S +0000}", "error": f"{at:%Y/%m/%d %H:%M:%S}",
            }  # fmt: skip
            template = application.access if status else text
            lines.append(re.sub("«([a-z]+)»", lambda named, facts=facts: str(facts[named[1]]), template))
    return "".join(f"{line}\n" for line in lines)
