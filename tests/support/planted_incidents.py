"""Projects with one planted incident each: env files, a repository, a ledger, logs; made from a seed."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from pathlib import Path
from shutil import copytree
from tempfile import mkdtemp
from typing import Any

from audit_lib.base.clock import iso
from audit_lib.incident.explain import CUT_OFF, EXPOSED, GUESSED, OUTAGE, USED
from audit_lib.investigation import Investigation, open_incident
from audit_lib.ledger import Draft, append
from audit_lib.ledger.keys import demo_key
from audit_lib.sample.repository import Commit, write_repository
from audit_lib.sample.story import drawn
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings.load import remember_sample
from tests.support.applications import write
from tests.support.paths import rows_beside

AS_OF = datetime(2026, 9, 20, tzinfo=UTC)
START = AS_OF - timedelta(days=36)  # long enough to know by A8 who is new
INCIDENT = AS_OF - timedelta(days=4)
TAKES_EFFECT = timedelta(minutes=5)  # from the new value in the file to the start that reads it
STRANGER = "203.0.113.201"  # of a network of its own
PROXY = "10.0.0.7"
LOG = "backend/logs/backend.log"
_ROWS = rows_beside(__file__)
REGULARS, ROUTES, PLACES = _ROWS["regulars"], _ROWS["routes"], _ROWS["places"]
SECRETS: dict[str, str] = _ROWS["secrets"]
BUNDLE = "our own bundle explains the sighting"


@dataclass
class Planted:
    """A project while its incident is planted, and the truth about it."""

    seed: str
    chance: random.Random
    lines: list[tuple[datetime, str]] = field(default_factory=list)
    values: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)
    commits: list[Commit] = field(default_factory=list)
    secret: str = ""  # what the investigator is told
    exposed: tuple[datetime, datetime] | None = None  # the true window of `of`
    of: str = ""

    def request(self, at: datetime, client: str, route: str, status: int) -> None:
        """A line of the access log."""
        words = f'"GET {route} HTTP/1.1" {status} {HTTPStatus(status).phrase}'
        self.lines.append((at, f"{at:%Y-%m-%d %H:%M:%S} INFO:     {client}:50123 - {words}"))

    def boot(self, at: datetime) -> None:
        """A start of the backend."""
        words = "app.main - INFO - ✅ All required secrets validated successfully"
        self.lines.append((at, f"{at:%Y-%m-%d %H:%M:%S},000 - {words}"))

    def rotate(self, at: datetime, *names: str) -> None:
        """New values from an instant on: equal ones stay equal."""
        value = drawn(f"{self.seed} {at}", 43)
        for name in names:
            self.values[name].append((at, value))
        self.boot(at + TAKES_EFFECT)

    def at(self, name: str, instant: datetime) -> str:
        """The value in force at an instant."""
        return [value for since, value in self.values[name] if since <= instant][-1]

    def regulars(self, status: Callable[[datetime, str], int] = lambda at, client: 200) -> None:
        """Everyday traffic from the start to the end, answered as `status` says."""
        for client in REGULARS:
            at = START + timedelta(minutes=self.chance.randrange(60))
            while at < AS_OF:
                route = self.chance.choice(ROUTES)
                self.request(at, client, route, status(at, client))
                pause = (2, 6) if abs(at - INCIDENT) < timedelta(hours=12) else (80, 280)
                at += timedelta(minutes=self.chance.randrange(*pause))


def _strangers(plan: Planted, count: int, minutes: float, status: int, begin: datetime = INCIDENT) -> None:
    """Requests of a stranger."""
    for number in range(count):
        at = begin + timedelta(minutes=minutes * number)
        plan.request(at, STRANGER, plan.chance.choice(ROUTES), status)


def _bundle(plan: Planted) -> None:
    plan.regulars()
    plan.secret = "API_TOKEN"


def _brute_force(plan: Planted) -> None:
    plan.regulars()
    _strangers(plan, plan.chance.randrange(40, 90), 0.1, 401)


def _leaked(plan: Planted) -> None:
    leaked = INCIDENT - timedelta(hours=plan.chance.randrange(5, 30))
    plan.regulars()
    env = "".join(f"{name}={plan.at(name, leaked)}\n" for name in ("API_TOKEN", "JWT_SECRET_KEY"))
    plan.commits.append(Commit(leaked, "Add settings", {"backend/.env": env.encode()}))
    plan.commits.append(Commit(leaked + timedelta(hours=1), "Remove settings", {}, ("backend/.env",)))
    _strangers(plan, 30, 7, 200)
    rotated = INCIDENT + timedelta(hours=20)
    plan.rotate(rotated, "API_TOKEN", "NEXT_PUBLIC_API_TOKEN")
    plan.of, plan.exposed = "API_TOKEN", (leaked, rotated + TAKES_EFFECT)


def _stale(plan: Planted) -> None:
    until = INCIDENT + timedelta(hours=plan.chance.randrange(3, 9))
    plan.rotate(INCIDENT, "API_TOKEN", "NEXT_PUBLIC_API_TOKEN")
    plan.regulars(lambda at, client: 401 if client in REGULARS[:2] and INCIDENT <= at < until else 200)


def _pair(plan: Planted) -> None:
    until = INCIDENT + timedelta(minutes=plan.chance.randrange(40, 120))
    plan.rotate(INCIDENT, "API_TOKEN")
    plan.regulars(lambda at, client: 401 if INCIDENT <= at < until else 200)
    plan.values["NEXT_PUBLIC_API_TOKEN"].append((until, plan.at("API_TOKEN", until)))


def _proxy(plan: Planted) -> None:
    plan.regulars()
    hidden = re.compile("|".join(map(re.escape, REGULARS)))
    plan.lines = [(at, hidden.sub(PROXY, line)) for at, line in plan.lines if hidden.search(line)]
    for number in range(30):
        plan.request(INCIDENT + timedelta(seconds=9 * number), PROXY, "/api/positions", 401)
        plan.request(INCIDENT + timedelta(seconds=9 * number + 3), PROXY, "/api/orders", 429)


def _quiet(plan: Planted) -> None:
    plan.regulars()
    for night in range(3):
        _strangers(plan, 12, 11, 200, INCIDENT + timedelta(days=night, hours=2))


# What plants each, and what explains it and how surely; of callers behind a proxy nothing is known.
KINDS: dict[str, tuple[Callable[[Planted], None], tuple[str, str] | None]] = {
    BUNDLE: (_bundle, (EXPOSED, "likely")), "brute force": (_brute_force, (GUESSED, "likely")),
    "leaked and used": (_leaked, (USED, "possible")),
    "stale client after a rotation": (_stale, (CUT_OFF, "likely")), "pair break": (_pair, (OUTAGE, "likely")),
    "proxy collapse": (_proxy, None), "quiet misuse": (_quiet, (USED, "possible")),
}  # fmt: skip
EXPLAINED = {kind: explained for kind, (_, explained) in KINDS.items() if explained}


def opened(folder: Path, since: datetime | str = "", **given: str) -> Investigation:
    """The incident of a planted project as an investigator opens it, by default in the hours around it."""
    remember_sample(folder)  # its audit.toml may be the test's own
    begin = since or INCIDENT - timedelta(hours=2)
    return open_incident(str(folder), begin if isinstance(begin, str) else iso(begin), **given)


@cache
def planted(kind: str, seed: int = 0) -> tuple[Path, Planted]:
    """A project with an incident of a kind, and the truth: made once for all that only read it."""
    folder = Path(mkdtemp(prefix="audit-planted-"))
    return folder, _plant(folder, kind, seed)


def plant(folder: Path, kind: str, seed: int) -> None:
    """A copy of such a project in a folder of one's own."""
    copytree(planted(kind, seed)[0], folder, dirs_exist_ok=True)
    remember_sample(folder)


