"""Take away what fresh, not in force, ended and "no leak" rest on: none of them stays.

On planted projects: a token that leaked in the history was rotated between two snapshots.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from audit_lib.audit import Audit
from audit_lib.base.clock import iso
from audit_lib.findings.changes import compare
from audit_lib.findings.find import find
from audit_lib.findings.reviews import PreviousReport
from audit_lib.leaks.tables import shows_no_leak
from audit_lib.ledger import Draft, append
from audit_lib.ledger.keys import demo_key
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import load_project
from audit_lib.settings.load import remember_sample
from tests.support.audits import run_audit
from tests.support.planted_incidents import AS_OF, INCIDENT, START, plant

ENV = "backend/.env"
LEDGER = ".audit/ledger"
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 5))]
WAS_CHECK = "forbidden-format"  # what the report before said of another secret, and is gone since
WAS = {"check": WAS_CHECK, "id": "x", "status": "open", "severity": "high", "covers": ""}
WAS |= {"subject": "JWT_SECRET_KEY", "environment": "production", "service": "backend"}


def good(folder: Path) -> set[str]:
    """The good verdicts on what was planted."""
    audit = run_audit(load_project(folder), "2026Q3", iso(AS_OF))
    ages, exposed = audit.ages, audit.exposure
    mine = ages[ages["secret"].eq("API_TOKEN") & ages["environment"].eq("production")]
    leaked = exposed[exposed["secret"].eq("API_TOKEN") & exposed["service"].ne("")]
    found = {
        "fresh": len(mine) > 0 and mine["status"].eq("fresh").all(),
        "not in force": len(leaked) > 0 and leaked["status"].eq("historic").all(),
        "no other leak": shows_no_leak(audit.leak_coverage),
    }
    return {name for name, holds in found.items() if holds} | {f"ended: {check}" for check in _ended(audit)}


def _ended(audit: Audit) -> set[str]:
    frames, previous = audit.checked, PreviousReport({"x": WAS}, INCIDENT, (), {})
    changes = compare(previous, [one.columns for one in find(frames, audit.policy)], frames, audit.ledger)
    return set(changes.loc[changes["change"].eq("ended"), "was_check"]) & {WAS_CHECK}


def _edit(before: str, after: str, folder: Path) -> None:
    (folder / ENV).write_text((folder / ENV).read_text("utf-8").replace(before, after), "utf-8")


def _look(folder: Path, at: datetime, writer: str) -> None:
    """A snapshot of one writer that saw the token that is there now."""
    lines = (folder / ENV).read_text("utf-8").splitlines()
    value = next(line.partition("=")[2] for line in lines if "API_TOKEN" in line)
    place = {"environment": "production", "service": "backend", "source": ENV}
    row = {"secret": "API_TOKEN", "state": "present", "fingerprint": Keeper(demo_key()).fingerprint(value)}
    body = {"places": [place | {"complete": True}], "secrets": [place | row], "pairs": []}
    append(folder / LEDGER, demo_key(), Draft("snapshot", body), at, writer)


def _without_look_before(folder: Path) -> None:
    rmtree(folder / LEDGER)
    _look(folder, INCIDENT, "weekly")


def _old_value_again(folder: Path) -> None:
    _look(folder, START - timedelta(days=300), "other")


def _lost_object(folder: Path) -> None:
    objects = sorted(path for path in (folder / ".git/objects").glob("??/*") if path.is_file())
    objects[0].chmod(0o600)
    objects[0].unlink()


SEARCH = frozenset({"no other leak"})
ENDED = frozenset({f"ended: {WAS_CHECK}"})
# What is taken away, and the verdicts that rest on it.
REMOVED: dict[str, tuple[Callable[[Path], object], frozenset[str]]] = {
    "the env file": (lambda folder: (folder / ENV).unlink(), ENDED | {"fresh", "not in force"}),
    "its variable": (partial(_edit, "API_TOKEN=", "#"), frozenset({"fresh", "not in force"})),
    "one reading of the line": (partial(_edit, "API_TOKEN=", "API_TOKEN=$x"), frozenset({"fresh"})),
    "a look before the change": (_without_look_before, frozenset({"fresh"})),
    "looks that agree": (_old_value_again, frozenset({"fresh"})),
    "the history": (lambda folder: rmtree(folder / ".git"), SEARCH),
    "an object of the history": (_lost_object, SEARCH),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_no_good_verdict_stays_without_what_it_rests_on(seed: int, tmp_path: Path) -> None:
    """With everything there they are good; with any one thing taken away, those that rest on it are not."""
    whole = tmp_path / "whole"
    whole.mkdir()
    plant(whole, "leaked and used", seed)
    audit = (whole / "audit.toml").read_text("utf-8")
    (whole / "audit.toml").write_text(f'environments = ["production"]\n{audit}', "utf-8")
    remember_sample(whole)
    before, stayed = good(whole), {}
    for number, (name, (take, lost)) in enumerate(REMOVED.items()):
        folder = tmp_path / str(number)
        copytree(whole, folder)
        take(folder)
        remember_sample(folder)
        stayed[name] = good(folder) & lost
    assert set().union(*(lost for _, lost in REMOVED.values())) <= before
    assert {name: kept for name, kept in stayed.items() if kept} == {}
