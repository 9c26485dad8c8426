"""Weeks of ordinary traffic with incidents planted, as the real reader reads them; missed and false ones."""

import ipaddress
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.logins.detect import judge, tabulate
from audit_lib.logins.parameters import detection_policy
from audit_lib.logins.traffic import Window, network_of
from audit_lib.logs.read import read_logs
from audit_lib.settings import Project, bundled_policy
from tests.support.histories import ledger_of, rotation
from tests.support.small_logs import DECLARED_LOG, formats_of, traffic_of
from tests.support.traffic import plants
from tests.support.traffic.plants import ATTACKING, DAY, HOUR, Line, Plant, Truth, office, ordinary, truth_of

START = datetime(2026, 6, 1, tzinfo=UTC)  # a Monday
DAYS = 28
# Planted, but no detection's: an alert counts 429, a newcomer is an attribute, a clock is a hint of coverage.
BESIDE = ("429", "new network", "clock")
SLACK = 3600.0
LONG = 42  # what was not seen for thirty days asks for more than four weeks


@dataclass(frozen=True)
class Scene:
    """The lines of some weeks in order, what was planted in them, and the rotations on record."""

    lines: tuple[Line, ...]
    truths: tuple[Truth, ...]
    rotations: tuple[float, ...] = ()
    days: int = DAYS


@lru_cache(maxsize=4)
def _ordinary(seed: object, days: int) -> tuple[Line, ...]:
    """The lines of ordinary days, drawn once."""
    return tuple(ordinary(seed, days))


def clean(seed: object) -> Scene:
    """Ordinary weeks."""
    return _scene(_ordinary(seed, DAYS), [])


def attacked(seed: object) -> Scene:
    """Each attack once, on days of its own, at any hour."""
    return _with(plants.ATTACKS, random.Random(f"attacked {seed}"), _ordinary(seed, DAYS))


def hopped(seed: object) -> Scene:
    """Each attack that only a network shows once, beside an office whose people share one."""
    lines = [*_ordinary(seed, DAYS), *office(seed, DAYS)]
    return _with(plants.HOPPERS, random.Random(f"hopped {seed}"), lines)


def _with(planted: dict[str, Plant], chance: random.Random, lines: Iterable[Line]) -> Scene:
    """Lines with each incident planted, on days of their own from the fifteenth."""
    truths, whole = [], list(lines)
    for day, (name, plant) in enumerate(planted.items(), 15):
        added = plant.lines(chance, day * DAY + chance.uniform(5, 18) * HOUR)
        truths.append(truth_of(plant.detection, f"{name} {day}", added))
        whole += added
    return _scene(whole, truths)


def changed(seed: object, *, recorded: bool = True) -> Scene:
    """A rotation with its storm, a broken deploy, and a gap; or the rotation alone, on no record."""
    chance = random.Random(f"changed {seed}")
    at = 16 * DAY + chance.uniform(8, 15) * HOUR
    lines, truth = plants.storm(chance, at, list(_ordinary(seed, DAYS)))
    truths = [truth]
    for accident, day in ((plants.broken, 21), (plants.silent, 23)) if recorded else ():
        lines, truth = accident(chance, day * DAY + chance.uniform(9, 13) * HOUR, lines)
        truths.append(truth)
    return _scene(lines, truths, (at,) if recorded else ())


def mishaps(seed: object) -> Scene:
    """Newcomers, secrets in addresses, failures of database and server, failed starts, nights of failures,
    and a clock that is set back; beside each what looks like it and is ordinary. Six weeks."""
    chance = random.Random(f"mishaps {seed}")
    lines, truths = list(_ordinary(seed, LONG)), []
    for name, plant in plants.MISHAPS.items():
        added = plant.lines(chance, plant.day * DAY + chance.uniform(8, 15) * HOUR)
        truths.append(truth_of(plant.detection, name, added))
        lines += added
    lines, truth = plants.set_back(chance, 40 * DAY + chance.uniform(6, 15) * HOUR, lines)
    return _scene([*lines, *plants.decoys(chance, lines)], [*truths, truth], days=LONG)


