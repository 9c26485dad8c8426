"""Scenes: weeks of ordinary traffic with incidents planted, read by the real reader into detections."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.ledger import Draft, Ledger, append, read_ledger
from audit_lib.ledger.keys import demo_key
from audit_lib.logins.detect import judge, tabulate
from audit_lib.logins.parameters import detection_policy
from audit_lib.logins.traffic import Traffic, Window
from audit_lib.logs.read import read_logs
from audit_lib.settings import Project, bundled_policy
from tests.support.small_logs import DECLARED_LOG, traffic_of as traffic_of_logs
from tests.support.traffic.background import DAY, HOUR, Line, ordinary
from tests.support.traffic.incidents import ATTACKS, Plant, Truth, broken, silent, storm
from tests.support.traffic.mishaps import MISHAPS, decoys, set_back
from tests.support.traffic.networks import HOPPERS, office

START = datetime(2026, 6, 1, tzinfo=UTC)  # a Monday
DAYS = 28
LONG = 42  # what was not seen for thirty days asks for more than four weeks


@dataclass(frozen=True)
class Scene:
    """The lines of some weeks in order, what was planted in them, and the rotations on record."""

    lines: tuple[Line, ...]
    truths: tuple[Truth, ...]
    rotations: tuple[float, ...] = ()
    days: int = DAYS


def clean(seed: object) -> Scene:
    """Ordinary weeks."""
    return _scene(list(ordinary(seed, DAYS)), [])


def attacked(seed: object) -> Scene:
    """Each attack once, on days of its own, at any hour."""
    return _with(ATTACKS, random.Random(f"attacked {seed}"), list(ordinary(seed, DAYS)))


def hopped(seed: object) -> Scene:
    """Each attack that only a network shows once, beside an office whose people share one."""
    lines = [*ordinary(seed, DAYS), *office(seed, DAYS)]
    return _with(HOPPERS, random.Random(f"hopped {seed}"), lines)


def _with(plants: Iterable[Plant], chance: random.Random, lines: list[Line]) -> Scene:
    """Lines with each incident planted, on days of their own from the fifteenth."""
    truths = []
    for day, plant in enumerate(plants, 15):
        added, truth = plant(chance, day * DAY + chance.uniform(5, 18) * HOUR, f"{plant.__name__} {day}")
        truths.append(truth)
        lines += added
    return _scene(lines, truths)


def changed(seed: object, *, recorded: bool = True) -> Scene:
    """A rotation with its storm, a broken deploy, and a gap; or the rotation alone, on no record."""
    chance = random.Random(f"changed {seed}")
    lines, truths = list(ordinary(seed, DAYS)), []
    at = 16 * DAY + chance.uniform(8, 15) * HOUR
    lines, truth = storm(chance, at, f"storm {seed}", lines)
    truths.append(truth)
    if recorded:
        for plant, day in ((broken, 21), (silent, 23)):
            lines, truth = plant(
                chance, day * DAY + chance.uniform(9, 13) * HOUR, f"{plant.__name__} {seed}", lines
            )
            truths.append(truth)
    return _scene(lines, truths, (at,) if recorded else ())


def mishaps(seed: object) -> Scene:
    """Newcomers, secrets in addresses, failures of database and server, failed starts, nights of failures,
    and a clock that is set back; beside each what looks like it and is ordinary. Six weeks."""
    chance = random.Random(f"mishaps {seed}")
    lines, truths = list(ordinary(seed, LONG)), []
    for plant, day in MISHAPS:
        at = day * DAY + chance.uniform(8, 15) * HOUR
        added, truth = plant(chance, at, f"{plant.__name__} {seed}")
        truths.append(truth)
        lines += added
    lines, truth = set_back(chance, 40 * DAY + chance.uniform(6, 15) * HOUR, f"set back {seed}", lines)
    return _scene([*lines, *decoys(chance, lines)], [*truths, truth], days=LONG)


def skewed(scene: Scene, seed: object) -> Scene:
    """The same lines, written as they came by two instances, of which one has a clock that is ahead."""
    chance = random.Random(f"skewed {seed}")
    ahead = chance.uniform(60, 240)
    lines = tuple(replace(line, shift=ahead) if chance.random() < 0.5 else line for line in scene.lines)
    return replace(scene, lines=lines)


def _scene(
    lines: list[Line], truths: Iterable[Truth], rotations: tuple[float, ...] = (), days: int = DAYS
) -> Scene:
    inside = [line for line in lines if 0 <= line.at < days * DAY]
    ordered = tuple(sorted(inside, key=lambda line: (line.at, line.client, line.route)))
    return Scene(ordered, tuple(truths), rotations, days)


def instant(at: float) -> datetime:
    """The instant of seconds since START."""
    return START + timedelta(seconds=at)


def written(line: Line) -> str:
    """The line as the platform's export writes it."""
    at = iso(instant(line.at + line.shift))
    if line.text:
        return f"{at} {line.text}\n"
    client = f"[{line.client}]" if ":" in line.client else line.client
    return f'{at} INFO:     {client}:0 - "GET {line.route} HTTP/1.1" {line.status} X\n'


def traffic_of(scene: Scene, folder: Path) -> Traffic:
    """The scene, written and read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app.log").write_text("".join(map(written, scene.lines)), "utf-8")
    project = Project("traffic", folder, log_sources=(DECLARED_LOG,))
    read = read_logs(project, None)
    rules = detection_policy(bundled_policy("paiid"))
    window = Window(START, instant(scene.days * DAY))
    return traffic_of_logs(read, rules, window, project, ledger=_ledger(scene, folder))


def detections_of(scene: Scene, folder: Path) -> pd.DataFrame:
    """`Detections` of the scene, addresses in full."""
    return tabulate(judge(traffic_of(scene, folder)))


def _ledger(scene: Scene, folder: Path) -> Ledger:
    """A ledger that holds the rotations of the scene."""
    key, where = demo_key(), folder / "ledger"
    for at in scene.rotations:
        body = {
            "secret": "API_TOKEN",
            "environment": "production",
            "service": "backend",
            "source": "given",
            "claimed_at": iso(instant(at)),
            "day_only": False,
            "fingerprint": None,
            "by": "Al I.",
            "reason": "planned",
        }
        append(where, key, Draft("rotation", body), instant(at), "alice")
    return read_ledger(where, key)
