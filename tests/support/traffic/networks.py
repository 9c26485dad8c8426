"""Attackers who hop through the addresses of one network, and an office that shares one and means no harm."""

import ipaddress
import random
from collections.abc import Callable, Iterator

from tests.support.traffic.background import DAY, HOUR, ROUTES, Line
from tests.support.traffic.incidents import API, MINUTE, Plant, Planted, planted, stranger

Hosts = Callable[[random.Random, int], list[str]]
BY_NETWORK = ("by /24", "by /64")  # forms: what only the network shows
OFFICE = "2001:db8:0:0"


def _of_24(chance: random.Random, count: int) -> list[str]:
    """So many addresses of a /24."""
    place = chance.randrange(1, 250)
    return [f"203.2.{place}.{host}" for host in chance.sample(range(1, 250), count)]


def _of_64(chance: random.Random, count: int) -> list[str]:
    """So many addresses of a /64."""
    place = f"2001:db8:{chance.randrange(1, 65000):x}:{chance.randrange(1, 65000):x}"
    return [_address(place, chance) for _ in range(count)]


def _address(place: str, chance: random.Random) -> str:
    return str(ipaddress.ip_address(f"{place}::") + chance.getrandbits(64))


def hopping_burst(hosts: Hosts, form: str) -> Plant:
    """Twelve addresses, three tries of each in twelve minutes, and four people who fail once beside them."""

    def plant(chance: random.Random, at: float, label: str) -> Planted:
        times = sorted(chance.uniform(0, 12 * MINUTE) for _ in range(36))
        clients = [client for client in hosts(chance, 12) for _ in range(3)]
        lines = [
            Line(at + time, client, API, 401, label) for time, client in zip(times, clients, strict=True)
        ]
        lines, truth = planted("guessing", label, lines, form=form)
        return [*lines, *(Line(at + 3 * MINUTE * n, stranger(chance), API, 401) for n in range(4))], truth

    return plant


def hopping_spaced(hosts: Hosts, form: str) -> Plant:
    """Seven tries with pauses of 15 to 60 minutes, each of another address."""

    def plant(chance: random.Random, at: float, label: str) -> Planted:
        lines, time = [], at
        for client in hosts(chance, 7):
            lines.append(Line(time, client, API, 401, label))
            time += chance.uniform(15, 60) * MINUTE
        return planted("guessing", label, lines, form=form)

    return plant


def hopping_got_in(hosts: Hosts, form: str) -> Plant:
    """Nine tries, each of another address, then answers to a tenth, and soon to those that failed before."""

    def plant(chance: random.Random, at: float, label: str) -> Planted:
        *failing, last = hosts(chance, 10)
        lines, time = [], at
        for client in failing:
            lines.append(Line(time, client, API, 401, label))
            time += chance.uniform(10, 40)
        later = enumerate((last, *failing))
        lines += [Line(time + 60 + number * 8, client, API, 200, label) for number, client in later]
        return planted("let-in", label, lines, form=form)

    return plant


def hopping_scan(hosts: Hosts, form: str) -> Plant:
    """Thirty names that are not there, asked for by ten addresses in turn."""

    def plant(chance: random.Random, at: float, label: str) -> Planted:
        names = [f"/{''.join(chance.sample('bcdfghjklmnpqrstvwxz', 7))}" for _ in range(30)]
        clients = hosts(chance, 10)
        lines = [
            Line(at + 2 * number, clients[number % 10], name, 404, label) for number, name in enumerate(names)
        ]
        return planted("probing", label, lines, form=form)

    return plant


HOPPERS: tuple[Plant, ...] = tuple(
    plant(hosts, form)
    for hosts, form in zip((_of_24, _of_64), BY_NETWORK, strict=True)
    for plant in (hopping_burst, hopping_spaced, hopping_got_in, hopping_scan)
)


def office(seed: object, days: int) -> Iterator[Line]:
    """Eight people of one /64, each with a new address every day, from 8 to 18 h on working days; one request
    in fifty finds its session expired, and on Monday morning all are."""
    chance = random.Random(f"office {seed}")
    for day in range(days):
        if (day % 7) >= 5:
            continue
        for client in [_address(OFFICE, chance) for _ in range(8)]:
            begin = day * DAY + 8 * HOUR + chance.uniform(0, HOUR)
            for back in range(chance.choice((1, 2)) if not day % 7 else 0):
                yield Line(begin - 15 * (back + 1), client, API, 401)
            yield Line(begin, client, API)
            for _ in range(30):
                at = begin + chance.uniform(0, 9 * HOUR)
                if chance.random() < 0.02:
                    yield Line(at - 2, client, chance.choice(ROUTES), 401)
                yield Line(at, client, chance.choice(ROUTES))
