"""Ordinary days: people by day, pollers, one address for many, sessions that expire, typing errors."""

import ipaddress
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

MINUTE, HOUR, DAY = 60, 3600, 86400
ROUTES = ("/api/positions", "/api/orders", "/api/quotes", "/api/profile", "/api/settings", "/api/news")
NAT = "198.51.100.1"
POLLERS = tuple(f"198.51.{100 + number}.7" for number in range(1, 4))
PEOPLE = tuple(f"192.0.{number}.{20 + number}" for number in range(2, 12))
OFFICE = "2001:db8:0:0"


@dataclass(frozen=True)
class Line:
    """One line of the log."""

    at: float  # seconds since the first day
    client: str = ""
    route: str = ""
    status: int = 200
    text: str = ""  # a message of the application, instead of a request
    shift: float = 0.0  # seconds that the clock which wrote it was ahead
    planted: bool = False


def ordinary(seed: object, days: int) -> Iterator[Line]:
    """The lines of ordinary days, in no order."""
    chance = random.Random(f"ordinary {seed}")
    for day in range(days):
        for hour in range(24):
            start = day * DAY + hour * HOUR
            yield from _people(chance, start, hour, is_weekend=day % 7 >= 5)
            for poller in POLLERS:
                for minute in range(0, 60, 10):
                    yield Line(start + minute * MINUTE + chance.random() * 20, poller, "/api/quotes")


def _people(chance: random.Random, start: int, hour: int, *, is_weekend: bool) -> Iterator[Line]:
    """Requests of people: many at noon, few at night; one in fifty finds its session expired."""
    rate = 14 * math.exp(-(((hour - 13) / 4.5) ** 2)) * (0.4 if is_weekend else 1) + 1.5
    for _ in range(_poisson(chance, rate)):
        at, client = start + chance.random() * HOUR, chance.choice((*PEOPLE, NAT, NAT, NAT))
        route = chance.choice(ROUTES)
        if chance.random() < 0.02:
            yield Line(at - 2, client, route, 401)
        if chance.random() < 0.01:
            yield Line(at - 5, client, f"/api/{chance.choice(('oders', 'qoutes', 'postions'))}", 404)
        yield Line(at, client, route)


def _poisson(chance: random.Random, rate: float) -> int:
    """A Poisson number (Knuth)."""
    limit, product, count = math.exp(-rate), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


def office(seed: object, days: int) -> Iterator[Line]:
    """Eight people of one /64, each with a new address every day, from 8 to 18 h on working days; one request
    in fifty finds its session expired, and on Monday morning all are."""
    chance = random.Random(f"office {seed}")
    for day in (day for day in range(days) if day % 7 < 5):
        for client in [address_in(OFFICE, chance) for _ in range(8)]:
            begin = day * DAY + 8 * HOUR + chance.uniform(0, HOUR)
            for back in range(0 if day % 7 else chance.choice((1, 2))):
                yield Line(begin - 15 * (back + 1), client, ROUTES[0], 401)
            yield Line(begin, client, ROUTES[0])
            for _ in range(30):
                at = begin + chance.uniform(0, 9 * HOUR)
                if chance.random() < 0.02:
                    yield Line(at - 2, client, chance.choice(ROUTES), 401)
                yield Line(at, client, chance.choice(ROUTES))


def address_in(place: str, chance: random.Random) -> str:
    """An address of a /64."""
    return str(ipaddress.ip_address(f"{place}::") + chance.getrandbits(64))
