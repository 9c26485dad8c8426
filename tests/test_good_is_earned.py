"""Take away what fresh, not in force, ended and "no leak" rest on: none of them stays.

On planted projects: a token that leaked in the history was rotated between two snapshots."""

from collections.abc import Callable, Set
from datetime import datetime, timedelta
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
from tests.support.planted_incidents import AS_OF, INCIDENT, START, change, plant

ENV = "backend/.env"
LEDGER = ".audit/ledger"
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 5))]
WAS_CHECK = "forbidden-format"  # what the report before said of another secret, and is gone since
WAS = {"check": WAS_CHECK, "id": "x", "status": "open", "severity": "high", "covers": ""}
WAS |= {"subject": "JWT_SECRET_KEY", "environment": "production", "service": "backend"}


def good(folder: Path, of: Set[str]) -> set[str]:
    """Which of these verdicts on what was planted are good."""
    audit = run_audit(load_project(folder), "2026Q3", iso(AS_OF))
    return {name for name in of if GOOD[name](audit)}


def _is_fresh(audit: Audit) -> bool:
    mine = audit.ages.query("secret == 'API_TOKEN' and environment == 'production'")
    return len(mine) > 0 and bool(mine["status"].eq("fresh").all())


def _is_retired(audit: Audit) -> bool:
    leaked = audit.exposure.query("secret == 'API_TOKEN' and service != ''")
    return len(leaked) > 0 and bool(leaked["status"].eq("historic").all())


def _has_ended(audit: Audit) -> bool:
    frames, previous = audit.checked, PreviousReport({"x": WAS}, INCIDENT, (), {})
    changes = compare(previous, [one.columns for one in find(frames, audit.policy)], frames, audit.ledger)
    return WAS_CHECK in set(changes.loc[changes["change"].eq("ended"), "was_check"])


GOOD: dict[str, Callable[[Audit], bool]] = {
    "fresh": _is_fresh,
    "not in force": _is_retired,
    "no other leak": lambda audit: shows_no_leak(audit.leak_coverage),
    "ended": _has_ended,
}


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


# What is taken away, and the verdicts that rest on it.
REMOVED: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "the env file": (lambda folder: (folder / ENV).unlink(), {"ended", "fresh", "not in force"}),
    "its variable": (lambda folder: change(folder / ENV, "API_TOKEN=", "#"), {"fresh", "not in force"}),
    "one reading of the line": (lambda folder: change(folder / ENV, "API_TOKEN=", "API_TOKEN=$x"), {"fresh"}),
    "a look before the change": (_without_look_before, {"fresh"}),
    "looks that agree": (_old_value_again, {"fresh"}),
    "the history": (lambda folder: rmtree(folder / ".git"), {"no other leak"}),
    "an object of the history": (_lost_object, {"no other leak"}),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_no_good_verdict_stays_without_what_it_rests_on(seed: int, tmp_path: Path) -> None:
    """With everything there they are good; with any one thing taken away, those that rest on it are not."""
    whole = tmp_path / "whole"
    whole.mkdir()
    plant(whole, "leaked and used", seed)
    change(whole / "audit.toml", 'name = "planted"', 'environments = ["production"]\nname = "planted"')
    remember_sample(whole)
    stayed = {}
    for number, (name, (take, lost)) in enumerate(REMOVED.items()):
        folder = copytree(whole, tmp_path / str(number))
        take(folder)
        remember_sample(folder)
        stayed[name] = good(folder, lost)
    assert good(whole, GOOD.keys()) == set(GOOD)
    assert {name: kept for name, kept in stayed.items() if kept} == {}
