"""Take away what an explanation needs to be ruled out: it is not called unlikely any more.

`UNLIKELY_NEEDS` names the ways to rule each out (docs/detections.md#what-unlikely-needs).
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from audit_lib.base.clock import iso
from audit_lib.incident.explanations import (
    CUT_OFF,
    EXPOSED,
    GUESSED,
    USED,
    tabulate_explanations,
)
from audit_lib.incident.question import Question
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.settings import load_project
from audit_lib.settings.load import remember_sample
from tests.support.planted_incidents import AS_OF, INCIDENT, REGULARS, plant

LOG = "backend/logs/backend.log"
SINCE = iso(INCIDENT)
ENV = ("backend/.env", "frontend/.env.local")


def _rewrite(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        lines = (folder / LOG).read_text("utf-8").splitlines(keepends=True)
        (folder / LOG).write_text("".join(change(lines)), "utf-8")

    return write


def _until(at: str) -> Callable[[Path], None]:
    return _rewrite(lambda lines: [line for line in lines if line[:10] < at])


def _since(at: str) -> Callable[[Path], None]:
    return _rewrite(lambda lines: [line for line in lines if line[:10] >= at])


def _proxied(lines: list[str]) -> list[str]:
    text = "".join(lines)
    for client in REGULARS:
        text = text.replace(client, "10.0.0.7")
    return [text]


def _no_snapshots(folder: Path) -> None:
    rmtree(folder / ".audit/ledger")


def _no_files(folder: Path) -> None:
    for name in ENV:
        (folder / name).write_text("OTHER=1\n", "utf-8")


def _no_values(folder: Path) -> None:
    _no_snapshots(folder)
    _no_files(folder)


_not_understood = _rewrite(lambda lines: [*lines, "?? POST /api/auth/login 401\n"])
_unread = _until(f"{INCIDENT:%Y-%m-%d}")
# Each explanation in a planted incident that it does not explain, the secret that is asked for, and what is
# taken away: without any of these it is not unlikely.
RULED_OUT: dict[str, tuple[str, str, tuple[Callable[[Path], None], ...]]] = {
    GUESSED: ("quiet misuse", "", (_unread, _not_understood, _rewrite(_proxied))),
    USED: (
        "brute force",
        "",
        (_unread, _not_understood, _since(f"{INCIDENT.replace(day=INCIDENT.day - 7):%Y-%m-%d}")),
    ),
    CUT_OFF: ("leaked and used", "API_TOKEN", (_unread, _not_understood, _no_snapshots)),
    EXPOSED: ("quiet misuse", "JWT_SECRET_KEY", (_no_values, lambda folder: (folder / ENV[1]).unlink())),
}
CASES = [(name, number) for name, (*_, lost) in RULED_OUT.items() for number in range(len(lost))]


@cache
def _unlikely(folder: Path, secret: str) -> frozenset[str]:
    """The explanations that are called unlikely; several tests ask that of one planted incident."""
    project = load_project(folder)
    found = investigate(project, Question(SINCE, iso(AS_OF), secret=secret), AS_OF, keeper_of(project))
    table = tabulate_explanations(found)
    return frozenset(table.loc[table["verdict"].eq("unlikely"), "explanation"])


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """The folder of a planted incident of a kind and seed, made once; nobody writes in it."""
    home = tmp_path_factory.mktemp("planted")

    def made(kind: str, seed: int) -> Path:
        folder = home / f"{kind} {seed}"
        if not folder.exists():
            folder.mkdir()
            plant(folder, kind, seed)
            audit = (folder / "audit.toml").read_text("utf-8")
            (folder / "audit.toml").write_text(f'environments = ["production"]\n{audit}', "utf-8")
            remember_sample(folder)
        return folder

    return made


@pytest.mark.parametrize("name", RULED_OUT)
def test_what_speaks_against_each_is_enough(name: str, planted: Callable[[str, int], Path]) -> None:
    """With all that it needs, an explanation is unlikely in an incident that it does not explain."""
    kind, secret, _ = RULED_OUT[name]
    assert name in _unlikely(planted(kind, 0), secret)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_what_was_not_seen_is_not_unlikely(
    name: str, number: int, planted: Callable[[str, int], Path], tmp_path: Path
) -> None:
    """With anything that it needs taken away, an explanation is not unlikely."""
    kind, secret, lost = RULED_OUT[name]
    folder = tmp_path / "project"
    copytree(planted(kind, 0), folder)
    lost[number](folder)
    remember_sample(folder)
    assert name not in _unlikely(folder, secret)
