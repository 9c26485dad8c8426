"""Ordinary days: people by day, pollers, one address for many, sessions that expire, typing errors."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

HOUR, DAY = 3600, 86400
ROUTES = ("/api/positions", "/api/orders", "/api/quotes", "/api/profile", "/api/settings", "/api/news")
NAT = "198.51.100.1"
POLLERS = tuple(f"198.51.{100 + number}.7" for number in range(1, 4))
PEOPLE = tuple(f"192.0.{number}.{20 + number}" for number in range(2, 12))


@dataclass(frozen=True)
class Line:
    """One line of the log; `label` names the incident it belongs to, "" is ordinary."""

    at: float  # seconds since the first day
    client: str = ""
    route: str = ""
    status: int = 200
    label: str = ""
    text: str = ""  # a message of the application, instead of a request
    shift: float = 0.0  # seconds that the clock which wrote it was ahead


def ordinary(seed: object, days: int) -> Iterator[Line]:
    """The lines of ordinary days, in no order."""
    chance = random.Random(f"ordinary {seed}")
    for day in range(days):
        weekend = (day % 7) >= 5
        for hour in range(24):
            start = day * DAY + hour * HOUR
            yield from _people(chance, start, hour, weekend)
            for poller in POLLERS:
                for minute in range(0, 60, 10):
                    yield Line(start + minute * 60 + chance.random() * 20, poller, "/api/quotes")


def _people(chance: random.Random, start: int, hour: int, weekend: bool) -> Iterator[Line]:
    """Requests of people: many at noon, few at night; one in fifty finds its session expired."""
    rate = 14 * math.exp(-(((hour - 13) / 4.5) ** 2)) * (0.4 if weekend else 1) + 1.5
    for _ in range(poisson(chance, rate)):
        at, client = start + chance.random() * HOUR, chance.choice((*PEOPLE, NAT, NAT, NAT))
        route = chance.choice(ROUTES)
        if chance.random() < 0.02:
            yield Line(at - 2, client, route, 401)
        if chance.random() < 0.01:
            yield Line(at - 5, client, f"/api/{chance.choice(('oders', 'qoutes', 'postions'))}", 404)
        yield Line(at, client, route)


def poisson(chance: random.Random, rate: float) -> int:
    """A Poisson number (Knuth)."""
    limit, product, count = math.exp(-rate), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count