def skewed(scene: Scene, seed: object) -> Scene:
    """The same lines, written as they came by two instances, of which one has a clock that is ahead."""
    chance = random.Random(f"skewed {seed}")
    ahead = chance.uniform(60, 240)
    lines = tuple(replace(line, shift=ahead) if chance.random() < 0.5 else line for line in scene.lines)
    return replace(scene, lines=lines)


def _scene(
    lines: Iterable[Line], truths: Iterable[Truth], rotations: tuple[float, ...] = (), days: int = DAYS
) -> Scene:
    inside = [line for line in lines if 0 <= line.at < days * DAY]
    ordered = tuple(sorted(inside, key=lambda line: (line.at, line.client, line.route)))
    return Scene(ordered, tuple(truths), rotations, days)


def _instant(at: float) -> datetime:
    """The instant of seconds since START."""
    return START + timedelta(seconds=at)


def _written(line: Line) -> str:
    """The line as the platform's export writes it."""
    at = iso(_instant(line.at + line.shift))
    if line.text:
        return f"{at} {line.text}\n"
    client = f"[{line.client}]" if ":" in line.client else line.client
    return f'{at} INFO:     {client}:0 - "GET {line.route} HTTP/1.1" {line.status} X\n'


def detections_of(scene: Scene, folder: Path) -> pd.DataFrame:
    """`Detections` of the scene, written and read, addresses in full."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app.log").write_text("".join(map(_written, scene.lines)), "utf-8")
    project = Project("traffic", folder, log_sources=(DECLARED_LOG,))
    rules, window = detection_policy(bundled_policy("paiid")), Window(START, _instant(scene.days * DAY))
    rotated = [
        rotation(_instant(at), ("API_TOKEN", "production", "backend"), _instant(at)) for at in scene.rotations
    ]
    read, ledger = read_logs(project, None, formats_of(())), ledger_of(rotated, window.until)
    return tabulate(judge(traffic_of(read, rules, window, project, ledger=ledger)))


def missed(scene: Scene, found: pd.DataFrame) -> list[Truth]:
    """The planted incidents on which no row of their detection lies."""
    pairs = ((row, truth) for row in _alarms(found) for truth in scene.truths)
    shown = {truth for row, truth in pairs if row.detection == truth.detection and _lies_on(row, truth)}
    return [truth for truth in scene.truths if truth not in shown and truth.detection not in BESIDE]


def false_alarms(scene: Scene, found: pd.DataFrame) -> list[str]:
    """The rows that ask somebody to act, and lie on nothing planted that their detection may speak of."""
    return [
        f"{row.detection} {row.subject}: {row.classification}"
        for row in _alarms(found)
        if not any(_may_speak(row.detection, truth) and _lies_on(row, truth) for truth in scene.truths)
    ]


def _alarms(found: pd.DataFrame) -> list[Any]:
    """The rows that ask somebody to act, and those of clients that failed after a change."""
    own = found[found["verdict"].eq("found")]
    acting = own["severity"].ne("info") | own["detection"].eq("known-clients-failing")
    return list(own[acting].itertuples())


def _lies_on(row: Any, truth: Truth) -> bool:
    """Whether a row is about the planted incident: its time, and its source where it names one."""
    first, last = ((at - START).total_seconds() for at in (row.first_at, row.last_at))
    if last < truth.first - SLACK or first > truth.last + SLACK:
        return False
    return not _is_source(row.subject) or row.subject in truth.clients | set(map(network_of, truth.clients))


def _is_source(subject: str) -> bool:
    try:
        ipaddress.ip_network(subject)
    except ValueError:
        return False
    return True


def _may_speak(detection: str, truth: Truth) -> bool:
    return truth.detection in ATTACKING if detection in ATTACKING else detection == truth.detection
