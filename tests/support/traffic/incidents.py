"""Incidents to plant: each gives labelled lines and a truth; accidents change ordinary lines."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.traffic.background import DAY, HOUR, NAT, PEOPLE, POLLERS, ROUTES, Line

MINUTE = 60
API = ROUTES[0]


@dataclass(frozen=True)
class Truth:
    """What was planted: which detection has to see it, who took part, from when to when."""

    detection: str
    label: str
    clients: frozenset[str]
    first: float
    last: float
    attack: bool = True
    form: str = ""  # where one detection looks for several things: which

    @property
    def name(self) -> str:
        """The detection, with the form where there are several."""
        return f"{self.detection} {self.form}".strip()


Planted = tuple[list[Line], Truth]
Plant = Callable[[random.Random, float, str], Planted]


def planted(detection: str, label: str, lines: list[Line], **more: object) -> Planted:
    """Lines, and the truth about them."""
    times = [line.at for line in lines]
    clients = frozenset(line.client for line in lines) - {""}
    facts = {"clients": clients, "first": min(times), "last": max(times)} | more
    return lines, Truth(detection, label, **facts)  # type: ignore[arg-type]


def stranger(chance: random.Random) -> str:
    """An address of which nothing ordinary comes."""
    return f"203.0.{chance.randrange(1, 250)}.{chance.randrange(1, 250)}"


def _fails(client: str, start: float, count: int, pause: Callable[[], float], label: str) -> list[Line]:
    lines, at = [], start
    for _ in range(count):
        lines.append(Line(at, client, API, 401, label))
        at += pause()
    return lines


def burst(chance: random.Random, at: float, label: str) -> Planted:
    """One source, 30 tries in some minutes."""
    return planted("guessing", label, _fails(stranger(chance), at, 30, lambda: chance.uniform(3, 12), label))


def slow(chance: random.Random, at: float, label: str) -> Planted:
    """One source, a try every 25 seconds for a quarter of an hour."""
    return planted("guessing", label, _fails(stranger(chance), at, 40, lambda: chance.uniform(18, 32), label))


def spaced(chance: random.Random, at: float, label: str) -> Planted:
    """One source, seven tries with pauses of 15 to 60 minutes."""
    return planted(
        "guessing", label, _fails(stranger(chance), at, 7, lambda: chance.uniform(900, 3600), label)
    )


def over_days(chance: random.Random, at: float, label: str) -> Planted:
    """One source, three tries a day, hours apart, for five days."""
    client = stranger(chance)
    lines = [
        Line(at + day * DAY + number * 3 * HOUR + chance.uniform(0, HOUR), client, API, 401, label)
        for day in range(5)
        for number in range(3)
    ]
    return planted("guessing", label, lines)


def distributed(chance: random.Random, at: float, label: str) -> Planted:
    """Twelve sources, three tries each, on one route within twelve minutes."""
    lines = [
        Line(at + chance.uniform(0, 12 * MINUTE), client, API, 401, label)
        for client in [stranger(chance) for _ in range(12)]
        for _ in range(3)
    ]
    return planted("spraying", label, lines)


def spray(chance: random.Random, at: float, label: str) -> Planted:
    """One source is refused on twelve routes."""
    client = stranger(chance)
    words = (
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "mu",
        "nu",
    )
    lines = [
        Line(at + number * chance.uniform(8, 20), client, f"/api/{word}", 401, label)
        for number, word in enumerate(words)
    ]
    return planted("guessing", label, lines)


def got_in(chance: random.Random, at: float, label: str) -> Planted:
    """One source, nine tries, then answers."""
    client = stranger(chance)
    lines = _fails(client, at, 9, lambda: chance.uniform(10, 40), label)
    lines += [Line(lines[-1].at + 70 + number * 30, client, API, 200, label) for number in range(4)]
    return planted("let-in", label, lines)


def flood(chance: random.Random, at: float, label: str) -> Planted:
    """One source, forty answers 429 within half an hour."""
    client = stranger(chance)
    return planted("429", label, [Line(at + number * 40, client, API, 429, label) for number in range(40)])


def night(chance: random.Random, at: float, label: str) -> Planted:
    """Eight more failures an hour from 02 to 04 h, of many sources: no window of one source sees it."""
    start = at - at % DAY + 2 * HOUR
    lines = [Line(start + chance.uniform(0, 2 * HOUR), stranger(chance), API, 401, label) for _ in range(16)]
    return planted("spraying", label, lines)


def scan(chance: random.Random, at: float, label: str) -> Planted:
    """One source asks for thirty names that are not there."""
    client = stranger(chance)
    letters = "abcdefghijklmnopqrstuvwxyzxyzw"
    lines = [
        Line(at + number * 2, client, f"/{letters[number]}{letters[-number]}admin", 404, label)
        for number in range(30)
    ]
    return planted("probing", label, lines)


ATTACKS: tuple[Plant, ...] = (burst, slow, spaced, over_days, distributed, spray, got_in, flood, night, scan)
KNOWN = (*PEOPLE, NAT, *POLLERS)


def storm(chance: random.Random, at: float, label: str, lines: list[Line], *, stuck: bool = True) -> Planted:
    """A rotation of the token: all known clients fail until each has the new one; one poller never does."""
    until = {client: at + chance.uniform(3, 150) * MINUTE for client in KNOWN}
    if stuck:
        until[POLLERS[0]] = float("inf")
    hit = [line for line in lines if line.status == 200 and at <= line.at < until.get(line.client, at)]
    seen = {line.client for line in hit}
    failed = [Line(line.at, line.client, line.route, 401, label) for line in hit]
    gone = set(map(id, hit))
    kept = [line for line in lines if id(line) not in gone]
    last = max(line.at for line in failed)
    return [*kept, *failed], Truth("known-clients-failing", label, frozenset(seen), at, last, attack=False)


def broken(chance: random.Random, at: float, label: str, lines: list[Line]) -> Planted:
    """A deploy with the wrong token: for half an hour every request fails."""
    last = at + chance.uniform(25, 60) * MINUTE
    changed = [
        Line(line.at, line.client, line.route, 401, label)
        if line.status == 200 and at <= line.at < last
        else line
        for line in lines
    ]
    clients = frozenset(line.client for line in changed if line.label == label)
    return changed, Truth("known-clients-failing", label, clients, at, last, attack=False)


def silent(chance: random.Random, at: float, label: str, lines: list[Line]) -> Planted:
    """No line for some hours of a working day."""
    last = at + chance.uniform(3, 6) * HOUR
    kept = [line for line in lines if not at <= line.at < last]
    return kept, Truth("application-failing", label, frozenset(), at, last, attack=False, form="gap")