@cache
def opened_once(kind: str) -> Investigation:
    """The incident of a kind, opened once for all that only read it, or that say where they look."""
    return opened(planted(kind)[0])


def change(file: Path, old: str, new: str) -> None:
    """Replace a text in a file; with "" for the old one, append the new one."""
    text = file.read_text("utf-8")
    file.write_text(text.replace(old, new) if old else text + new, "utf-8")


def rewrite_log(
    folder: Path, *more: tuple[float, str, int], keep: Callable[[str], bool] = lambda line: True
) -> None:
    """The log with the lines to keep, and more requests: minutes after the incident, address, status."""
    log = folder / LOG
    lines = [line for line in log.read_text("utf-8").splitlines(keepends=True) if keep(line)]
    lines += [
        f"{INCIDENT + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S} INFO:     {client}:50000 - "
        f'"GET /api/orders HTTP/1.1" {status}\n'
        for minutes, client, status in more
    ]
    log.write_text("".join(sorted(lines)), "utf-8")


def _plant(folder: Path, kind: str, seed: int) -> Planted:
    text = f"incident {kind} {seed}"
    plan = Planted(text, random.Random(text))
    token = drawn(f"{text} token", 43)
    plan.values = {name: [(START, token)] for name in SECRETS}
    plan.values["JWT_SECRET_KEY"] = [(START, drawn(f"{text} jwt", 43))]
    plan.boot(START)
    # Somebody mistypes long before: a log without any refusal would not show that it keeps them.
    plan.request(INCIDENT - timedelta(days=9), REGULARS[-1], ROUTES[0], 401)
    KINDS[kind][0](plan)
    _write(folder, plan)
    remember_sample(folder)
    return plan


def _write(folder: Path, plan: Planted) -> None:
    files = {
        "audit.toml": _ROWS["audit"],
        ".gitignore": _ROWS["ignored"],
        LOG: "".join(f"{line}\n" for _, line in sorted(plan.lines)),
    }
    for name, service in SECRETS.items():
        path = PLACES[service]["source"]
        files[path] = files.get(path, "") + f"{name}={plan.at(name, AS_OF)}\n"
    write(folder, files)
    first = Commit(START, "Begin", {name: files[name].encode() for name in ("audit.toml", ".gitignore")})
    write_repository(folder, (first, *plan.commits))
    changes, minute = {since for held in plan.values.values() for since, _ in held}, timedelta(minutes=1)
    looks = {START + timedelta(days=5 * number) for number in range(7)} | {AS_OF - timedelta(hours=1)}
    looks |= {at + minute for at in changes} | {at - minute for at in changes if at > START}
    for at in sorted(looks):
        append(folder / ".audit" / "ledger", demo_key(), Draft("snapshot", _look(plan, at)), at, "weekly")


def _look(plan: Planted, at: datetime) -> dict[str, Any]:
    keeper = Keeper(demo_key())
    secrets = [
        PLACES[service]
        | {
            "secret": name,
            "state": "present",
            "fingerprint": keeper.fingerprint(plan.at(name, max(at, START))),
        }
        for name, service in SECRETS.items()
    ]
    places = [place | {"complete": True} for place in PLACES.values()]
    return {"places": places, "secrets": secrets, "pairs": []}
