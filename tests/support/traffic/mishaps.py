"""Mishaps to plant: newcomers, values in addresses, failing servers and starts, a clock that is set back."""

import random
from collections.abc import Iterable
from dataclasses import replace

from tests.support.traffic.background import DAY, HOUR, PEOPLE, ROUTES, Line
from tests.support.traffic.incidents import API, MINUTE, Plant, Planted, Truth, planted, stranger

DATABASE = "ERROR: sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection refused"
STOPPED = "ERROR: SECRET VALIDATION FAILED!"
STARTED = "INFO: All required secrets validated successfully"


def newcomer(chance: random.Random, at: float, label: str) -> Planted:
    """A network that never asked before is answered on protected routes, some times in an hour."""
    client = stranger(chance).replace("203.0.", "203.1.")  # no attacker's network
    times = sorted(chance.uniform(0, HOUR) for _ in range(6))
    lines = [Line(at + time, client, chance.choice(ROUTES), 200, label) for time in times]
    return planted("new network", label, lines, attack=False)


def value_in_address(chance: random.Random, at: float, label: str) -> Planted:
    """A known client puts a token into the query of one route, a few times."""
    client, parameter = chance.choice(PEOPLE), chance.choice(("token", "api_key", "access_token"))
    word = "".join(chance.choices("abcdefghijkmnpqrstuvwxyz23456789", k=24))
    route = f"{chance.choice(ROUTES)}?{parameter}={word}"
    lines = [Line(at + number * 7 * MINUTE, client, route, 200, label) for number in range(4)]
    return planted("secret-in-url", label, lines, attack=False)


def database(chance: random.Random, at: float, label: str) -> Planted:
    """The database cannot be reached for some minutes: each request that needs it leaves a message."""
    times = [at + chance.uniform(0, 20 * MINUTE) for _ in range(chance.randrange(3, 15))]
    lines = [Line(time, label=label, text=DATABASE) for time in times]
    return planted("application-failing", label, lines, attack=False, form="database")


def surge(chance: random.Random, at: float, label: str) -> Planted:
    """A known client meets 25 server errors within eight minutes."""
    client = chance.choice(PEOPLE)
    times = [at + chance.uniform(0, 8 * MINUTE) for _ in range(25)]
    lines = [Line(time, client, API, 500, label) for time in times]
    return planted("application-failing", label, lines, attack=False, form="server errors")


def stopped(chance: random.Random, at: float, label: str) -> Planted:
    """The validation of secrets stops a start, and the platform tries twice more."""
    lines = [Line(at + number * chance.uniform(20, 60), label=label, text=STOPPED) for number in range(3)]
    return planted("application-failing", label, lines, attack=False, form="validation")


def restarts(chance: random.Random, at: float, label: str) -> Planted:
    """The application starts five times within some minutes: it dies again and again."""
    lines = [Line(at + number * chance.uniform(40, 90), label=label, text=STARTED) for number in range(5)]
    return planted("application-failing", label, lines, attack=False, form="restarts")


def nights(chance: random.Random, at: float, label: str) -> Planted:
    """For three weeks four failures a night, each of another source, hours apart: seen by no window."""
    start = at - at % DAY + 20 * HOUR
    times = [start + night * DAY + chance.uniform(0, 9 * HOUR) for night in range(21) for _ in range(4)]
    return planted("spraying", label, [Line(time, stranger(chance), API, 401, label) for time in times])


# Each with its day: nothing is new before the thirtieth, the nights begin on the fifth.
MISHAPS: tuple[tuple[Plant, int], ...] = (
    (nights, 5),
    (value_in_address, 9),
    (database, 29),
    (surge, 30),
    (stopped, 31),
    (newcomer, 33),
    (restarts, 36),
)


def set_back(chance: random.Random, at: float, label: str, lines: list[Line]) -> Planted:
    """A clock that was fast is set back by half an hour to three hours, and goes on from there."""
    back = chance.uniform(0.5, 3) * HOUR
    changed = [replace(line, shift=-back) if line.at >= at else line for line in lines]
    truth = Truth("clock", label, frozenset(), at - back, at, attack=False)
    return changed, truth


def decoys(chance: random.Random, lines: Iterable[Line]) -> list[Line]:
    """Ordinary lines that look like mishaps: single server errors, single starts, words in queries, a known
    network's new address, and a source that comes back after two weeks."""
    some = chance.sample(list(lines), 12)
    found = [replace(line, at=line.at + 1, status=500, label="", text="", client=PEOPLE[0]) for line in some]
    found += [Line(day * DAY + 12 * HOUR, text=STARTED) for day in (3, 10, 17, 24)]
    words = ("?page=2", "?token=", "?tokens=3", "?sort=key", "?q=api_key")
    found += [Line(8 * DAY + number * HOUR, PEOPLE[1], API + word) for number, word in enumerate(words)]
    found += [Line(34 * DAY + number * HOUR, "192.0.2.99", API) for number in range(9, 12)]
    found += [Line(day * DAY + 10 * HOUR, "203.0.255.7", API) for day in (19, 34)]
    return found
