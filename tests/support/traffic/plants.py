"""Incidents and mishaps to plant: lines and the truth about them; accidents change ordinary lines."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate

from tests.support.traffic.background import DAY, HOUR, MINUTE, NAT, PEOPLE, POLLERS, ROUTES, Line, address_in

API = ROUTES[0]
ATTACKING = ("guessing", "spraying", "let-in", "probing", "429")
DATABASE = "ERROR: sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection refused"
STOPPED = "ERROR: SECRET VALIDATION FAILED!"
STARTED = "INFO: All required secrets validated successfully"

Write = Callable[[random.Random, float], list[Line]]  # lines from an instant on
Hosts = Callable[[random.Random, int], list[str]]  # so many addresses of one network


@dataclass(frozen=True)
class Truth:
    """What was planted: which detection has to see it, who took part, from when to when."""

    detection: str
    label: str
    clients: frozenset[str]
    first: float
    last: float

    @property
    def attack(self) -> bool:
        """Whether somebody meant it."""
        return self.detection in ATTACKING


def truth_of(detection: str, label: str, lines: Iterable[Line]) -> Truth:
    """The truth about lines that were planted."""
    mine = [line for line in lines if line.planted]
    times = [line.at for line in mine]
    return Truth(detection, label, frozenset(line.client for line in mine) - {""}, min(times), max(times))


def stranger(chance: random.Random) -> str:
    """An address of which nothing ordinary comes."""
    return f"203.0.{chance.randrange(1, 250)}.{chance.randrange(1, 250)}"


def _line(at: float, client: str = "", status: int = 401, route: str = API, text: str = "") -> Line:
    return Line(at, client, route, status, text, planted=True)


def _fails(clients: list[str], start: float, pauses: list[float]) -> list[Line]:
    """A failure of each client, with the pauses between."""
    times = accumulate([start, *pauses])
    return [_line(at, client) for at, client in zip(times, clients, strict=False)]


def _tries(count: int, low: float, high: float, chance: random.Random, at: float) -> list[Line]:
    """One source, so many tries with pauses of so many seconds."""
    client = stranger(chance)
    return _fails([client] * count, at, [chance.uniform(low, high) for _ in range(count)])


def _over_days(chance: random.Random, at: float) -> list[Line]:
    """One source, three tries a day, hours apart, for five days."""
    client, starts = stranger(chance), [day * DAY + hour * HOUR for day in range(5) for hour in (0, 3, 6)]
    return [_line(at + start + chance.uniform(0, HOUR), client) for start in starts]


def _distributed(chance: random.Random, at: float) -> list[Line]:
    """Twelve sources, three tries each, on one route within twelve minutes."""
    clients = [stranger(chance) for _ in range(12)]
    return [_line(at + chance.uniform(0, 12 * MINUTE), client) for client in clients for _ in range(3)]


def _spray(chance: random.Random, at: float) -> list[Line]:
    """One source is refused on twelve routes."""
    client = stranger(chance)
    routes = enumerate(f"/api/{letter * 5}" for letter in "abcdefghijkl")
    return [_line(at + number * chance.uniform(8, 20), client, route=route) for number, route in routes]


def _got_in(chance: random.Random, at: float) -> list[Line]:
    """One source, nine tries, then answers."""
    lines = _tries(9, 10, 40, chance, at)
    client, last = lines[0].client, lines[-1].at
    return lines + [_line(last + 70 + number * 30, client, 200) for number in range(4)]


def _flood(chance: random.Random, at: float) -> list[Line]:
    """One source, forty answers 429 within half an hour."""
    client = stranger(chance)
    return [_line(at + number * 40, client, 429) for number in range(40)]


def _night(chance: random.Random, at: float) -> list[Line]:
    """Eight more failures an hour from 02 to 04 h, of many sources: no window of one source sees it."""
    start = at - at % DAY + 2 * HOUR
    return [_line(start + chance.uniform(0, 2 * HOUR), stranger(chance)) for _ in range(16)]


def _nights(chance: random.Random, at: float) -> list[Line]:
    """For three weeks four failures a night, each of another source, hours apart: seen by no window."""
    start = at - at % DAY + 20 * HOUR
    times = [start + night * DAY + chance.uniform(0, 9 * HOUR) for night in range(21) for _ in range(4)]
    return [_line(time, stranger(chance)) for time in times]


def _scan(hosts: Hosts, chance: random.Random, at: float) -> list[Line]:
    """Thirty names that are not there, asked for by the addresses in turn."""
    names = [f"/{''.join(chance.sample('bcdfghjklmnpqrstvwxz', 7))}" for _ in range(30)]
    clients = hosts(chance, 10)
    return [_line(at + 2 * number, clients[number % 10], 404, name) for number, name in enumerate(names)]


ATTACKS: dict[str, tuple[str, Write]] = {
    "burst": ("guessing", partial(_tries, 30, 3, 12)),
    "slow": ("guessing", partial(_tries, 40, 18, 32)),
    "spaced": ("guessing", partial(_tries, 7, 15 * MINUTE, HOUR)),
    "over days": ("guessing", _over_days),
    "distributed": ("spraying", _distributed),
    "spray": ("guessing", _spray),
    "got in": ("let-in", _got_in),
    "flood": ("429", _flood),
    "night": ("spraying", _night),
    "scan": ("probing", partial(_scan, lambda chance, count: [stranger(chance)] * count)),
}


def _of_24(chance: random.Random, count: int) -> list[str]:
    """So many addresses of a /24."""
    place = chance.randrange(1, 250)
    return [f"203.2.{place}.{host}" for host in chance.sample(range(1, 250), count)]


def _of_64(chance: random.Random, count: int) -> list[str]:
    """So many addresses of a /64."""
    place = f"2001:db8:{chance.randrange(1, 65000):x}:{chance.randrange(1, 65000):x}"
    return [address_in(place, chance) for _ in range(count)]


def _hopping_burst(hosts: Hosts, chance: random.Random, at: float) -> list[Line]:
    """Twelve addresses, three tries of each in twelve minutes, and four people who fail once beside them."""
    times = sorted(chance.uniform(0, 12 * MINUTE) for _ in range(36))
    clients = [client for client in hosts(chance, 12) for _ in range(3)]
    lines = [_line(at + time, client) for time, client in zip(times, clients, strict=True)]
    return lines + [Line(at + 3 * MINUTE * n, stranger(chance), API, 401) for n in range(4)]


def _hopping_spaced(hosts: Hosts, chance: random.Random, at: float) -> list[Line]:
    """Seven tries with pauses of 15 to 60 minutes, each of another address."""
    return _fails(hosts(chance, 7), at, [chance.uniform(15, 60) * MINUTE for _ in range(7)])


def _hopping_got_in(hosts: Hosts, chance: random.Random, at: float) -> list[Line]:
    """Nine tries, each of another address, then answers to a tenth, and soon to those that failed before."""
    *failing, last = hosts(chance, 10)
    lines = _fails(failing, at, [chance.uniform(10, 40) for _ in failing])
    return lines + [
        _line(lines[-1].at + 90 + n * 8, client, 200) for n, client in enumerate((last, *failing))
    ]


HOPPERS: dict[str, tuple[str, Write]] = {
    f"{detection} by a {network}": (detection, partial(write, hosts))
    for network, hosts in (("/24", _of_24), ("/64", _of_64))
    for detection, write in (
        ("guessing", _hopping_burst),
        ("guessing", _hopping_spaced),
        ("let-in", _hopping_got_in),
        ("probing", _scan),
    )
}


def _newcomer(chance: random.Random, at: float) -> list[Line]:
    """A network that never asked before is answered on protected routes, some times in an hour."""
    client = stranger(chance).replace("203.0.", "203.1.")  # no attacker's network
    times = sorted(chance.uniform(0, HOUR) for _ in range(6))
    return [_line(at + time, client, 200, chance.choice(ROUTES)) for time in times]


def _value_in_address(chance: random.Random, at: float) -> list[Line]:
    """A known client puts a token into the query of one route, a few times."""
    client, parameter = chance.choice(PEOPLE), chance.choice(("token", "api_key", "access_token"))
    word = "".join(chance.choices("abcdefghijkmnpqrstuvwxyz23456789", k=24))
    route = f"{chance.choice(ROUTES)}?{parameter}={word}"
    return [_line(at + number * 7 * MINUTE, client, 200, route) for number in range(4)]


def _surge(chance: random.Random, at: float) -> list[Line]:
    """A known client meets 25 server errors within eight minutes."""
    client = chance.choice(PEOPLE)
    return [_line(at + chance.uniform(0, 8 * MINUTE), client, 500) for _ in range(25)]


def _database(chance: random.Random, at: float) -> list[Line]:
    """The database cannot be reached for some minutes: each request that needs it leaves a message."""
    return [_line(at + chance.uniform(0, 20 * MINUTE), text=DATABASE) for _ in range(chance.randrange(3, 15))]


def _again(text: str, count: int, pause: float, chance: random.Random, at: float) -> list[Line]:
    """A message so often, after pauses of so many seconds or twice: a start that is tried again."""
    return [_line(at + number * chance.uniform(pause, 2 * pause), text=text) for number in range(count)]


# By name day, detection and lines: nothing is new before the thirtieth, the nights begin on the fifth.
MISHAPS: dict[str, tuple[int, str, Write]] = {
    "nights": (5, "spraying", _nights),
    "value in an address": (9, "secret-in-url", _value_in_address),
    "database": (29, "application-failing", _database),
    "surge": (30, "application-failing", _surge),
    "stopped": (31, "application-failing", partial(_again, STOPPED, 3, 30)),
    "newcomer": (33, "new network", _newcomer),
    "restarts": (36, "application-failing", partial(_again, STARTED, 5, 45)),
}

Changed = tuple[list[Line], Truth]  # an accident of ordinary lines


def storm(chance: random.Random, at: float, lines: list[Line]) -> Changed:
    """A rotation of the token: all known clients fail until each has the new one; one poller never does."""
    until = {client: at + chance.uniform(3, 150) * MINUTE for client in (*PEOPLE, NAT, *POLLERS)}
    until[POLLERS[0]] = float("inf")
    return _refused(lines, at, lambda line: line.at < until.get(line.client, at))


def broken(chance: random.Random, at: float, lines: list[Line]) -> Changed:
    """A deploy with the wrong token: for half an hour every request fails."""
    last = at + chance.uniform(25, 60) * MINUTE
    return _refused(lines, at, lambda line: line.at < last)


def _refused(lines: list[Line], at: float, is_hit: Callable[[Line], bool]) -> Changed:
    """The answers from an instant on that are hit are refusals."""
    changed = [
        replace(line, status=401, planted=True)
        if line.status == 200 and line.at >= at and is_hit(line)
        else line
        for line in lines
    ]
    mine = [line for before, line in zip(lines, changed, strict=True) if line is not before]
    return changed, replace(truth_of("known-clients-failing", "refused", mine), first=at)


def silent(chance: random.Random, at: float, lines: list[Line]) -> Changed:
    """No line for some hours of a working day."""
    last = at + chance.uniform(3, 6) * HOUR
    kept = [line for line in lines if not at <= line.at < last]
    return kept, Truth("application-failing", "silent", frozenset(), at, last)


def set_back(chance: random.Random, at: float, lines: list[Line]) -> Changed:
    """A clock that was fast is set back by half an hour to three hours, and goes on from there."""
    back = chance.uniform(0.5, 3) * HOUR
    changed = [replace(line, shift=-back) if line.at >= at else line for line in lines]
    return changed, Truth("clock", "set back", frozenset(), at - back, at)


def decoys(chance: random.Random, lines: Iterable[Line]) -> list[Line]:
    """Ordinary lines that look like mishaps: single server errors, single starts, words in queries, a known
    network's new address, and a source that comes back after two weeks."""
    some = chance.sample(list(lines), 12)
    found = [replace(line, at=line.at + 1, status=500, text="", client=PEOPLE[0]) for line in some]
    found += [Line(day * DAY + 12 * HOUR, text=STARTED) for day in (3, 10, 17, 24)]
    words = ("?page=2", "?token=", "?tokens=3", "?sort=key", "?q=api_key")
    found += [Line(8 * DAY + number * HOUR, PEOPLE[1], API + word) for number, word in enumerate(words)]
    found += [Line(34 * DAY + number * HOUR, "192.0.2.99", API) for number in range(9, 12)]
    return found + [Line(day * DAY + 10 * HOUR, "203.0.255.7", API) for day in (19, 34)]
