"""Ordinary days, and incidents to plant among them, from `plants.toml`: lines, and the truth about them.
People by day, pollers, one address for many, sessions that expire, typing errors; accidents change these."""

import ipaddress
import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, cycle

from tests.support.paths import rows_beside

MINUTE, HOUR, DAY = 60, 3600, 86400
ROUTES = ("/api/positions", "/api/orders", "/api/quotes", "/api/profile", "/api/settings", "/api/news")
NAT = "198.51.100.1"
POLLERS = tuple(f"198.51.{100 + number}.7" for number in range(1, 4))
PEOPLE = tuple(f"192.0.{number}.{20 + number}" for number in range(2, 12))
OFFICE = "2001:db8:0:0"
API = ROUTES[0]
ATTACKING = ("guessing", "spraying", "let-in", "probing", "429")
STARTED = "INFO: All required secrets validated successfully"


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


@dataclass(frozen=True)
class Truth:
    """What was planted: which detection has to see it, who took part, from when to when."""

    detection: str
    label: str
    clients: frozenset[str]
    first: float
    last: float


def truth_of(detection: str, label: str, lines: Iterable[Line]) -> Truth:
    """The truth about lines that were planted."""
    mine = [line for line in lines if line.planted]
    times = [line.at for line in mine]
    return Truth(detection, label, frozenset(line.client for line in mine) - {""}, min(times), max(times))


def stranger(chance: random.Random, network: str = "203.0") -> str:
    """An address of which nothing ordinary comes."""
    return f"{network}.{chance.randrange(1, 250)}.{chance.randrange(1, 250)}"


@dataclass(frozen=True)
class Plant:
    """One row of the file."""

    detection: str
    count: int
    pause: tuple[float, float] = (0, 0)
    span: float = 0
    hour: int | None = None
    day: int = 0
    days: int = 1
    sources: int = 1
    whose: str = "stranger"
    route: str = "api"
    status: int = 401
    answers: int = 0
    beside: int = 0
    text: str = ""

    def lines(self, chance: random.Random, at: float) -> list[Line]:
        """Its lines from an instant on, in order of time."""
        begun = at if self.hour is None else at - at % DAY + self.hour * HOUR
        times = [begun + day * DAY + time for day in range(self.days) for time in self._times(chance)]
        clients = self._clients(chance, self.sources or len(times))
        routes = self._routes(chance)
        asks = zip(times, cycle(clients), routes, strict=False)
        lines = [
            Line(time, text=self.text, planted=True)
            if self.text
            else Line(time, client, route, self.status, planted=True)
            for time, client, route in asks
        ]
        for number in range(self.answers):
            client = clients[(len(times) + number) % len(clients)]
            lines.append(replace(lines[0], at=times[-1] + 70 + number * 12, client=client, status=200))
        return lines + [Line(at + 3 * MINUTE * n, stranger(chance), API, 401) for n in range(self.beside)]

    def _times(self, chance: random.Random) -> list[float]:
        if self.span:
            return sorted(chance.uniform(0, self.span) for _ in range(self.count))
        return list(accumulate((chance.uniform(*self.pause) for _ in range(self.count - 1)), initial=0.0))

    def _clients(self, chance: random.Random, count: int) -> list[str]:
        if self.whose == "/64":
            place = f"2001:db8:{chance.randrange(1, 65000):x}:{chance.randrange(1, 65000):x}"
            return [address_in(place, chance) for _ in range(count)]
        if self.whose == "/24":
            place = chance.randrange(1, 250)
            return [f"203.2.{place}.{host}" for host in chance.sample(range(1, 250), count)]
        if self.whose == "person":
            return [chance.choice(PEOPLE)]
        network = "203.1" if self.whose == "newcomer" else "203.0"  # no attacker's network
        return [stranger(chance, network) for _ in range(count)]

    def _routes(self, chance: random.Random) -> Iterator[str]:
        words = ("".join(chance.sample("bcdfghjklmnpqrstvwxz", 7)) for _ in iter(int, 1))
        value = "".join(chance.choices("abcdefghijkmnpqrstuvwxyz23456789", k=24))
        secret = f"{API}?{chance.choice(('token', 'api_key', 'access_token'))}={value}"
        for word in words:
            usual = {"api": API, "secret": secret, "another": f"/api/{word}", "missing": f"/{word}"}
            yield chance.choice(ROUTES) if self.route == "any" else usual[self.route]


_ROWS = {
    part: {name: Plant(**row) for name, row in rows.items()} for part, rows in rows_beside(__file__).items()
}
ATTACKS, MISHAPS = _ROWS["attacks"], _ROWS["mishaps"]
HOPPERS = {
    f"{name} {network}": replace(plant, whose=network)
    for network in ("/24", "/64")
    for name, plant in _ROWS["hoppers"].items()
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
    hit = [line for line in lines if line.status == 200 and line.at >= at and is_hit(line)]
    failed = [replace(line, status=401, planted=True) for line in hit]
    gone = set(map(id, hit))
    kept = [line for line in lines if id(line) not in gone]
    return [*kept, *failed], replace(truth_of("known-clients-failing", "refused", failed), first=at)


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
