"""Take away what an explanation needs to be ruled out: it is not called unlikely any more.

`UNLIKELY_NEEDS` names the ways to rule each out (docs/detections.md#what-unlikely-needs).
"""

from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from audit_lib.base.clock import iso
from audit_lib.incident import ruled_out
from audit_lib.incident.explanations import EXPLANATIONS, tabulate_explanations
from audit_lib.incident.question import Question
from audit_lib.incident.ruled_out import UNLIKELY_NEEDS, Precondition
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.settings import load_project
from audit_lib.settings.load import remember_sample
from tests.support.planted_incidents import AS_OF, INCIDENT, REGULARS, plant

LOG = "backend/logs/backend.log"
SINCE = iso(INCIDENT)
ENV = ("backend/.env", "frontend/.env.local")
# A planted incident in which each explanation is unlikely, and the secret that is asked for.
RULED_OUT = {
    "leaked and used": ("quiet misuse", ""),
    "brute force": ("quiet misuse", ""),
    "variables changed by a deploy": ("quiet misuse", ""),
    "pair break": ("quiet misuse", ""),
    "stale client after a rotation": ("leaked and used", "API_TOKEN"),
    "proxy collapse": ("quiet misuse", ""),
    "quiet misuse": ("brute force", ""),
    "our own bundle explains the sighting": ("quiet misuse", "JWT_SECRET_KEY"),
}
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 5))]


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
# How each precondition is taken away; the two that rest on a rare sight are not there to begin with.
REMOVED: dict[Precondition, Callable[[Path], None]] = {
    ruled_out.lines_of_the_window: _until(f"{INCIDENT:%Y-%m-%d}"),
    ruled_out.older_logs: _since(f"{INCIDENT.replace(day=INCIDENT.day - 7):%Y-%m-%d}"),
    ruled_out.guessing_would_show: _not_understood,
    ruled_out.new_addresses_would_show: _not_understood,
    ruled_out.outages_would_show: _not_understood,
    ruled_out.failures_after_changes_would_show: _not_understood,
    ruled_out.many_callers: _rewrite(_proxied),
    ruled_out.a_value: _no_values,
    ruled_out.searched_values: _no_files,
    ruled_out.whole_search: lambda folder: rmtree(folder / ".git"),
    ruled_out.each_place: lambda folder: (folder / ENV[1]).unlink(),
    ruled_out.halves_at_that_time: _no_snapshots,
    ruled_out.values_before_and_after: _no_snapshots,
    ruled_out.a_seen_change: _no_snapshots,
    ruled_out.answers_while_apart: lambda folder: None,
    ruled_out.listed_deploys: lambda folder: None,
}
CASES = [(name, lost) for name, ways in UNLIKELY_NEEDS.items() for lost in product(*ways)]


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


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RULED_OUT)
def test_what_speaks_against_each_is_enough(
    name: str, seed: int, planted: Callable[[str, int], Path]
) -> None:
    """With all that it needs, each explanation is unlikely in an incident that it does not explain."""
    kind, secret = RULED_OUT[name]
    assert name in _unlikely(planted(kind, seed), secret)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("name", "lost"),
    CASES,
    ids=[f"{name}: {', '.join(one.__name__ for one in lost)}" for name, lost in CASES],
)
def test_what_was_not_seen_is_not_unlikely(
    name: str, lost: tuple[Precondition, ...], seed: int, planted: Callable[[str, int], Path], tmp_path: Path
) -> None:
    """With one precondition of each of its ways taken away, an explanation is not unlikely."""
    kind, secret = RULED_OUT[name]
    folder = tmp_path / "project"
    copytree(planted(kind, seed), folder)
    for remove in dict.fromkeys(REMOVED[one] for one in lost):
        remove(folder)
    remember_sample(folder)
    assert name not in _unlikely(folder, secret)


def test_each_explanation_has_a_need() -> None:
    """The table of docs/detections.md names every explanation, and each precondition can be taken away."""
    assert set(UNLIKELY_NEEDS) == set(RULED_OUT)
    assert len(EXPLANATIONS) == len(UNLIKELY_NEEDS)
    assert {one for ways in UNLIKELY_NEEDS.values() for way in ways for one in way} == set(REMOVED)
